"""Section 5's tables: the models beside CLIP, and what they are judged on."""

import numpy as np
import pandas as pd
import pytest
from conftest import POSES, write_photos
from PIL import Image

from yogalib.models.costs import Costs
from yogalib.models.linear import linear_on_pixels
from yogalib.profile import read_profile
from yogalib.results.benchmark import bodies_seen, class_differences, training_table
from yogalib.results.metrics import wilson
from yogalib.results.tables import over_splits, small_table, weighted_table
from yogalib.study import Study

TREE = next(iter(POSES))


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


def test_bodies_of_shipped_models_alone_are_told_of(tmp_path):
    settings = read_profile("mini").yolo
    seen = bodies_seen("CLIP-mini-RN", settings, tmp_path)
    assert set(seen) == {"CLIP-mini-RN", "yolov8n-cls-mini"} and min(seen.values()) >= 100_000
    shape = settings.model_copy(update={"model": "yolov8n-cls.yaml"})
    assert bodies_seen("CLIP-mini-RN-random", shape, tmp_path) == {}
    own = tmp_path / "own.safetensors"
    own.touch()
    assert bodies_seen(str(own), shape, tmp_path) == {}


def test_pictures_from_elsewhere_are_of_known_poses_and_no_twins(photos, folders, monkeypatch):
    monkeypatch.setenv("DATA", str(photos))
    other = write_photos(folders / "other", per_class=6, seed=9)
    Image.open(photos / TREE / "3.jpg").save(other / TREE / "copy.jpg", quality=60)
    (other / "Cobra_Pose_or_Bhujangasana_").mkdir()
    Image.new("RGB", (90, 80)).save(other / "Cobra_Pose_or_Bhujangasana_" / "0.jpg")
    study = Study.open("photos")
    assert study.elsewhere()[0] is study, "without another set, the test part stands in"
    monkeypatch.setenv("VALIDATION", str(other))
    elsewhere, rows, removed = study.elsewhere()
    assert elsewhere.folder == other
    assert f"{TREE}/copy.jpg" not in set(rows["path"])
    assert removed + len(rows) == 19
    assert set(rows["class"]) <= set(study.subset("all")["class"])  # these plain shapes are easily taken for twins


def test_drawn_validation_set_is_another_world(folders):
    study = Study.open("smoke", {"data.synthetic.images": 80, "validation_set.drawn": 60})
    other, rows, removed = study.elsewhere()
    assert len(rows) + removed >= 60
    assert set(rows["class"]) == set(study.subset("all")["class"])
    assert not set(rows["sha256"]) & set(study.subset("all")["sha256"])
    assert other.folder != study.folder


def test_training_costs_to_the_best_and_to_an_equal_epoch():
    runs = {"one": Trained([0.2, 0.8, 0.7], 30.0), "other": Trained([0.1, 0.3, 0.5, 0.6], 80.0)}
    table = training_table(runs, {"one": Costs(10, 1.0), "other": Costs(20, 2.0)}).set_index("model")
    assert table["best_epoch"].to_dict() == {"one": 2, "other": 4}
    assert table["to_best"].to_dict() == {"one": 20.0, "other": 80.0}
    assert table["equal_epoch"].to_dict() == {"one": 2, "other": 4}  # the lower best is 0.6
    assert table["kilojoules"].isna().all()


def test_differences_by_pose_are_sorted_and_add_up():
    labels = [0, 0, 1, 1, 2, 2]
    ours, theirs = Answers([0, 0, 1, 0, 2, 1], labels), Answers([1, 0, 1, 1, 0, 0], labels)
    table = class_differences(ours, theirs)
    assert table["difference"].tolist() == [-0.5, 0.5, 0.5]
    assert (table["difference"] * table["n"]).sum() == sum(ours.hits) - sum(theirs.hits)


class Trained:
    """A run with a given curve."""

    def __init__(self, top1, seconds):
        self.history = pd.DataFrame({"epoch": range(1, len(top1) + 1), "top1": top1})
        self.cost = {"seconds": seconds, "peak_memory": 1e9, "joules": None}


class Answers:
    """A run with given answers."""

    def __init__(self, predicted, labels):
        self.predicted, self.labels, self.classes = np.array(predicted), np.array(labels), np.array([0, 1, 40])
        self.probabilities, self.hits = np.eye(3)[self.predicted], self.predicted == self.labels


def test_table_over_splits_gives_mean_and_spread_at_each_level():
    runs = [Answers([0, 1, 2, 2], [0, 1, 2, 0]), Answers([0, 1, 2, 0], [0, 1, 2, 0])]
    table = over_splits({"a": runs}, 0.2).set_index("level")
    assert table.loc["L3", "mean"] == pytest.approx(0.875)
    assert table.loc["L3", "sd"] == pytest.approx(np.std([0.75, 1], ddof=1))
    assert (table["mean"].diff().dropna() <= 1e-12).all(), "a level below can't be easier"
    assert (table["splits"] == 2).all() and (table["n"] == 4).all()


def test_small_poses_do_not_lift_the_interval_of_precision():
    """Half of the poses have one or two images: a plain bootstrap's mean of precision lies two points above the value."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(60), rng.integers(1, 12, 60))
    run = Answers([0], [0])
    run.labels, run.predicted = labels, np.where(rng.random(len(labels)) < 0.5, labels, rng.permutation(labels))
    table = weighted_table(run, resamples=300).set_index("metric")
    accuracy, precision = table.loc["accuracy"], table.loc["precision"]
    low, high = wilson(round(accuracy["value"] * len(labels)), len(labels))
    assert accuracy[["low", "high"]].tolist() == pytest.approx([low, high], abs=0.015)
    assert precision["high"] - precision["value"] < 1.3 * (precision["value"] - precision["low"])
    assert table.loc["recall", ["value", "low", "high"]].tolist() == pytest.approx(accuracy[["value", "low", "high"]])


def test_grid_counts_the_runs_that_collapsed():
    good, fallen = Answers([0, 1, 2, 2], [0, 1, 2, 0]), Answers([1, 1, 1, 1], [0, 1, 2, 0])
    table = small_table(
        {(1e-3, 1e-3): [good, fallen], (1e-2, 1e-3): [fallen, fallen]}, ["learning_rate", "weight_decay"], 0.2
    )
    assert table["learning_rate"].tolist() == [1e-3, 1e-2]
    assert table["collapsed"].tolist() == [1, 2]
    assert table["mean"].tolist() == pytest.approx([0.5, 0.25])
