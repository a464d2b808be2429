"""A finished run at work on new pictures."""

from pathlib import Path

import numpy as np
import pandas as pd

from yogalib.dataset.images import decode
from yogalib.dataset.index import build_index, describe_dropped
from yogalib.dataset.pixels import to_pixels
from yogalib.errors import BadInput
from yogalib.facts.taxonomy import load_taxonomy
from yogalib.models.device import pick_device
from yogalib.models.kept import tuned_encoder
from yogalib.models.zero_shot import classify
from yogalib.results.metrics import top_k, wilson
from yogalib.runs.store import Run

CHUNK = 512  # pictures decoded at a time: a folder of any size fits in memory


def probabilities_of(run: Run, files: list[Path]) -> tuple[np.ndarray, list[Path], list[str]]:
    """Return probabilities (N, C) of the files that decode, those files, and one line for each file that does not."""
    config, encoder = run.config, tuned_encoder(run)
    device = pick_device("auto", "auto", run.cost["threads"]).for_answers(encoder)
    answers, good, bad = [], [], []
    for start in range(0, len(files), CHUNK):
        pixels = []
        for file in files[start : start + CHUNK]:
            try:
                pixels.append(to_pixels(decode(file.read_bytes()), encoder.resolution, config["fit"]))
                good.append(file)
            except Exception as error:  # noqa: BLE001 - Pillow's plugins raise anything on bad bytes
                bad.append(f"{file}: not readable as a picture ({type(error).__name__})")
        if pixels:
            answers.append(classify(encoder, np.stack(pixels), config["prompts"], device)[0])
    return np.concatenate(answers) if answers else np.empty((0, len(run.classes))), good, bad


def predict(run: Run, files: list[Path], top: int) -> tuple[list[dict], list[str]]:
    """Return for each readable picture its `top` most probable poses, and one line for each unreadable one."""
    probabilities, good, bad = probabilities_of(run, files)
    poses = load_taxonomy().set_index("class").loc[run.classes, ["folder", "sanskrit", "english"]].to_dict("records")
    answers = []
    for file, row in zip(good, probabilities, strict=True):
        best = np.argsort(-row, kind="stable")[:top]
        answers.append(
            {"path": str(file), "poses": [poses[place] | {"probability": float(row[place])} for place in best]}
        )
    return answers, bad


def evaluate(run: Run, folder: Path) -> tuple[dict, list[str]]:
    """Return the accuracy on a folder with one sub-folder per class, and what was left out and why.

    The result has the keys n, top1, top5, low, high (Wilson interval of top1, 95 %) and per_class: official folder name
    to n and top1. All accuracies are shares.

    Raises BadInput when no picture is usable.
    """
    index = build_index(folder, minimum_side=1)
    foreign = (index["status"] == "kept") & ~index["class"].isin(run.classes)
    index.loc[foreign, ["status", "detail"]] = ["class_not_in_run", "the run knows no such pose"]
    notes = [] if (index["status"] == "kept").all() else [f"left out: {describe_dropped(index)}"]
    rows = index[index["status"] == "kept"]
    if rows.empty:
        raise BadInput(f"no picture in {folder} belongs to a pose that run {run.folder.name} knows; {notes[0]}")
    probabilities, _, bad = probabilities_of(run, [folder / path for path in rows["path"]])
    if bad:
        raise BadInput(f"the folder changed while it was read: {bad[0]}")
    labels = np.searchsorted(run.classes, rows["class"])
    hit = top_k(probabilities, labels, 1)
    low, high = wilson(hit.sum(), len(hit))
    folders = rows["class"].map(load_taxonomy().set_index("class")["folder"])
    by_class = pd.Series(hit, index=rows.index).groupby(folders).agg(["size", "mean"])
    return {
        "n": len(hit),
        "top1": float(hit.mean()),
        "top5": float(top_k(probabilities, labels, 5).mean()),
        "low": low,
        "high": high,
        "per_class": {name: {"n": int(row["size"]), "top1": float(row["mean"])} for name, row in by_class.iterrows()},
    }, notes
