"""A finished run at work on new pictures."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd

from yogalib.dataset.index import build_index, describe_dropped
from yogalib.errors import BadInput
from yogalib.facts.taxonomy import class_among
from yogalib.models.kept import at_work
from yogalib.paths import Paths
from yogalib.results.card import Card
from yogalib.results.metrics import top_k, wilson
from yogalib.runs.store import Run

CHUNK = 512  # pictures decoded at a time: a folder of any size fits in memory


def probabilities_of(run: Run, files: list[Path], mirrored: bool = False) -> tuple[np.ndarray, list[Path], list[str]]:
    """Return probabilities (N, C) of the files that decode, those files, and one line for each file that does not.

    mirrored : whether CLIP is asked about each mirror image too. A row is NaN where the run's model looks for a body and finds none.
    """
    paths = Paths.of("")
    see, say = at_work(run, paths.weights, paths.data / "cache", mirrored)

    def taken(file: Path) -> np.ndarray | str:
        try:
            return see(file.read_bytes())
        except BadInput:  # not the file's fault
            raise
        except Exception as error:  # noqa: BLE001 - Pillow's plugins raise anything on bad bytes
            return f"{file}: not readable as a picture ({type(error).__name__})"

    answers, good, bad = [], [], []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, len(files), CHUNK):
            chunk = files[start : start + CHUNK]
            seen = list(pool.map(taken, chunk))
            good += [file for file, each in zip(chunk, seen, strict=True) if not isinstance(each, str)]
            bad += [each for each in seen if isinstance(each, str)]
            if pixels := [each for each in seen if not isinstance(each, str)]:
                answers.append(say(pixels))
    return np.concatenate(answers) if answers else np.empty((0, len(run.classes))), good, bad


def predict(run: Run, files: list[Path], top: int, mirrored: bool = False) -> tuple[list[dict], list[str]]:
    """Return for each picture its `top` most probable poses, and one line for each that is unreadable or shows nobody.

    An answer has the keys path, sure (whether the first is probable enough, yogalib.results.card) and poses.
    """
    probabilities, good, bad = probabilities_of(run, files, mirrored)
    poses, answers, sure = run.poses.to_dict("records"), [], Card(run).sure(probabilities, good)
    for file, row, known in zip(good, probabilities, sure.tolist(), strict=True):
        if np.isnan(row).any():
            bad.append(f"{file}: nobody was found in it")
            continue
        best = np.argsort(-row, kind="stable")[:top]
        named = [poses[place] | {"probability": float(row[place])} for place in best]
        answers.append({"path": str(file), "sure": known, "poses": named})
    return answers, bad


def evaluate(run: Run, folder: Path, mirrored: bool = False) -> tuple[dict, list[str]]:
    """Return the accuracy on a folder with one sub-folder per class, and what was left out and why.

    The result has the keys n, top1, top5, low, high (Wilson interval of top1, 95 %), sure (the same of the pictures whose answer is
    sure), per_class (official folder name to n and top1) and run (Card.data). All accuracies are shares.

    A picture in which the run's model finds nobody counts as wrong.

    Raises BadInput when no picture is usable.
    """
    index = build_index(folder, minimum_side=1)
    unknown = index["status"] == "unknown_class"  # perhaps a pose of the user's own
    index["class"] = [
        class_among(Path(path).parent.name, run.poses) if own else number
        for path, number, own in zip(index["path"], index["class"], unknown, strict=True)
    ]
    index.loc[unknown & (index["class"] >= 0), ["status", "detail"]] = ["kept", ""]
    foreign = (index["status"] == "kept") & ~index["class"].isin(run.classes)
    index.loc[foreign, ["status", "detail"]] = ["class_not_in_run", "the run knows no such pose"]
    notes = [] if (index["status"] == "kept").all() else [f"left out: {describe_dropped(index)}"]
    rows = index[index["status"] == "kept"]
    if rows.empty:
        raise BadInput(f"no picture in {folder} belongs to a pose that run {run.folder.name} knows; {notes[0]}")
    probabilities, good, bad = probabilities_of(run, [folder / path for path in rows["path"]], mirrored)
    if bad:
        raise BadInput(f"the folder changed while it was read: {bad[0]}")
    labels = np.searchsorted(run.classes, rows["class"])
    found = ~np.isnan(probabilities).any(axis=1)
    if not found.all():
        notes.append(f"nobody was found on {(~found).sum()} of {len(found)} pictures: counted as wrong")
    hit, card = top_k(probabilities, labels, 1), Card(run)
    folders = rows["class"].map(run.poses["folder"])
    by_class = pd.Series(hit, index=rows.index).groupby(folders).agg(["size", "mean"])
    return {
        **_share(hit),
        "top5": float(top_k(probabilities, labels, 5).mean()),
        "sure": _share(hit[card.sure(probabilities, good)]),
        "per_class": {name: {"n": int(row["size"]), "top1": float(row["mean"])} for name, row in by_class.iterrows()},
        "run": card.data,
    }, notes


def _share(hit: np.ndarray) -> dict:
    """Return how many pictures, the share named right and its Wilson interval; None for shares of nothing."""
    low, high = wilson(hit.sum(), len(hit)) if len(hit) else (None, None)
    return {"n": len(hit), "top1": float(hit.mean()) if len(hit) else None, "low": low, "high": high}
