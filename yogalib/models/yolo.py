"""The one module that imports ultralytics: a process that trains YOLOv8-cls, or asks a trained one (yogalib.results.benchmark).

Run as `python -m yogalib.models.yolo job.json`; answers are left as .npy files in the job's folder.
"""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from yogalib.dataset.images import open_image
from yogalib.orphans import end_with_parent
from yogalib.results.benchmark import KEPT

BATCH = 256


class Classifier(nn.Module):
    """A trained YOLOv8-cls as grad-cam and the rest of us know classifiers: pictures (N, 3, R, R) to logits (N, C).

    classes : official class number of each logit. transform : from an opened picture to the network's input.
    """

    def __init__(self, model, resolution: int, device: str):
        from ultralytics.data.augment import classify_transforms

        super().__init__()
        self.network = model.model.to(device).float().eval().requires_grad_()
        self.classes = np.array([int(name) if name.isdigit() else -1 for _, name in sorted(model.names.items())])
        self.transform, self.device = classify_transforms(resolution), device

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits; outside training ultralytics gives (probabilities, logits)."""
        out = self.network(images)
        return out[1] if isinstance(out, tuple) else out

    def read(self, files: list[str]) -> Tensor:
        """Return the network's input, (N, 3, R, R)."""
        return torch.stack([self.transform(open_image(Path(file))) for file in files]).to(self.device)


def _work(job: dict) -> None:
    """Do the job; this alone imports ultralytics."""
    from ultralytics import YOLO, settings

    end_with_parent()
    folder = Path(job["folder"])
    settings.update({"sync": False} | {f"{name}_dir": str(folder) for name in ("datasets", "weights", "runs")})
    torch.set_num_threads(job["threads"])
    model = YOLO(job["model"], task="classify")
    if job["task"] == "train":
        _train(model, job, folder)
        model = YOLO(folder / KEPT)
    classifier = Classifier(model, job["resolution"], job["device"])
    tasks = {"train": _answer, "answer": _answer, "explain": _explain, "time": _time}
    for name, array in tasks[job["task"]](classifier, job).items():
        np.save(folder / f"{name}.npy", array)


def _train(model, job: dict, folder: Path) -> None:
    """Train and leave KEPT, history.csv and cost.json."""
    from yogalib.models.meter import Meter

    meter = Meter()
    options = {"optimizer": "SGD", "lr0": job["learning_rate"], "seed": job["seed"], "deterministic": True}
    # mixed precision would look for a model on the network to test itself with
    quiet = {"plots": False, "amp": False, "verbose": False, "workers": 0, "exist_ok": True}
    model.train(
        data=str(folder / "pictures"), imgsz=job["resolution"], epochs=job["epochs"], batch=job["batch"], device=job["device"],
        project=str(folder), name="train", **options, **quiet,
    )  # fmt: skip
    (folder / "cost.json").write_text(json.dumps(meter.read()), encoding="utf-8")
    for name, count in job["pictures"].items():
        loader = model.trainer.train_loader if name == "train" else model.trainer.test_loader
        if len(loader.dataset) != count:
            raise RuntimeError(f"ultralytics took {len(loader.dataset)} of {count} pictures of part '{name}'")
    results = pd.read_csv(folder / "train" / "results.csv").rename(columns=str.strip)
    history = results[["epoch", "train/loss", "metrics/accuracy_top1"]].set_axis(["epoch", "loss", "top1"], axis=1)
    history.to_csv(folder / "history.csv", index=False)
    (folder / "train" / "weights" / "best.pt").rename(folder / KEPT)


@torch.no_grad()
def _answer(classifier: Classifier, job: dict) -> dict[str, np.ndarray]:
    """Return the pictures' probabilities, (N, C), classes in the order of their numbers."""
    files = job["files"]
    parts = [
        classifier(classifier.read(files[start : start + BATCH])).softmax(1).cpu()
        for start in range(0, len(files), BATCH)
    ]
    return {"probabilities": torch.cat(parts).numpy()[:, np.argsort(classifier.classes)]}


def _explain(classifier: Classifier, job: dict) -> dict[str, np.ndarray]:
    """Return what the network saw and its activation maps before the head, with their ROAD scores."""
    from pytorch_grad_cam import EigenCAM

    from yogalib.models.cam import GScoreCAM, maps_of, road_of

    images, layer = classifier.read(job["files"]), classifier.network.model[-2]
    # a network before its training knows other classes, and is asked for any
    places = {number: place for place, number in enumerate(classifier.classes)}
    targets = np.array([places.get(number, 0) for number in job["targets"]])
    found = {"pixels": (255 * images.permute(0, 2, 3, 1)).round().byte().cpu().numpy()}
    for name, cam in (
        ("EigenCAM", EigenCAM(classifier, [layer])),
        ("gScoreCAM", GScoreCAM(classifier, layer, job["top"])),
    ):
        found[name] = maps_of(cam, images, targets)
        found[f"{name}_road"] = road_of(classifier, images, targets, found[name])
    return found


@torch.no_grad()
def _time(classifier: Classifier, job: dict) -> dict[str, np.ndarray]:
    """Return the seconds of answering one picture, from its file, and a whole batch that is decoded."""
    from yogalib.models.costs import timed

    file, batch = job["files"][:1], classifier.read((job["files"] * job["batch"])[: job["batch"]])
    return {
        "latency": timed(lambda: classifier(classifier.read(file)).softmax(1).cpu(), job["repeats"]),
        "throughput": timed(lambda: classifier(batch).softmax(1).cpu(), 5),
    }


if __name__ == "__main__":
    _work(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
