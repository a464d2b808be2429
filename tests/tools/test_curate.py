"""A list of one's own for Subset II: what is proposed, what is decided, and that no decision is lost."""

import shutil

import cv2
import numpy as np
import pandas as pd
import pytest
from conftest import draw
from hypothesis import given
from hypothesis import strategies as st

from yogalib.dataset.index import build_index
from yogalib.dataset.lists import PICKED
from yogalib.dataset.subsets import POSES, select_subset
from yogalib.errors import BadInput
from yogalib.facts.taxonomy import load_taxonomy
from yogalib.tools.curate import SCORES, Curation, agreement, content_scores, keys_between, measure, propose

GOOD = {"side": 300, "busy": 0.0, "text": 0.0, "tones": 5.0, "skin": 0.2, "one_piece": 1.0, "twin": 0}


def figure() -> np.ndarray:
    """A skin-coloured figure in shaded clothes before a plain wall, uint8 (160, 200, 3)."""
    picture = np.full((160, 200, 3), 235, np.uint8)
    for row in range(60, 130):
        picture[row, 50:150] = (20, 3 * (row - 60), 120 - row // 2)
    cv2.circle(picture, (100, 44), 20, (205, 155, 124), -1)
    return picture


@pytest.fixture(scope="module")
def six(tmp_path_factory):
    """A folder of the six poses, three pictures each, one of them there twice; and its rows."""
    folder, rng = tmp_path_factory.mktemp("six"), np.random.default_rng(0)
    taxonomy = load_taxonomy().set_index("sanskrit")
    for pose in POSES:
        home = folder / taxonomy.loc[pose, "folder"]
        home.mkdir()
        for number, shape in enumerate(("line", "cross", "ellipse")):
            draw(shape, rng).save(home / f"{number}.png")
    shutil.copy(home / "0.png", home / "same.png")
    return folder, select_subset(build_index(folder, 64), "subset_i")


def opened(six, tmp_path, decision="keep") -> Curation:
    rows = six[1]
    proposal = pd.DataFrame({"decision": decision, "why": ""}, index=rows.index)
    return Curation.open(rows, proposal, tmp_path / PICKED)


def test_each_score_moves_with_what_it_is_named_for():
    clean, plain = content_scores(figure()), figure()
    assert all(clean[name] >= SCORES[name].least and clean[name] <= SCORES[name].most for name in clean)
    noisy = np.random.default_rng(0).integers(0, 256, plain.shape).astype(np.uint8)
    noisy[20:140, 25:175] = plain[20:140, 25:175]
    assert content_scores(noisy)["busy"] > 0.3 > clean["busy"]
    silhouette = np.where((plain != 235).any(axis=2, keepdims=True), np.uint8(20), plain)
    assert content_scores(silhouette)["tones"] < 1.5 < clean["tones"]
    assert content_scores(silhouette)["skin"] == 0 < clean["skin"]
    two = np.hstack([plain, plain])
    assert content_scores(two)["one_piece"] == pytest.approx(0.5, abs=0.05)
    assert clean["one_piece"] > 0.9


def test_blank_picture_scores_without_complaint():
    scores = content_scores(np.full((160, 160, 3), 255, np.uint8))
    assert scores == {"busy": 0, "tones": 0, "skin": 0, "one_piece": 0}


def test_measure_finds_the_twin_and_the_size(six):
    scores = measure(six[1], six[0])
    assert list(scores) == list(SCORES)
    assert (scores["side"] == 80).all()
    assert scores.loc[six[1]["path"].str.endswith("same.png"), "twin"].tolist() == [1]


def test_proposal_names_every_score_that_speaks_against_a_picture():
    scores = pd.DataFrame([GOOD, GOOD | {"busy": 0.9, "side": 20}, GOOD | {"twin": 1}])
    proposal = propose(scores)
    assert proposal["decision"].tolist() == ["keep", "drop", "drop"]
    assert proposal["why"].tolist() == ["", "side busy", "twin"]
    assert propose(scores, {"side": 400})["decision"].tolist() == ["drop"] * 3
    with pytest.raises(BadInput, match="no score is named sides"):
        propose(scores, {"sides": 400})


def test_nothing_is_written_before_the_first_decision_and_everything_after_each(six, tmp_path):
    curation = opened(six, tmp_path)
    assert len(curation.table) == 18  # one content, one decision
    assert not curation.file.exists()
    place = curation.press(0, "x")
    assert place == 0
    assert not curation.file.exists()
    place = curation.press(0, "d")
    assert pd.read_csv(curation.file)["decision"].tolist() == ["drop", *["keep"] * 17]
    assert curation.press(place, "<") == 0
    curation.press(0, "k")
    assert pd.read_csv(curation.file)["decision"].tolist() == ["keep"] * 18
    assert curation.caption(0).startswith("1 of 18 decided; Bow_Pose_or_Dhanurasana_/0.png")
    assert curation.png(0, six[0]).startswith(b"\x89PNG")


def test_reopened_list_goes_on_where_the_person_stopped(six, tmp_path):
    curation = opened(six, tmp_path)
    place = 0
    for key in "kda":
        place = curation.press(place, key)
    again = opened(six, tmp_path, decision="drop")  # other limits propose anew, for what nobody decided
    assert again.first_open() == 3
    assert again.table["decision"].tolist() == ["keep", "drop", "keep", *["drop"] * 15]
    assert again.table["by"].tolist() == ["person"] * 3 + ["proposal"] * 15
    for place in range(3, 18):
        again.press(place, "a")
    assert again.first_open() == 17


def test_list_is_what_subset_ii_means(six, tmp_path):
    curation = opened(six, tmp_path)
    for place in range(18):
        curation.press(place, "d" if curation.table["path"][place].endswith("/1.png") else "k")
    chosen = select_subset(six[1], "subset_ii", tmp_path)
    assert len(chosen) == 13  # twelve contents, one of them in two files
    assert not chosen["path"].str.endswith("/1.png").any()


def test_plain_list_of_somebody_else_is_taken_whole_and_kept_when_edited(six, tmp_path):
    rows = six[1]
    rows.iloc[:4][["sha256"]].to_csv(tmp_path / PICKED, index=False)
    curation = opened(six, tmp_path)
    assert curation.table["decision"].tolist() == ["keep"] * 4 + ["drop"] * 14
    assert set(curation.table["by"]) == {"list"}
    curation.press(17, "k")
    assert len(select_subset(rows, "all")) == 19
    assert pd.read_csv(tmp_path / PICKED)["decision"].value_counts().to_dict() == {"drop": 13, "keep": 5}
    assert opened(six, tmp_path).table["by"].value_counts().to_dict() == {"list": 17, "person": 1}


def test_unusable_lists_are_refused_in_one_line(six, tmp_path):
    (tmp_path / PICKED).write_text("name\nx\n")
    with pytest.raises(BadInput, match="no column sha256"):
        select_subset(six[1], "subset_ii", tmp_path)
    (tmp_path / PICKED).write_text("")
    with pytest.raises(BadInput, match="can't be read as CSV"):
        select_subset(six[1], "subset_ii", tmp_path)
    (tmp_path / "file").write_text("")
    curation = Curation(opened(six, tmp_path / "none").table, tmp_path / "file" / PICKED)
    with pytest.raises(BadInput, match="give another list_file"):
        curation.press(0, "k")


@given(st.text("kda", max_size=6), st.integers(0, 6), st.text("kda", max_size=6))
def test_keys_typed_and_deleted_between_two_values_are_told_apart(typed, deleted, more):
    kept = typed[: max(0, len(typed) - deleted)]
    keys = keys_between(typed, kept + more)
    box = typed
    for key in keys:
        box = box[:-1] if key == "<" else box + key
    assert box == kept + more
    assert keys_between(typed, typed + more) == list(more)


def test_agreement_counts_by_hand():
    table = pd.DataFrame({"sha256": list("abcde"), "decision": ["keep", "keep", "keep", "drop", "drop"]})
    judged = agreement(table, pd.Series(["a", "b", "d"])).set_index("what")
    assert judged["share"].to_dict() == pytest.approx(
        {"precision": 2 / 3, "recall": 2 / 3, "precision of keeping all": 0.6}
    )
    assert agreement(table, pd.Series([], dtype=str)).empty
