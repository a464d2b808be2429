"""Finished runs made by hand, with drawn pictures: for tests of what is shown of them."""

import json
from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd
from conftest import draw

from yogalib.dataset.pixels import Source
from yogalib.results.openers import Answers
from yogalib.runs.store import Run, save_predictions


def answered(
    home: Path,
    classes: np.ndarray,
    seed: int,
    model: str = "model",
    pictures: bool = True,
    each: int = 4,
    nobody: tuple = (),
    folder: str = "Pose",
) -> Answers:
    """Return the answers of a model that is right in about half, to pictures that are drawn beside.

    classes : official numbers, (C,). nobody : pictures in which nobody was found. folder : how the pictures' folders begin.
    """
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(classes)), each)
    odds = rng.dirichlet(np.full(len(classes), 0.3), len(labels))
    right = rng.random(len(labels)) < 0.5
    odds[right, labels[right]] += 1
    odds /= odds.sum(axis=1, keepdims=True)
    odds[list(nobody)] = np.nan
    paths = [f"{folder}_{label}/{place}.png" for place, label in enumerate(labels)]
    for path, label in zip(paths, labels, strict=True):
        file = home / "pictures" / path
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            draw(["line", "ellipse", "cross"][label % 3], np.random.default_rng(label)).save(file)
    run = home / sha256(f"{seed} {model}".encode()).hexdigest()[:12]
    run.mkdir(exist_ok=True)
    rows = pd.DataFrame({"path": paths, "class": classes[labels]})
    rows["sha256"] = [sha256(path.encode()).hexdigest() for path in rows["path"]]
    save_predictions(run, rows, classes, odds)
    (run / "config.json").write_text(json.dumps({"classes": classes.tolist()}))
    source = Source(home / "pictures", home / "index.parquet", home / "cache", "crop")
    return Answers(Run(run), source, model, pictures)
