"""YOLOv8-cls on the study's own split (paper, section 5).

Ultralytics patches torch, OpenCV and Pillow when it is imported. So it is imported inside functions of this module alone, and these run
in a process of their own (yogalib.processes), which gives back arrays and leaves files in the folder that it is given.
"""

import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from yogalib.dataset.images import open_image
from yogalib.models.checkpoints import read_weights
from yogalib.models.costs import timed
from yogalib.models.meter import Meter
from yogalib.models.published import weights_of
from yogalib.processes import in_own_process
from yogalib.profile import Yolo

KEPT = "model.pt"  # weights of the best epoch, in the folder of a run that keeps them
MINI_SHAPE = "yolov8n-cls.yaml"  # of the weights that come with yogalib (yogalib.models.published)
BATCH = 256
QUIET = {
    "YOLO_OFFLINE": "true",
    "YOLO_AUTOINSTALL": "false",
    "YOLO_VERBOSE": "false",
    "ULTRALYTICS_SAFE_LOAD": "true",  # a .pt file runs no code
}


def answer(ask, at, folder: Path) -> tuple[np.ndarray]:
    """Answer a run of this kind (yogalib.runs.asks); leaves history.csv, cost.json, and KEPT where the model is kept."""
    parts = {"train": ask.train, "val": ask.validation, "test": ask.test}
    start, device = weights_of(ask.settings, at.weights), str(at.device.torch)
    with tempfile.TemporaryDirectory(dir=folder) as work:
        answers, history = train_yolo(parts, ask.source.folder, ask.settings, start, device, Path(work))
        for name in ["cost.json", *([KEPT] if ask.kept else [])]:
            (Path(work) / name).rename(folder / name)
    history.to_csv(folder / "history.csv", index=False)
    return (answers,)


def link_images(rows: pd.DataFrame, images: Path, folder: Path) -> None:
    """Lay out images as ultralytics reads them: `folder`/<class>/<number>.<ending>, links where that is safe.

    Ultralytics writes a JPEG anew, in place, when it does not end as a JPEG should; such a file is copied, so that nobody's
    own images change.
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


def train_yolo(
    parts: dict[str, pd.DataFrame], images: Path, settings: Yolo, start: str, device: str, folder: Path
) -> tuple[np.ndarray, pd.DataFrame]:
    """Train on `train`, keep the epoch that is best on `val`, and answer for `test`.

    parts : rows of the index, by those three names. images : their folder. start : from weights_of. device : as torch names
    it. folder : where ultralytics works; afterwards it holds KEPT and cost.json (yogalib.models.meter).

    Returns the probabilities (N, C) of the test rows, classes in their order, and the history: epoch, loss, top1 on `val`.
    """
    counts = {name: len(parts[name]) for name in ("train", "val")}
    for name in counts:
        link_images(parts[name], images, folder / "images" / name)
    files = [images / path for path in parts["test"]["path"]]
    return apart(folder, _train, folder.resolve(), start, settings, counts, files, device)


def write_untrained(shape: str, file: Path) -> None:
    """Write a network of a shape, such as yolov8n-cls.yaml, with random weights, in the form of ultralytics' published ones."""
    with tempfile.TemporaryDirectory() as folder:
        apart(Path(folder), _write_untrained, shape, file.resolve())


def ask_yolo(
    task: str, model: str | Path, files: list[Path], resolution: int, device: str, **more
) -> dict[str, np.ndarray]:
    """Return what a trained model says of images, arrays by name.

    task : `answer`: probabilities (N, C), classes in the order of their numbers. `explain`: pixels (N, R, R, 3), and maps (N, R, R)
    and ROAD scores (N,) of EigenCAM and gScoreCAM for `targets`, one official class number per image, from `top` channels.
    `time`: seconds of each repeat, latency for one image from file to answer, throughput for a batch of `batch` that is decoded
    already.
    """
    with tempfile.TemporaryDirectory() as folder:
        return apart(Path(folder), _ask, str(model), task, files, resolution, device, more)


def apart(folder: Path, work: Callable, *arguments):
    """Return `work(*arguments)`, done in a process of its own with as many threads as this one. folder : for ultralytics' own files."""
    folder = folder.resolve()
    environment = QUIET | {"YOLO_CONFIG_DIR": str(folder), "MPLCONFIGDIR": str(folder)}
    try:
        return in_own_process(
            _work, folder, torch.get_num_threads(), work, *arguments, environment=environment, log=folder / "log.txt"
        )
    except RuntimeError as error:
        raise RuntimeError(f"YOLO's process failed: {error}") from error


# what follows runs in that process


class Classifier(nn.Module):
    """A trained YOLOv8-cls as grad-cam and the rest of us know classifiers: images (N, 3, R, R) to logits (N, C).

    classes : official class number of each logit. transform : from an opened image to the network's input.
    """

    def __init__(self, model, resolution: int, device: str):
        from ultralytics.data.augment import classify_transforms  # patches: see above

        super().__init__()
        self.network = model.model.to(device).float().eval().requires_grad_()
        self.classes = np.array([int(name) if name.isdigit() else -1 for _, name in sorted(model.names.items())])
        self.transform, self.device = classify_transforms(resolution), device

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits; outside training ultralytics gives (probabilities, logits)."""
        out = self.network(images)
        return out[1] if isinstance(out, tuple) else out

    def read(self, files: list[Path]) -> Tensor:
        """Return the network's input, (N, 3, R, R)."""
        return torch.stack([self.transform(open_image(file)) for file in files]).to(self.device)


def _work(folder: Path, threads: int, work: Callable, *arguments):
    from ultralytics import settings  # patches: see above

    settings.update({"sync": False} | {f"{name}_dir": str(folder) for name in ("datasets", "weights", "runs")})
    torch.set_num_threads(threads)
    return work(*arguments)


def _open(model: str | Path):
    """Return ultralytics' model, from a file or the name of a shape. Tensors alone, .safetensors, are ours."""
    from ultralytics import YOLO  # patches: see above

    if not str(model).endswith(".safetensors"):
        return YOLO(model, task="classify")
    state, _ = read_weights(Path(model), Path(model).parent)
    opened = YOLO(MINI_SHAPE, task="classify")
    opened.model = fresh_network(len(state["model.9.linear.bias"]))
    opened.model.load_state_dict(state)
    opened.ckpt = {
        "model": opened.model
    }  # as of a file of its own: training then starts from these weights, not at random
    return opened


def fresh_network(classes: int) -> nn.Module:
    """Return the network of MINI_SHAPE before any training. Only in a process of its own."""
    from ultralytics.nn.tasks import ClassificationModel  # patches: see above

    return ClassificationModel(MINI_SHAPE, nc=classes, verbose=False)


def _write_untrained(shape: str, file: Path) -> None:
    _open(shape).save(file)


def _train(
    folder: Path, start: str, settings: Yolo, counts: dict[str, int], files: list[Path], device: str
) -> tuple[np.ndarray, pd.DataFrame]:
    model, meter = _open(start), Meter()
    options = {"optimizer": "SGD", "lr0": settings.learning_rate, "seed": settings.seed, "deterministic": True}
    options |= {"warmup_epochs": 0} if settings.no_warmup else {}
    # mixed precision would look for a model on the network to test itself with
    quiet = {"plots": False, "amp": False, "verbose": False, "workers": 0, "exist_ok": True}
    model.train(
        data=str(folder / "images"), imgsz=settings.resolution, epochs=settings.epochs, batch=settings.batch, device=device,
        project=str(folder), name="train", **options, **quiet,
    )  # fmt: skip
    (folder / "cost.json").write_text(json.dumps(meter.read()), encoding="utf-8")
    for name, count in counts.items():
        loader = model.trainer.train_loader if name == "train" else model.trainer.test_loader
        if len(loader.dataset) != count:
            raise RuntimeError(f"ultralytics took {len(loader.dataset)} of {count} images of part '{name}'")
    results = pd.read_csv(folder / "train" / "results.csv").rename(columns=str.strip)
    history = results[["epoch", "train/loss", "metrics/accuracy_top1"]].set_axis(["epoch", "loss", "top1"], axis=1)
    (folder / "train" / "weights" / "best.pt").rename(folder / KEPT)
    classifier = Classifier(_open(folder / KEPT), settings.resolution, device)
    return _answer(classifier, files)["probabilities"], history


def _ask(model: str, task: str, files: list[Path], resolution: int, device: str, more: dict) -> dict[str, np.ndarray]:
    tasks = {"answer": _answer, "explain": _explain, "time": _time}
    return tasks[task](Classifier(_open(model), resolution, device), files, **more)


@torch.no_grad()
def _answer(classifier: Classifier, files: list[Path]) -> dict[str, np.ndarray]:
    parts = [
        classifier(classifier.read(files[start : start + BATCH])).softmax(1).cpu()
        for start in range(0, len(files), BATCH)
    ]
    return {"probabilities": torch.cat(parts).numpy()[:, np.argsort(classifier.classes)]}


def _explain(classifier: Classifier, files: list[Path], targets: list[int], top: int) -> dict[str, np.ndarray]:
    """Return what the network saw and its activation maps before the head, with their ROAD scores."""
    from pytorch_grad_cam import EigenCAM  # a second, of no use to the other tasks

    from yogalib.models.cam import GScoreCAM, maps_of, road_of

    images, layer = classifier.read(files), classifier.network.model[-2]
    # a network before its training knows other classes, and is asked for any
    places = {number: place for place, number in enumerate(classifier.classes)}
    chosen = np.array([places.get(number, 0) for number in targets])
    found = {"pixels": (255 * images.permute(0, 2, 3, 1)).round().byte().cpu().numpy()}
    for name, cam in (("EigenCAM", EigenCAM(classifier, [layer])), ("gScoreCAM", GScoreCAM(classifier, layer, top))):
        found[name] = maps_of(cam, images, chosen)
        found[f"{name}_road"] = road_of(classifier, images, chosen, found[name])
    return found


@torch.no_grad()
def _time(classifier: Classifier, files: list[Path], batch: int, repeats: int) -> dict[str, np.ndarray]:
    file, many = files[:1], classifier.read((files * batch)[:batch])
    return {
        "latency": timed(lambda: classifier(classifier.read(file)).softmax(1).cpu(), repeats),
        "throughput": timed(lambda: classifier(many).softmax(1).cpu(), 5),
    }
