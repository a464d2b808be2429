"""A run as a value: named before it is made, and a new kind of it in one place."""

import subprocess
import sys
import types

import numpy as np
import pandas as pd
import pytest
from sklearn.neighbors import KNeighborsClassifier

from yogalib.models.encoders import open_encoder, weights_digest
from yogalib.runs import asks, questions
from yogalib.runs.plan import planned_runs
from yogalib.study import Study


@pytest.fixture
def study(photos, folders, monkeypatch) -> Study:
    monkeypatch.setenv("DATA", str(photos))
    return Study.open("photos", {"zero_shot.encoders": ["CLIP-mini-RN"], "fine_tuning.epochs": 1})


def test_ask_is_named_by_what_decides_it_and_by_nothing_else(study):
    first = asks.finetune(study)
    assert asks.finetune(study).name == first.name
    assert asks.finetune(study, kept=True).name != first.name
    for change in ({"epochs": 2}, {"targets": "diagonal"}, {"seed": 1}, {"encoder": "CLIP-mini-RN-random"}):
        assert asks.finetune(study, **change).name != first.name, change
    assert asks.finetune(study, 1).name != first.name
    assert asks.finetune(study, draw=(2, 0)).name != first.name
    assert asks.finetune(study, views=3).name != first.name
    asked = first.decides["settings"]
    assert not {"batch_norm", "smoothing"} & asked.keys(), "a key that came later renames runs which ask nothing of it"
    assert "turn" not in asked["augmentation"]
    repeated = Study.open("photos", {"fine_tuning.epochs": 1, "split.repeats": 7})
    assert asks.finetune(repeated).name == first.name  # how many splits there are decides no single run


def test_published_encoder_is_asked_where_it_was_fetched(study, monkeypatch, tmp_path):
    monkeypatch.setattr("yogalib.models.published.CLIP_CACHE", tmp_path)
    changes = {"zero_shot.encoders": ["CLIP-mini-RN"], "zero_shot.fetched": ["RN50", "ViT-B/32"]}
    assert Study.open("photos", changes).profile.encoders == ["CLIP-mini-RN", "CLIP-lite"]
    (tmp_path / "ViT-B-32.pt").touch()
    assert Study.open("photos", changes).profile.encoders == ["CLIP-mini-RN", "ViT-B/32", "CLIP-lite"]


def test_weights_are_named_without_being_opened_as_they_are_when_opened(tmp_path):
    for name in ("CLIP-mini-RN", "CLIP-mini-RN-random"):
        assert weights_digest(name, tmp_path, 3) == open_encoder(name, tmp_path, 3).weights


def test_runs_come_in_the_shape_of_the_question(study):
    asked = {"one": asks.zero_shot(study, "CLIP-mini-RN"), "more": {1: [asks.zero_shot(study, "CLIP-mini-RN")]}}
    runs = study.runs(asked)
    assert runs["one"].folder == runs["more"][1][0].folder
    assert runs["one"].predictions["path"].tolist() == study.subset("all")["path"].tolist()
    assert [ask.name for ask in questions.flat(asked)] == [asked["one"].name] * 2


NEIGHBOURS = types.ModuleType("yogalib.models.neighbours")


def nearest(ask, at, folder):
    """Answer by the nearest neighbours among the training images' pixels: all that a new kind of run needs in models/."""
    train, test = (ask.source.pixels(rows, 16).reshape(len(rows), -1) for rows in (ask.train, ask.test))
    model = KNeighborsClassifier(3).fit(train, np.searchsorted(ask.classes, ask.train["class"]))
    return (model.predict_proba(test),)


def neighbours(study):
    """Ask it, split by split: all that it needs in runs/questions.py."""
    parts = [study.split(study.subset("all"), seed) for seed in study.split_seeds(2)]
    return {
        "neighbours": [asks.Ask("neighbours", study.source, test[asks.ROW], train[asks.ROW]) for train, test in parts]
    }


def test_new_kind_of_run_is_a_function_that_answers_and_a_question(study, monkeypatch):
    from yogalib.tools.executor import asked_runs, make_runs

    NEIGHBOURS.answer = nearest
    monkeypatch.setitem(sys.modules, "yogalib.models.neighbours", NEIGHBOURS)
    monkeypatch.setattr(questions, "QUESTIONS", {"09_beyond": neighbours})
    monkeypatch.setattr("yogalib.runs.plan.QUESTIONS", {"09_beyond": neighbours})
    planned = planned_runs(study)
    assert planned["kind"].tolist() == ["neighbours"] * 2
    outcomes = make_runs(study, asked_runs(study), "local")
    runs = study.runs(neighbours(study))["neighbours"]
    assert {run.folder.name for run in runs} == {outcome.run for outcome in outcomes}
    train, test = study.split(study.subset("all"), 1)
    model = KNeighborsClassifier(3).fit(study.source.pixels(train, 16).reshape(len(train), -1), train["class"])
    by_hand = model.predict_proba(study.source.pixels(test, 16).reshape(len(test), -1))
    assert runs[1].probabilities == pytest.approx(by_hand)


def test_script_without_a_main_guard_draws_its_world(folders):
    code = """
from yogalib.study import Study
study = Study.open("smoke", {"data.synthetic.images": 24})
print(len(study.subset("all")))
"""
    script = folders / "script.py"
    script.write_text(code)
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= 24


def test_plan_of_images_that_are_here_is_of_these_images(study, monkeypatch):
    planned = Study.open("photos", planned=True)
    assert not planned.expected
    assert planned.index["sha256"].tolist() == study.index["sha256"].tolist()
    monkeypatch.delenv("DATA")
    nowhere = Study.open("paper", planned=True)
    assert pd.Series(nowhere.subset("subset_ii")["class"]).nunique() == 6
