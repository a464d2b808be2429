"""YOLOv8-cls on the study's own split, by ultralytics' own training (paper, section 5).

Ultralytics patches torch, OpenCV and Pillow when it is imported, so it lives in a process of its own: `train_yolo` writes down
the job and starts `python -m yogalib.yolo`, which does it and leaves its answers as files. Nothing else in yogalib imports it.
"""

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pandas as pd

from yogalib.errors import BadInput
from yogalib.profile import Yolo

PRETRAINED = ".pt"


def weights_of(settings: Yolo, weights: Path) -> str:
    """Return what ultralytics starts from: the path of published weights, or the name of a shape to fill at random.

    Raises BadInput when the weights are not there: ultralytics would fetch them without asking.
    """
    if not settings.model.endswith(PRETRAINED):
        return settings.model
    file = weights / settings.model
    if not file.is_file():
        raise BadInput(f"weights of {settings.model} not found: put ultralytics' file into {weights}")
    return str(file.resolve())


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
    it. folder : where ultralytics works; what is in it afterwards is not needed.

    Returns the probabilities (N, C) of the test rows, classes in their order, and the history: epoch, loss, top1 on `val`.
    """
    import torch

    for name in ("train", "val"):
        link_pictures(parts[name], images, folder / "pictures" / name)
    job = settings.model_dump() | {"model": start, "device": device, "folder": str(folder.resolve())}
    job |= {"pictures": {name: len(parts[name]) for name in ("train", "val")}, "images": str(images.resolve())}
    job |= {"test": parts["test"]["path"].tolist(), "threads": torch.get_num_threads()}
    (folder / "job.json").write_text(json.dumps(job), encoding="utf-8")
    quiet = {
        "YOLO_OFFLINE": "true",
        "YOLO_AUTOINSTALL": "false",
        "YOLO_VERBOSE": "false",
        "ULTRALYTICS_SAFE_LOAD": "true",  # a .pt file runs no code
        "YOLO_CONFIG_DIR": str(folder.resolve()),
        "MPLCONFIGDIR": str(folder.resolve()),
    }
    command = [sys.executable, "-m", "yogalib.yolo", str(folder / "job.json")]
    done = subprocess.run(command, env=os.environ | quiet, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"YOLO's training failed:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    return np.load(folder / "probabilities.npy"), pd.read_csv(folder / "history.csv")


def _end_with(parent: int) -> None:
    """End when the process that asked for the job has died: nobody waits for the answer any more."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def _work(job: dict) -> None:
    """Do the job; this alone imports ultralytics."""
    import torch
    from ultralytics import YOLO, settings

    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    folder = Path(job["folder"])
    settings.update({"sync": False} | {f"{name}_dir": str(folder) for name in ("datasets", "weights", "runs")})
    torch.set_num_threads(job["threads"])
    model = YOLO(job["model"], task="classify")
    options = {"optimizer": "SGD", "lr0": job["learning_rate"], "seed": job["seed"], "deterministic": True}
    # mixed precision would look for a model on the network to test itself with
    quiet = {"plots": False, "amp": False, "verbose": False, "workers": 0, "exist_ok": True}
    model.train(
        data=str(folder / "pictures"), imgsz=job["resolution"], epochs=job["epochs"], batch=job["batch"], device=job["device"],
        project=str(folder), name="train", **options, **quiet,
    )  # fmt: skip
    for name, count in job["pictures"].items():
        loader = model.trainer.train_loader if name == "train" else model.trainer.test_loader
        if len(loader.dataset) != count:
            raise RuntimeError(f"ultralytics took {len(loader.dataset)} of {count} pictures of part '{name}'")
    results = pd.read_csv(folder / "train" / "results.csv").rename(columns=str.strip)
    history = results[["epoch", "train/loss", "metrics/accuracy_top1"]].set_axis(["epoch", "loss", "top1"], axis=1)
    history.to_csv(folder / "history.csv", index=False)
    np.save(folder / "probabilities.npy", _answer(YOLO(folder / "train" / "weights" / "best.pt"), job))


def _answer(model, job: dict) -> np.ndarray:
    """Return the test pictures' probabilities, (N, C), classes by number."""
    import torch
    from ultralytics.data.augment import classify_transforms

    from yogalib.dataset.images import open_image

    transform, network = classify_transforms(job["resolution"]), model.model.to(job["device"]).float().eval()
    parts = []
    for start in range(0, len(job["test"]), 256):
        paths = job["test"][start : start + 256]
        batch = torch.stack([transform(open_image(Path(job["images"]) / path)) for path in paths])
        with torch.no_grad():
            out = network(batch.to(job["device"]))
        parts.append((out[0] if isinstance(out, tuple) else out).cpu().numpy())
    order = np.argsort([int(name) for _, name in sorted(model.names.items())])
    return np.concatenate(parts)[:, order]


if __name__ == "__main__":
    _work(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
