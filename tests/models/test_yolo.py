"""YOLO in its own process: it answers, explains itself, harms nobody's pictures, and never enters ours."""

import hashlib
import importlib.util
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from conftest import write_photos
from PIL import Image

from yogalib.errors import BadInput
from yogalib.models import published
from yogalib.models.published import YOLO, start_digest, weights_of
from yogalib.models.yolo import KEPT, _open, apart, ask_yolo, link_images, write_untrained
from yogalib.profile import read_profile
from yogalib.runs import asks
from yogalib.study import Study


def test_yolo_answers_for_the_test_part_and_touches_nobodys_pictures(photos, folders, monkeypatch):
    monkeypatch.setenv("DATA", str(photos))
    odd = photos / "Tree_Pose_or_Vrksasana_" / "0.jpg"
    odd.write_bytes(odd.read_bytes() + b"trailing bytes")  # ultralytics would write such a file anew
    Image.open(photos / "Tree_Pose_or_Vrksasana_" / "1.jpg").save(photos / "Tree_Pose_or_Vrksasana_" / "1.png")
    before = {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in photos.rglob("*") if path.is_file()}
    changes = {"yolo.epochs": 2, "yolo.resolution": 32, "yolo.batch": 8}
    study = Study.open("photos", changes)
    run = study.runs(asks.yolo(study, 0))
    assert list(run.history) == ["epoch", "loss", "top1"]
    assert len(run.history) == 2
    _, test = study.split(study.subset("all"), 0)
    assert run.predictions["path"].tolist() == test["path"].tolist()
    assert run.probabilities.sum(1) == pytest.approx(1, abs=1e-4)
    assert {
        path: hashlib.sha256(path.read_bytes()).hexdigest() for path in photos.rglob("*") if path.is_file()
    } == before
    files = {"config.json", "cost.json", "history.csv", "predictions.parquet"}
    assert {path.name for path in run.folder.iterdir()} == files
    again = Study.open("photos", changes | {"yolo.repeats": 2})
    assert asks.yolo(again, 0).name == asks.yolo(study, 0).name, "the number of repeats decides no single run"
    asked = asks.yolo(study, 0, kept=True)
    kept = study.runs(asked)
    assert {path.name for path in kept.folder.iterdir()} == files | {KEPT, "origin.json"}
    pd.testing.assert_frame_equal(kept.predictions, run.predictions)  # one seed, one result
    # the kept weights give the same answers again, and explain themselves
    judged = study.runs(asks.kept(asked, study.source, test))
    np.testing.assert_allclose(judged.probabilities, run.probabilities, atol=1e-5)
    more = {"resolution": 32, "device": "cpu", "targets": test["class"].tolist()[:2], "top": 8}
    told = ask_yolo("explain", kept.folder / KEPT, [photos / path for path in test["path"][:2]], **more)
    for name in ("EigenCAM", "gScoreCAM"):
        assert told[name].shape == (2, 32, 32)
        assert 0 <= told[name].min() <= told[name].max() <= 1
        assert told[f"{name}_road"].shape == (2,)


def test_jpegs_that_yolo_would_write_anew_are_copied_and_others_linked(tmp_path):
    images = write_photos(tmp_path / "photos", per_class=2)
    odd = images / "Tree_Pose_or_Vrksasana_" / "0.jpg"
    odd.write_bytes(odd.read_bytes() + b"\0")
    paths = [path.relative_to(images).as_posix() for path in sorted(images.rglob("*.jpg"))]
    link_images(pd.DataFrame({"path": paths, "class": 7}), images, tmp_path / "links")
    links = {(tmp_path / "links" / "07" / f"{n:06d}.jpg").is_symlink(): path for n, path in enumerate(paths)}
    assert links[False].startswith("Tree")
    assert sum((tmp_path / "links" / "07" / f"{n:06d}.jpg").is_symlink() for n in range(6)) == 5


def test_missing_weights_are_named_and_never_fetched(tmp_path, monkeypatch):
    settings = read_profile("paper").yolo
    with pytest.raises(BadInput, match="not found: run 'python -m yogalib weights yolov8x-cls.pt', or put"):
        weights_of(settings, tmp_path)
    (tmp_path / settings.model).touch()
    with pytest.raises(BadInput, match="is not the published file"):
        weights_of(settings, tmp_path)
    monkeypatch.setitem(YOLO, settings.model, None)
    assert weights_of(settings, tmp_path).endswith("yolov8x-cls.pt")
    shape = settings.model_copy(update={"model": "yolov8n-cls.yaml"})
    assert weights_of(shape, tmp_path) == "yolov8n-cls.yaml" and start_digest(shape, tmp_path) is None
    with pytest.raises(BadInput, match="yolo.model 'yolov8n-cls' is unknown: give yolov8n-cls-mini, a file"):
        weights_of(settings.model_copy(update={"model": "yolov8n-cls"}), tmp_path)
    monkeypatch.setattr(published, "MINI_YOLO", tmp_path / "yolov8n-cls-mini.safetensors")
    with pytest.raises(BadInput, match="make them with 'make pretrain-yolo'"):
        weights_of(read_profile("mini").yolo, tmp_path)


def test_training_starts_from_the_weights_that_come_with_yogalib(photos, folders, monkeypatch):
    monkeypatch.setenv("DATA", str(photos))
    changes = {"yolo.epochs": 1, "yolo.resolution": 32, "yolo.batch": 16, "yolo.learning_rate": 1e-9}
    study = Study.open("photos", changes)
    assert study.profile.yolo.model == published.MINI_YOLO.stem
    run = study.runs(asks.yolo(study, 0, kept=True))
    assert run.config["weights"] == hashlib.sha256(published.MINI_YOLO.read_bytes()).hexdigest()[:16]
    ours, theirs = (apart(folders, first_weights, file) for file in (published.MINI_YOLO, run.folder / KEPT))
    np.testing.assert_allclose(ours, theirs, atol=1e-3)
    # a network of the user's own, and another under its name, are other runs
    own = Study.open("photos", changes | {"yolo.model": "mine.pt"})
    (folders / "weights").mkdir()
    write_untrained("yolov8n-cls.yaml", folders / "weights" / "mine.pt")
    names = {published.start_digest(own.profile.yolo, folders / "weights")}
    (folders / "weights" / "mine.pt").write_bytes(published.MINI_YOLO.read_bytes())
    (folders / "weights" / "mine.pt.sha256").unlink()
    names.add(published.start_digest(own.profile.yolo, folders / "weights"))
    assert len(names) == 2


def first_weights(file) -> np.ndarray:
    return _open(file).model.state_dict()["model.0.conv.weight"].float().numpy()


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


def test_error_in_its_process_is_told_and_nothing_of_it_enters_ours(tmp_path):
    with pytest.raises(RuntimeError, match="YOLO's process failed: .*nowhere.pt"):
        ask_yolo("answer", tmp_path / "nowhere.pt", [], 32, "cpu")
    assert "ultralytics" not in sys.modules
