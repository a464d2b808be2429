"""The index: one row per file, each with a status; the only place where files become labelled images."""

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from yogalib.dataset.images import inspect_image
from yogalib.dataset.lists import (
    LINK_FOLDER,
    NAMES,
    REMOVED,
    SPLIT_FILES,
    has_split_lists,
    read_names,
    read_removed,
    read_split_lists,
)
from yogalib.dataset.pixels import Ahead
from yogalib.errors import BadInput
from yogalib.facts.taxonomy import class_of, unknown_pose
from yogalib.paths import write_whole

ABOUT = (".md", ".txt", ".csv")  # beside the class folders: lists, and words on the data
CONTENT = ["bytes", "sha256", "width", "height", "phash", "status", "detail"]
COLUMNS = ["path", "class", "split", "mtime", *CONTENT]
# a matter of settings and names, not of the bytes: judged anew each time
JUDGED_LATER = ("removed", "too_small", "unknown_class", "duplicate_path")


def build_index(
    folder: Path,
    minimum_side: int,
    lists: Path | None = None,
    known: pd.DataFrame | None = None,
    ahead: Ahead | None = None,
) -> pd.DataFrame:
    """Return one row per file of the folder and per row of the official lists, with its status.

    Labels and split come from the official lists in `lists` (or in the folder itself) when they are there, else the
    label comes from the name of the file's folder, or what NAMES says of it. Columns: path (relative, with /), class (official
    number, -1 when unknown), split (train, test or empty), mtime, and what images.inspect_image finds.
    `status` is `kept`, or why not: missing, not_an_image, truncated, damaged, removed (its sha256 stands in the folder's
    removed.csv), too_small, too_large, unknown_class, duplicate_path.

    known : an earlier index of the same folder; files whose size and time are unchanged are not read again. ahead : is given the
    pictures, where all are read and that saves time.

    Raises BadInput when the folder is not there.
    """
    if not folder.is_dir():
        raise BadInput(
            f"data folder {folder} is not there: give a folder of images, one sub-folder per pose, as DATA=..."
        )
    rows = _with_official_labels(folder, _walk(folder), lists)
    take = ahead.take if ahead and known is None and ahead.pays(rows["bytes"].sum()) else None
    previous = {} if known is None else known.drop_duplicates("path").set_index("path").to_dict("index")

    def inspect(row) -> dict:
        old = previous.get(row.path)
        unchanged = old is not None and (old["bytes"], old["mtime"]) == (row.bytes, row.mtime) and row.mtime > 0
        found = {key: old[key] for key in CONTENT} if unchanged else inspect_image(folder / row.path, take)
        if found["status"] in JUDGED_LATER:
            found |= {"status": "kept", "detail": ""}
        return {"path": row.path, "class": row.label, "split": row.split, "mtime": row.mtime} | found

    with ThreadPoolExecutor(os.cpu_count()) as pool:  # decoding releases the interpreter's lock
        work = pool.map(inspect, rows.itertuples())
        index = pd.DataFrame(
            tqdm(work, total=len(rows), desc="index", unit="file", mininterval=10, delay=2), columns=COLUMNS
        )
    side = index[["width", "height"]].min(axis=1)
    size = index["width"].astype(str) + " x " + index["height"].astype(str)
    parent = _folders_of(index)
    _drop(index, index["sha256"].isin(read_removed(folder)), "removed", f"listed in {REMOVED}")
    _drop(index, side < minimum_side, "too_small", size + f", minimum side {minimum_side}")
    _drop(index, index["class"] < 0, "unknown_class", parent.map(_unknown))
    _drop(index, index.duplicated("path"), "duplicate_path", "listed more than once")
    return index


def _folders_of(index: pd.DataFrame) -> pd.Series:
    """Return the name of the folder that each file lies in."""
    return index["path"].map(lambda path: Path(path).parent.name or "(the data folder itself)")


@lru_cache(4096)
def _unknown(folder: str) -> str:
    """Return why a folder's images have no class, and what mends it."""
    return f"no class is named '{folder}'{unknown_pose(folder)}; {NAMES} beside the folders can say which pose it is"


def unknown_folders(index: pd.DataFrame, most: int = 3) -> str:
    """Return a sentence on the folders that name no pose, the largest first, and what mends it; empty where there are none."""
    lost = _folders_of(index)[index["status"] == "unknown_class"].value_counts()
    if lost.empty:
        return ""
    named = [f"{count} in '{folder}'{unknown_pose(folder)}" for folder, count in lost.head(most).items()]
    more = f" and {len(lost) - most} more" if len(lost) > most else ""
    return (
        f"{lost.sum()} images lie in folders that name none of the 82 poses: {', '.join(named)}{more}; "
        f"a file {NAMES} beside the folders (columns folder, pose) can say which poses they are"
    )


def _drop(index: pd.DataFrame, where: pd.Series, status: str, detail: pd.Series | str) -> None:
    where = where & (index["status"] == "kept")
    index.loc[where, "detail"] = detail[where] if isinstance(detail, pd.Series) else detail
    index.loc[where, "status"] = status


def _walk(folder: Path) -> pd.DataFrame:
    """Return path, file, label, bytes and mtime of every file under the folder, the lists themselves left out."""
    rows, names = [], read_names(folder)
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name != LINK_FOLDER)
        name = Path(parent).name
        label = names.get(name, class_of(name)) if Path(parent) != folder else None
        for name in sorted(files):
            if name.startswith(".") or (Path(parent) == folder and Path(name).suffix in ABOUT):
                continue
            file = Path(parent, name)
            stat = file.stat() if file.exists() else None  # a dangling link is a row too
            path = file.relative_to(folder).as_posix()
            rows.append(
                (
                    path,
                    name,
                    -1 if label is None else label,
                    "",
                    *((stat.st_size, stat.st_mtime_ns) if stat else (0, 0)),
                )
            )
    return pd.DataFrame(rows, columns=["path", "file", "label", "split", "bytes", "mtime"])


def _with_official_labels(folder: Path, files: pd.DataFrame, lists: Path | None) -> pd.DataFrame:
    """Join the official lists to the files by class and file name, so that either spelling of a folder will do."""
    if lists is None and not has_split_lists(folder):
        return files
    if lists is not None and not has_split_lists(lists):
        raise BadInput(f"{lists} holds no official lists: expected {' and '.join(SPLIT_FILES.values())}")
    official = read_split_lists(lists or folder)
    official["file"] = official["path"].str.rpartition("/")[2]
    on_disk = files.rename(columns={"split": "no_split"})
    joined = official.merge(
        on_disk, how="outer", left_on=["class", "file"], right_on=["label", "file"], suffixes=("_list", "")
    )
    joined["path"] = joined["path"].fillna(joined["path_list"])
    joined["label"] = joined["class"].fillna(joined["label"]).astype(int)
    joined["split"] = joined["split"].fillna("")
    joined[["bytes", "mtime"]] = joined[["bytes", "mtime"]].fillna(0).astype("int64")
    return joined[["path", "file", "label", "split", "bytes", "mtime"]].sort_values("path", kind="stable")


def refresh_index(
    folder: Path, minimum_side: int, lists: Path | None, file: Path, ahead: Ahead | None = None
) -> pd.DataFrame:
    """Build the index, reusing what `file` (Parquet) holds, and store it there.

    Beside it lie dropped.csv, each file that is there and not kept, and missing.csv, how many images of each class and split the
    official lists name that are not: of a small download these are thousands.
    """
    known = pd.read_parquet(file) if file.is_file() else None
    if known is not None and list(known) != COLUMNS:  # an older version's
        known = None
    index = build_index(folder, minimum_side, lists, known, ahead)
    write_whole(file, index.to_parquet)
    listed_alone = (index["status"] == "missing") & (index["split"] != "")
    dropped = index.loc[(index["status"] != "kept") & ~listed_alone, ["path", "status", "detail"]]
    write_whole(file.with_name("dropped.csv"), lambda path: dropped.to_csv(path, index=False))
    missing = missing_counts(index)
    write_whole(file.with_name("missing.csv"), lambda path: missing.to_csv(path, index=False))
    return index


def missing_counts(index: pd.DataFrame) -> pd.DataFrame:
    """Return how many images the official lists name and how many of them are not there. Columns: folder, split, listed, missing."""
    listed = index[index["split"] != ""]
    listed = listed.assign(folder=listed["path"].str.split("/").str[0], missing=listed["status"] == "missing")
    counts = listed.groupby(["folder", "split"])["missing"].agg(listed="size", missing="sum").reset_index()
    return counts[counts["missing"] > 0]


def data_hash(rows: pd.DataFrame) -> str:
    """Return a hash of the images' contents and labels, in the order of the rows."""
    lines = [
        f"{sha256} {number}" for sha256, number in zip(rows["sha256"].tolist(), rows["class"].tolist(), strict=True)
    ]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def describe_dropped(index: pd.DataFrame) -> str:
    """Return one sentence on what was dropped and why, with an example each, such as "33 too_small (a/1.jpg: 16 x 16)"."""
    parts = []
    for status, rows in index[index["status"] != "kept"].groupby("status"):
        example = rows.iloc[0]
        parts.append(f"{len(rows)} {status} (such as {example['path']}: {example['detail']})")
    return "; ".join(parts) or "nothing dropped"
