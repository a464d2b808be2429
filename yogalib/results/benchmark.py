"""YOLOv8-cls on the study's own split (paper, section 5), asked from outside.

Ultralytics patches torch, OpenCV and Pillow when it is imported, so it lives in a process of its own: a job is written down and
`python -m yogalib.models.yolo` started, which does it and leaves its answers as files. Nothing else in yogalib imports it.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from yogalib.dataset.images import open_image
from yogalib.dataset.pixels import to_pixels
from yogalib.facts.prompts import class_names
from yogalib.models.costs import Costs, timed
from yogalib.models.device import Device
from yogalib.models.encoders import Encoder
from yogalib.models.zero_shot import answerer, classify
from yogalib.profile import Yolo
from yogalib.runs.store import Run

KEPT = "model.pt"  # weights of the best epoch, in the folder of a run that keeps them


def link_pictures(rows: pd.DataFrame, images: Path, folder: Path) -> None:
    """Lay out pictures as ultralytics reads them: `folder`/<class>/<number>.<ending>, links where that is safe.

    Ultralytics writes a JPEG anew, in place, when it does not end as a JPEG should; such a file is copied, so that nobody's
    own pictures change.
    """
    for number, (path, label) in enumerate(zip(rows["path"], rows["class"], strict=True)):
        source = (images / path).resolve()
        target = folder / f"{label:02d}" / f"{number:06d}{source.suffix.lower()}"
        target.parent.mkdir(parents=True, exist_ok=True)
        is_jpeg = source.suffix.lower() in (".jpg", ".jpeg")
        if is_jpeg and source.read_bytes()[-2:] != b"\xff\xd9":
            shutil.copy(source, target)
        else:
            target.symlink_to(source)


def train_yolo(parts: dict[str, pd.DataFrame], images: Path, settings: Yolo, start: str, device: str, folder: Path):
    """Train on `train`, keep the epoch that is best on `val`, and answer for `test`.

    parts : rows of the index, by those three names. images : their folder. start : from weights_of. device : as torch names
    it. folder : where ultralytics works; afterwards it holds KEPT and cost.json (yogalib.models.meter).

    Returns the probabilities (N, C) of the test rows, classes in their order, and the history: epoch, loss, top1 on `val`.
    """
    for name in ("train", "val"):
        link_pictures(parts[name], images, folder / "pictures" / name)
    job = settings.model_dump() | {"task": "train", "model": start, "device": device}
    job |= {"pictures": {name: len(parts[name]) for name in ("train", "val")}}
    job |= {"files": [str((images / path).resolve()) for path in parts["test"]["path"]]}
    _do(job, folder)
    return np.load(folder / "probabilities.npy"), pd.read_csv(folder / "history.csv")


def ask_yolo(
    task: str, model: str | Path, files: list[Path], resolution: int, device: str, **more
) -> dict[str, np.ndarray]:
    """Return what a trained model says of pictures, arrays by name.

    task : `answer`: probabilities (N, C), classes in the order of their numbers. `explain`: pixels (N, R, R, 3), and maps (N, R, R)
    and ROAD scores (N,) of EigenCAM and gScoreCAM for `targets`, one official class number per picture. `time`: seconds
    of each repeat, latency for one picture from file to answer, throughput for a batch of `batch` that is decoded already.
    """
    with tempfile.TemporaryDirectory() as work:
        job = {"task": task, "model": str(model), "files": [str(Path(file).resolve()) for file in files]}
        _do(job | {"resolution": resolution, "device": device} | more, Path(work))
        return {file.stem: np.load(file) for file in Path(work).glob("*.npy")}


def _do(job: dict, folder: Path) -> None:
    """Have the job done by a process of its own, in `folder`. Raises RuntimeError with what it said when it fails."""
    job |= {"folder": str(folder.resolve()), "threads": torch.get_num_threads()}
    (folder / "job.json").write_text(json.dumps(job), encoding="utf-8")
    quiet = {
        "YOLO_OFFLINE": "true",
        "YOLO_AUTOINSTALL": "false",
        "YOLO_VERBOSE": "false",
        "ULTRALYTICS_SAFE_LOAD": "true",  # a .pt file runs no code
        "YOLO_CONFIG_DIR": str(folder.resolve()),
        "MPLCONFIGDIR": str(folder.resolve()),
    }
    command = [sys.executable, "-m", "yogalib.models.yolo", str(folder / "job.json")]
    done = subprocess.run(command, env=os.environ | quiet, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"YOLO's process failed:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")


def time_clip(
    encoder: Encoder, files: list[Path], prompts: list[str], fit: str, device: Device, repeats: int, batch: int
) -> dict:
    """Return the seconds of each repeat, by what was timed.

    prompts encoded each time : one picture by the paper's definition (section 4.3): its preprocessing, tokenising, both towers,
    logits. prompts cached : one picture from its file, the prompts' features known. throughput : a decoded batch, likewise.
    """

    def read() -> np.ndarray:
        return to_pixels(open_image(files[0]), encoder.resolution, fit)[None]

    one, many = (answerer(encoder, prompts, device) for _ in range(2))
    pictures = np.repeat(read(), batch, axis=0)
    return {
        "prompts encoded each time": timed(lambda: classify(encoder, read(), prompts, device), repeats),
        "prompts cached": timed(lambda: one(read()), repeats, warm_up=5),
        "throughput": timed(lambda: many(pictures), 5, warm_up=5),
    }


def inference_table(times: dict[str, dict[str, np.ndarray]], batch: int) -> pd.DataFrame:
    """Return inference times. times : model to what was timed to seconds, with the throughput of a batch among them.

    Columns: model, what, p50_ms, p95_ms, repeats, images_per_second (of the batch; empty where prompts are encoded each time).
    """
    rows = []
    for model, parts in times.items():
        flow = batch / np.median(parts["throughput"])
        for what, seconds in parts.items():
            if what != "throughput":
                middle, slow = 1e3 * np.quantile(seconds, [0.5, 0.95])
                rows.append((model, what, middle, slow, len(seconds), np.nan if "each time" in what else flow))
    return pd.DataFrame(rows, columns=["model", "what", "p50_ms", "p95_ms", "repeats", "images_per_second"])


def training_table(runs: dict[str, Run], costs: dict[str, Costs]) -> pd.DataFrame:
    """Return what training took; seconds up to an epoch are its share of the whole.

    Columns: model, million_weights, gflops (of one picture, prompts cached), epochs, seconds, best_epoch, to_best (seconds),
    equal_epoch (the first that reaches the lower of the models' best accuracies), to_equal (seconds), peak_gb, kilojoules (empty
    where the machine does not tell).
    """
    within_reach = min(run.history["top1"].max() for run in runs.values())
    rows = []
    for model, run in runs.items():
        top1, cost = run.history["top1"], run.cost
        best, equal = int(top1.argmax()) + 1, int((top1 >= within_reach).argmax()) + 1
        a_epoch = cost["seconds"] / len(top1)
        size = (costs[model].weights / 1e6, costs[model].picture / 1e9)
        drawn = [
            np.nan if cost[key] is None else cost[key] / unit for key, unit in (("peak_memory", 1e9), ("joules", 1e3))
        ]
        rows.append((model, *size, len(top1), cost["seconds"], best, best * a_epoch, equal, equal * a_epoch, *drawn))
    names = "model million_weights gflops epochs seconds best_epoch to_best equal_epoch to_equal peak_gb kilojoules"
    return pd.DataFrame(rows, columns=names.split())


def class_differences(ours: Run, theirs: Run) -> pd.DataFrame:
    """Return the accuracy of two models on the same pictures by class, sorted by difference. Columns: pose, n, ours, theirs, difference."""
    hits = pd.DataFrame(
        {"pose": np.array(class_names(ours.classes))[ours.labels], "ours": ours.hits, "theirs": theirs.hits}
    )
    table = hits.groupby("pose").agg(n=("ours", "size"), ours=("ours", "mean"), theirs=("theirs", "mean")).reset_index()
    return table.assign(difference=table["ours"] - table["theirs"]).sort_values("difference", ignore_index=True)


def disagreements(ours: Run, theirs: Run, each: int = 6) -> pd.DataFrame:
    """Return pictures that one model alone names right, `each` for either, of different poses first. Columns: path, title."""
    names, rows = class_names(ours.classes), []
    for right, wrong in ((ours, theirs), (theirs, ours)):
        places = np.flatnonzero(right.hits & ~wrong.hits)
        _, first = np.unique(right.labels[places], return_index=True)
        for place in [*places[first], *np.delete(places, first)][:each]:
            title = f"{names[right.labels[place]]}, not {names[wrong.predicted[place]]}"
            rows.append((right.predictions["path"].iloc[place], title))
    return pd.DataFrame(rows, columns=["path", "title"])
