"""A kept run says who it is, what it learnt from, and when it is unsure."""

import json
import os
import re
from datetime import datetime
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from conftest import own_profile, write_photos

from yogalib.__main__ import main
from yogalib.paths import Paths
from yogalib.profile import Written
from yogalib.results.card import Card, sure_from
from yogalib.runs.store import ORIGIN, Run, find_run, mark, names_of
from yogalib.study import Study
from yogalib.synthetic.world import write_world


def answers(first: list[float]) -> np.ndarray:
    """Probabilities (N, 2) whose largest are given."""
    return np.stack([np.array(first), 1 - np.array(first)], axis=1)


def test_sure_begins_where_answers_are_right_at_least_half_the_time():
    first = np.repeat([0.55, 0.65, 0.75, 0.85], 10)
    hits = np.concatenate([np.arange(10) < right for right in (1, 3, 6, 9)])
    assert sure_from(answers(first), hits) == 0.75


def test_nothing_is_sure_that_is_less_probable_than_every_right_answer():
    first = np.array([0.5, 0.6, 0.8, 0.9])
    assert sure_from(answers(first), np.ones(4, bool)) == 0.5
    assert sure_from(answers(first), np.array([False, True, True, True])) == 0.6


def test_model_that_knows_nothing_is_never_sure():
    rng = np.random.default_rng(0)
    first = rng.uniform(0.5, 1, 500)
    assert sure_from(answers(first), np.zeros(500, bool)) == np.inf
    by_chance = sure_from(answers(first), rng.random(500) < 0.02)
    assert (first >= by_chance).sum() < 15


def test_pictures_without_an_answer_neither_teach_nor_are_sure():
    probabilities = np.vstack([answers([0.6, 0.9]), [[np.nan, np.nan]]])
    hits = np.array([True, True, False])
    assert sure_from(probabilities, hits) == 0.6
    run = SimpleNamespace(probabilities=probabilities, hits=hits, origin={"drawn": False})
    asked = np.array([[0.3, 0.5], [0.2, 0.8], [np.nan, np.nan]])
    assert Card(run).sure(asked, [b""] * 3).tolist() == [False, True, False]


def test_the_threshold_is_monotone_in_what_the_model_knows():
    """A model that is right more often is unsure of no more."""
    rng = np.random.default_rng(1)
    first, luck = rng.uniform(0.5, 1, 400), rng.random(400)
    found = [sure_from(answers(first), luck < skill * (first - 0.4)) for skill in (0.8, 1.2, 1.6)]
    assert found == sorted(found, reverse=True)


@pytest.fixture
def drawn_run(folders, monkeypatch):
    """The kept run of a profile whose pictures are drawn: three poses, one epoch."""
    names = [
        f"{name}_" for name in ("Tree_Pose_or_Vrksasana", "Boat_Pose_or_Paripurna_Navasana", "Camel_Pose_or_Ustrasana")
    ]
    write_world(folders / "drawn", 36, 0, classes=names, size=64)
    monkeypatch.setenv("DATA", str(folders / "drawn"))
    return Study.open(str(own_profile(folders / "tiny.yaml", epochs=1))).fine_tune(kept=True)


def test_predict_says_who_answers_and_that_it_never_saw_a_photograph(drawn_run, folders, capsys):
    os.utime(drawn_run.folder / "config.json", (datetime(2026, 11, 28, 12).timestamp(),) * 2)
    picture = next((folders / "drawn").rglob("*.jp*g"))
    assert main(["predict", str(picture), "--top", "2"]) == 0
    who, learnt, advice, empty, path, *poses = capsys.readouterr().out.splitlines()
    assert who == (
        f"run {drawn_run.folder.name} (last, last-tiny): CLIP-mini-RN fine-tuned, 3 poses, profile tiny, 28 November 2026"
    )
    assert re.match(r"learnt from \d+ drawn pictures: it has seen no photograph of a pose; (always )?unsure", learnt)
    assert "--run written" in advice
    assert empty == ""
    assert len(poses) == 2
    assert path.endswith(": unsure") == ("perhaps" in poses[0])


def test_model_of_drawings_is_sure_of_no_picture_that_yogalib_did_not_draw(drawn_run, folders, capsys):
    card = Card(drawn_run)
    card.__dict__["sure_from"] = 0.4
    drawn, own = next((folders / "drawn").rglob("*.jp*g")), write_photos(folders / "others", per_class=1)
    certain = np.array([[0.9, 0.1, 0.0]] * 3)
    assert card.sure(certain, [drawn, next(own.rglob("*.jpg")), drawn.read_bytes()]).tolist() == [True, False, False]
    assert main(["predict", str(own)]) == 0
    said = capsys.readouterr().out
    assert "unsure of all that yogalib did not draw" in said or "always unsure" in said
    assert said.count(": unsure\n") == 3


def test_an_unsure_answer_is_never_bare(drawn_run, folders, capsys):
    """Its own test answers say that this run is never right: so it can't be sure of anything."""
    predictions = drawn_run.predictions
    wrong = predictions.assign(**{"class": [drawn_run.classes[place - 1] for place in drawn_run.predicted]})
    wrong.to_parquet(drawn_run.folder / "predictions.parquet")
    pictures = write_photos(folders / "others", per_class=1)
    assert main(["predict", str(pictures)]) == 0
    said = capsys.readouterr().out
    assert "always unsure" in said
    assert said.count(": unsure\n") == 3
    assert len(re.findall(r"% +perhaps ", said)) == len(re.findall(r"^ +[\d.]+ %", said, re.MULTILINE)) == 9
    tree = pictures / "Tree_Pose_or_Vrksasana_"
    assert main(["evaluate", str(tree.parent), "--json"]) == 0
    told = capsys.readouterr()
    assert json.loads(told.out)["sure"] == {"n": 0, "top1": None, "low": None, "high": None}
    assert json.loads(told.out)["run"]["sure_from"] is None
    assert json.loads(told.out)["run"]["photographs"] is False
    assert "no photograph" in told.err
    assert main(["evaluate", str(tree.parent)]) == 0
    assert "sure of 0 of them\n" in capsys.readouterr().out


def test_run_of_an_earlier_version_says_that_nothing_is_noted(drawn_run):
    (drawn_run.folder / ORIGIN).unlink()
    card = Card(find_run("last-tiny", Paths.of("").runs))
    assert "not noted" in card.learnt
    assert card.data["photographs"] is None


def test_name_belongs_to_the_run_that_took_it_last(tmp_path):
    runs = [Run(tmp_path / name) for name in ("0a", "0b")]
    for run in runs:
        run.folder.mkdir()
        mark(run, "last")
    mark(runs[0], "last-mini")
    assert [names_of(run) for run in runs] == [["last-mini"], ["last"]]
    assert Card(runs[0]).profile == "mini"
    assert Card(runs[1]).profile is None


def test_written_poses_say_that_they_have_seen_no_photograph(tmp_path):
    (tmp_path / "0a").mkdir()
    settings = Written().model_dump()
    (tmp_path / "0a" / "config.json").write_text(
        json.dumps({"kind": "written", "classes": [0, 1], "settings": settings})
    )
    rows = pd.DataFrame({"path": "a", "sha256": "0", "class": [0, 1], "p_0": [0.9, 0.2], "p_1": [0.1, 0.8]})
    rows.to_parquet(tmp_path / "0a" / "predictions.parquet")
    card = Card(Run(tmp_path / "0a"))
    assert card.learnt.endswith("it has seen no photograph")
    assert card.sure_from == 0.8
    assert len(card.lines) == 2
