"""Tables of section 5: CLIP beside YOLO, in accuracy, training and inference."""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from yogalib.dataset.pixels import Source
from yogalib.facts.prompts import class_names
from yogalib.models.costs import Costs, timed
from yogalib.models.device import Device
from yogalib.models.encoders import LITE_WEIGHTS, MINI_WEIGHTS, Encoder, weights_file
from yogalib.models.kept import tuned_encoder
from yogalib.models.published import weights_of
from yogalib.models.yolo import KEPT, ask_yolo
from yogalib.models.zero_shot import answerer, classify
from yogalib.profile import Yolo
from yogalib.results.metrics import paired_proportions, wilson
from yogalib.runs.store import Run


def bodies_seen(encoder: str, settings: Yolo, weights: Path) -> dict[str, int]:
    """Return on how many drawn bodies models were pre-trained, by name, of those whose weights come with yogalib and say so."""
    starts = {encoder: weights_file(encoder, weights), settings.model: Path(weights_of(settings, weights))}
    ours = {
        name: file for name, file in starts.items() if file is not None and file.parent in (MINI_WEIGHTS, LITE_WEIGHTS)
    }
    return {
        name: json.loads(file.with_suffix(".json").read_text(encoding="utf-8"))["pictures"]
        for name, file in ours.items()
    }


def time_clip(
    encoder: Encoder, files: list[Path], prompts: list[str], source: Source, device: Device, repeats: int, batch: int
) -> dict:
    """Return the seconds of each repeat, by what was timed.

    prompts encoded each time : one picture by the paper's definition (section 4.3): its preprocessing, tokenising, both towers,
    logits. prompts cached : one picture from its file, the prompts' features known. throughput : a decoded batch, likewise.
    """

    def read() -> np.ndarray:
        return source.see(files[0].read_bytes(), encoder.resolution)[None]

    one, many = (answerer(encoder, prompts, device) for _ in range(2))
    pictures = np.repeat(read(), batch, axis=0)
    return {
        "prompts encoded each time": timed(lambda: classify(encoder, read(), prompts, device), repeats),
        "prompts cached": timed(lambda: one(read()), repeats, warm_up=5),
        "throughput": timed(lambda: many(pictures), 5, warm_up=5),
    }


def inference_times(
    models: dict[str, Run], settings: Yolo, file: Path, source: Source, device: Device, repeats: int, batch: int
) -> dict[str, dict[str, np.ndarray]]:
    """Return the seconds of each repeat, by model and what was timed. models : the kept runs of CLIP and of YOLO. file : of one image."""
    (clip, tuned), (yolo, trained) = models.items()
    encoder, prompts = tuned_encoder(tuned), tuned.config["prompts"]
    times = {clip: time_clip(encoder, [file], prompts, source, device, repeats, batch)}
    where = {"resolution": settings.resolution, "device": str(device.torch)}
    seen = ask_yolo("time", trained.folder / KEPT, [file], **where, repeats=repeats, batch=batch)
    return times | {yolo: {"from file to answer": seen["latency"], "throughput": seen["throughput"]}}


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


def accuracy_claims(judged: dict[str, Run]) -> dict[str, tuple]:
    """Return what section 5 says of images from elsewhere, by its ids in paper.yaml: percent or points, n and bounds.

    judged : CLIP's and YOLO's answers to them.
    """
    ours, theirs = (run.hits for run in judged.values())
    n, difference = len(theirs), paired_proportions(theirs, ours)
    told = {"yolo_top1": (theirs.mean(), *wilson(theirs.sum(), n)), "difference": difference}
    claims = {f"section_5.{name}": (100 * value, n, 100 * low, 100 * high) for name, (value, low, high) in told.items()}
    return {"section_3_1.yopo_images": (n, n)} | claims


def cost_claims(
    training: pd.DataFrame, inference: pd.DataFrame, costs: dict[str, Costs], n: int, learned: int, held: int
) -> dict[str, tuple]:
    """Return what sections 4.3, 5 and 6 say of costs, by their ids in paper.yaml: the number, and n.

    training, inference : of training_table and inference_table, CLIP first. n, learned, held : images judged, trained on, held out.
    """
    ours, theirs = training.to_dict("records")
    each, _, yolo = inference.to_dict("records")
    clip_weights, yolo_weights = (cost.weights for cost in costs.values())
    return {
        "section_4_3.training_minutes": (ours["seconds"] / 60, learned),
        "section_5.yolo_epochs": (theirs["best_epoch"], held),
        "section_6.parameters": (clip_weights / 1e6, n),
        "section_6.parameters_over_yolo": (clip_weights / yolo_weights, n),
        "section_4_3.inference_ms": (each["p50_ms"], each["repeats"]),
        "section_5.yolo_inference_ms": (yolo["p50_ms"], yolo["repeats"]),
        "section_5.inference_ratio": (each["p50_ms"] / yolo["p50_ms"], yolo["repeats"]),
    }


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
