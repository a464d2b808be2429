"""The models beside CLIP: a linear model on pixels, and YOLO in its own process."""

import hashlib
import importlib.util
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from conftest import write_photos
from PIL import Image

from yogalib.baselines import linear_on_pixels
from yogalib.errors import BadInput
from yogalib.profile import read_profile
from yogalib.study import Study
from yogalib.tables import over_splits, small_table
from yogalib.yolo import link_pictures, weights_of


def test_linear_model_learns_what_a_linear_model_can_learn():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 120)
    pixels = rng.integers(90, 110, (120, 48, 48, 3)).astype(np.uint8)
    for place, label in enumerate(labels):
        pixels[place, 16 * label : 16 * label + 8, :, 0] += 40
    answers = linear_on_pixels(pixels[:90], labels[:90], pixels[90:])
    assert answers.shape == (30, 3)
    assert answers.sum(1) == pytest.approx(1)
    assert (answers.argmax(1) == labels[90:]).mean() > 0.95


def test_yolo_answers_for_the_test_part_and_touches_nobodys_pictures(photos, folders, monkeypatch):
    monkeypatch.setenv("DATA", str(photos))
    odd = photos / "Tree_Pose_or_Vrksasana_" / "0.jpg"
    odd.write_bytes(odd.read_bytes() + b"trailing bytes")  # ultralytics would write such a file anew
    Image.open(photos / "Tree_Pose_or_Vrksasana_" / "1.jpg").save(photos / "Tree_Pose_or_Vrksasana_" / "1.png")
    before = {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in photos.rglob("*") if path.is_file()}
    changes = {"yolo.epochs": 2, "yolo.resolution": 32, "yolo.batch": 8}
    study = Study.open("photos", changes)
    run = study.yolo(0)
    assert list(run.history) == ["epoch", "loss", "top1"]
    assert len(run.history) == 2
    _, test = study.split(study.subset("all"), 0)
    assert run.predictions["path"].tolist() == test["path"].tolist()
    assert run.probabilities.sum(1) == pytest.approx(1, abs=1e-4)
    assert {
        path: hashlib.sha256(path.read_bytes()).hexdigest() for path in photos.rglob("*") if path.is_file()
    } == before
    assert {path.name for path in run.folder.iterdir()} == {
        "config.json",
        "cost.json",
        "history.csv",
        "predictions.parquet",
    }
    again = Study.open("photos", changes | {"yolo.repeats": 2}).yolo(0)
    assert again.folder == run.folder, "the number of repeats decides no single run"


def test_jpegs_that_yolo_would_write_anew_are_copied_and_others_linked(tmp_path):
    images = write_photos(tmp_path / "photos", per_class=2)
    odd = images / "Tree_Pose_or_Vrksasana_" / "0.jpg"
    odd.write_bytes(odd.read_bytes() + b"\0")
    paths = [path.relative_to(images).as_posix() for path in sorted(images.rglob("*.jpg"))]
    link_pictures(pd.DataFrame({"path": paths, "class": 7}), images, tmp_path / "links")
    links = {(tmp_path / "links" / "07" / f"{n:06d}.jpg").is_symlink(): path for n, path in enumerate(paths)}
    assert links[False].startswith("Tree")
    assert sum((tmp_path / "links" / "07" / f"{n:06d}.jpg").is_symlink() for n in range(6)) == 5


def test_missing_weights_are_named_and_never_fetched(tmp_path):
    settings = read_profile("paper").yolo
    with pytest.raises(BadInput, match="yolov8x-cls.pt not found: put"):
        weights_of(settings, tmp_path)
    (tmp_path / settings.model).touch()
    assert weights_of(settings, tmp_path).endswith("yolov8x-cls.pt")
    assert weights_of(read_profile("mini").yolo, tmp_path) == "yolov8n-cls.yaml"


@pytest.mark.skipif(importlib.util.find_spec("ultralytics") is None, reason="nothing to hide")
def test_all_of_yogalib_imports_without_ultralytics():
    code = """
import sys, pkgutil, importlib
sys.modules["ultralytics"] = None
import yogalib
for module in pkgutil.walk_packages(yogalib.__path__, "yogalib."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
"""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


class Answers:
    """A run with given answers."""

    def __init__(self, predicted, labels):
        self.predicted, self.labels, self.classes = np.array(predicted), np.array(labels), np.array([0, 1, 40])
        self.probabilities = np.eye(3)[self.predicted]


def test_table_over_splits_gives_mean_and_spread_at_each_level():
    runs = [Answers([0, 1, 2, 2], [0, 1, 2, 0]), Answers([0, 1, 2, 0], [0, 1, 2, 0])]
    table = over_splits({"a": runs}).set_index("level")
    assert table.loc["L3", "mean"] == pytest.approx(0.875)
    assert table.loc["L3", "sd"] == pytest.approx(np.std([0.75, 1], ddof=1))
    assert (table["mean"].diff().dropna() <= 1e-12).all(), "a level below can't be easier"
    assert (table["splits"] == 2).all() and (table["n"] == 4).all()


def test_grid_counts_the_runs_that_collapsed():
    good, fallen = Answers([0, 1, 2, 2], [0, 1, 2, 0]), Answers([1, 1, 1, 1], [0, 1, 2, 0])
    table = small_table(
        {(1e-3, 1e-3): [good, fallen], (1e-2, 1e-3): [fallen, fallen]}, ["learning_rate", "weight_decay"]
    )
    assert table["learning_rate"].tolist() == [1e-3, 1e-2]
    assert table["collapsed"].tolist() == [1, 2]
    assert table["mean"].tolist() == pytest.approx([0.5, 0.25])
