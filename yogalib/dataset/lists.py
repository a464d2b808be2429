"""The official Yoga-82 lists, as their authors publish them (Verma et al. 2020)."""

from pathlib import Path

import pandas as pd

from yogalib.errors import BadInput
from yogalib.facts.taxonomy import class_of, load_taxonomy, unknown_pose

SPLIT_FILES = {"train": "yoga_train.txt", "test": "yoga_test.txt"}
# Subset II's hand-picked list was never published; a file of this name holds the sha256 of each image of a list of one's own
PICKED = "subset_ii.csv"
# and the sha256 of pictures that their owners, or the people on them, want to be left out
REMOVED = "removed.csv"
# beside the class folders: what folders that bear other names hold, CSV with the columns folder and pose
NAMES = "names.csv"
LINK_FOLDER = "yoga_dataset_links"


def has_split_lists(folder: Path) -> bool:
    """Return whether both official split lists are in the folder."""
    return all((folder / name).is_file() for name in SPLIT_FILES.values())


def read_split_lists(folder: Path) -> pd.DataFrame:
    """Return the official split: columns path, class, split, one row per line of the two lists.

    Folder names are brought to the spelling of the link lists: the split lists write two of them otherwise, and 1,378
    images would be lost by joining them as they stand.

    Raises BadInput, with file and line, for a line that is not `<folder>/<file>,<L1>,<L2>,<L3>`.
    """
    rows = []
    folders = load_taxonomy().set_index("class")["folder"]
    for split, name in SPLIT_FILES.items():
        lines = (folder / name).read_text(encoding="utf-8").splitlines()
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                path, _, _, label = line.strip().rsplit(",", 3)
                pose, file = path.split("/")
                rows.append((f"{folders[int(label)]}/{file}", int(label), split))
            except (ValueError, KeyError):
                raise BadInput(
                    f"{folder / name}, line {number}: expected '<folder>/<file>,<L1>,<L2>,<L3>', got {line!r}"
                ) from None
            if class_of(pose) != int(label):
                raise BadInput(f"{folder / name}, line {number}: folder '{pose}' is not class {label} of Yoga-82")
    return pd.DataFrame(rows, columns=["path", "class", "split"])


def read_names(folder: Path) -> dict[str, int]:
    """Return the official numbers of the folders that NAMES translates, by name; empty without such a file.

    Raises BadInput for a file without the columns folder and pose, or a pose that is none of the 82.
    """
    file = folder / NAMES
    if not file.is_file():
        return {}
    try:
        names = pd.read_csv(file, dtype=str)[["folder", "pose"]].dropna()
    except (ValueError, KeyError):
        raise BadInput(f"{file} is not a CSV file with the columns folder and pose") from None
    found = {row.folder: class_of(row.pose) for row in names.itertuples()}
    unknown = [pose for folder, pose in names.itertuples(index=False) if found[folder] is None]
    if unknown:
        raise BadInput(
            f"{file}: '{unknown[0]}' is none of the 82 poses{unknown_pose(unknown[0])}: yogalib/facts/taxonomy.csv has their names"
        )
    return found


def read_link_lists(folder: Path) -> pd.DataFrame:
    """Return the official links: columns path, class (-1 for a folder that is none of the 82), url, one row per line.

    Raises BadInput for a folder without link lists and for a line that is not `<path><TAB><url>`.
    """
    files = sorted((folder / LINK_FOLDER).glob("*.txt"))
    if not files:
        raise BadInput(f"{folder} holds no link lists: expected {LINK_FOLDER}/*.txt, as Yoga-82's authors publish them")
    rows = []
    for file in files:
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
            if not line.strip():
                continue
            path, tab, url = line.strip().partition("\t")
            label = class_of(path.partition("/")[0])
            if not tab:
                raise BadInput(f"{file}, line {number}: expected '<folder>/<file><TAB><url>', got {line!r}")
            rows.append((path, -1 if label is None else label, url))
    return pd.DataFrame(rows, columns=["path", "class", "url"])


def read_removed(folder: Path) -> pd.Series:
    """Return the sha256 of the pictures that REMOVED (CSV, column sha256) in the folder rules out; empty without that file.

    Raises BadInput for a file without the column.
    """
    file = folder / REMOVED
    if not file.is_file():
        return pd.Series([], dtype=str)
    table = pd.read_csv(file, dtype=str)
    if "sha256" not in table:
        raise BadInput(
            f"{file} has no column sha256: expected one digest a line under that heading, as sha256sum prints it"
        )
    return table["sha256"].str.strip().str.lower()
