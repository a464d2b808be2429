"""Notebook 09's tables and what is said of them."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from runs_by_hand import answered

from yogalib.results import beyond, readings
from yogalib.results.metrics import mcnemar_p, wilson
from yogalib.results.ways import accuracy_against_time, between_curve, curve_by_size, superclass_dots


def run(hits: list[int], **config) -> SimpleNamespace:
    """Return a run over the poses 0 and 1 that is right as told."""
    labels = np.arange(len(hits)) % 2
    predicted = np.where(np.array(hits, bool), labels, 1 - labels)
    probabilities = np.eye(2)[predicted] * 0.8 + 0.1
    given = {"hits": predicted == labels, "labels": labels, "predicted": predicted, "classes": np.arange(2)}
    return SimpleNamespace(**given, probabilities=probabilities, config=config)


GOOD, MIDDLING, POOR = run([1] * 18 + [0] * 2), run([1] * 12 + [0] * 8), run([0] * 15 + [1] * 5)
WAYS = {
    "words alone": {"CLIP, described": POOR, "written poses": MIDDLING},
    "frozen CLIP": {"linear probe": MIDDLING, "Tip-Adapter": POOR},
    "skeleton": {"network": MIDDLING, "written poses, then images": GOOD},
}
CURVE = {
    "frozen CLIP, linear probe": {1: POOR},
    "frozen CLIP, Tip-Adapter": {0: POOR, 1: POOR},
    "skeleton": {1: POOR},
    "written poses, then images": {0: MIDDLING, 1: MIDDLING},
}
TABLE = pd.DataFrame(
    [
        {"family": "frozen CLIP", "way": "linear probe", "images": 80, "seconds": 3.0, "ms": 9.0, "mb": 19.0} | beyond.score(MIDDLING),
        {"family": "skeleton", "way": "network", "images": 80, "seconds": 3.0, "ms": 60.0, "mb": 10.0} | beyond.score(GOOD),
        {"family": "frozen CLIP", "way": "LDA", "images": 80, "seconds": 3.0, "ms": 9.0, "mb": 19.0} | beyond.score(POOR),
        {"family": "words alone", "way": "true joints", "images": 0, "seconds": 0.0, "ms": np.nan, "mb": np.nan} | beyond.score(GOOD),
    ]
)  # fmt: skip


def test_curve_ends_in_all_images_and_its_reading_says_what_words_are_worth():
    table = beyond.curve_table(WAYS, CURVE)
    last = table[table["per_class"] == "all"].set_index("way")["accuracy"]
    assert last.to_dict() == pytest.approx({
        "frozen CLIP, linear probe": 0.6, "frozen CLIP, Tip-Adapter": 0.25, "skeleton": 0.6, "written poses, then images": 0.9,
    })  # fmt: skip
    assert table["accuracy"].between(table["low"], table["high"]).all()
    told = readings.beyond.language(table)
    assert "The written poses alone name 60.0 %; no other way passes it" in told
    assert "+35.0 at 1 and +30.0 at all" in told
    assert "written poses, then images from 60.0 % at 0 to 90.0 %" in readings.beyond.curve(table)
    assert curve_by_size(table).axes[0].get_xticklabels()[-1].get_text() == "all"


def test_winners_come_with_their_rivals_and_mcnemars_p():
    table = beyond.winners(WAYS, CURVE).set_index("per_class")
    assert table["way"].to_dict() == {
        "0": "written poses", "1": "written poses, then images", "all": "skeleton, written poses, then images",
    }  # fmt: skip
    assert table.loc["all", "rival"] == "frozen CLIP, linear probe"
    assert table.loc["all", "p"] == mcnemar_p(GOOD.hits, MIDDLING.hits)
    assert (table.loc["all", "low"], table.loc["all", "high"]) == pytest.approx(wilson(18, 20))
    told = readings.beyond.choice(table.reset_index())
    assert "with no image: **written poses**, 60.0 % of 20 images (95 % Wilson interval" in told
    assert "with all images: **skeleton, written poses, then images**, 90.0 %" in told
    assert ("not to be told apart" in told.splitlines()[-1]) == (mcnemar_p(GOOD.hits, MIDDLING.hits) >= 0.05)


def test_what_is_slower_and_worse_is_not_on_the_line():
    told = readings.beyond.cost(TABLE)
    assert told == "None is both faster and better than linear probe (60.0 %, 9 ms) and network (90.0 %, 60 ms)."
    assert len(accuracy_against_time(TABLE).axes[0].collections) == 2
    assert readings.beyond.ways(TABLE).startswith("Best: skeleton, network, 90.0 % of 20 images")


def test_sets_of_models_that_are_right_add_up():
    parts = {"CLIP": MIDDLING, "skeleton": POOR}
    table = beyond.together_table(parts, GOOD).set_index("right")
    assert table["images"].to_dict() == {"all": 0, "CLIP alone": 12, "skeleton alone": 5, "none": 3}
    assert table["blend_right"].sum() == 18
    told = readings.beyond.together(parts, GOOD)
    assert "The mean less CLIP: +30.0 points on 20 images" in told
    assert "right on 85.0 %" in told


def test_weights_are_told_as_fitted_or_as_equal():
    assert "equal" in readings.beyond.weights({"a": 1}, GOOD, np.ones(1), 9)
    fitted = readings.beyond.weights({"CLIP": 1, "skeleton": 1}, run([1], tried=["x"]), np.array([0.3, 0.8]), 9)
    assert "CLIP 0.30 and skeleton 0.80" in fitted
    assert "9 images" in fitted


def test_superclasses_and_the_hardest():
    table = beyond.by_superclass({"a": GOOD, "b": POOR})
    assert table.groupby(["level", "model"])["n"].sum().unique().tolist() == [20]
    assert "for b" in readings.beyond.weakest(table)
    assert len(superclass_dots(table).axes) == 2


def test_between_tells_both_ends_and_disclaims_the_highest_point():
    table = beyond.between_table({"sanskrit": {0.0: POOR, 0.5: GOOD, 1.0: MIDDLING}})
    told = readings.beyond.between(table)
    assert "25.0 % before, 60.0 % after, highest 90.0 % at 0.5" in told
    assert "not claimed" in told
    assert between_curve(table).axes[0].lines


def test_nobody_found_is_counted():
    missed = run([1, 1, 1, 0])
    missed.probabilities[3] = np.nan
    assert readings.beyond.nobody({"network": missed}).startswith("Nobody is found in 1 image of 4: 25.0 %")
    assert readings.beyond.nobody({"network": GOOD}) == "Somebody is found in each of the 20 images."


def test_what_is_left_out_is_said_with_its_reason():
    assert readings.beyond.left_out({"skeleton": "no wheel"}) == "**Left out, skeleton:** no wheel."
    assert readings.beyond.left_out({}) == ""
    assert "ceiling" in readings.beyond.seen_by("drawn")
    assert ["redrawn" in readings.beyond.seen_by(joints) for joints in ("drawn", "blazepose", None)] == [
        False,
        True,
        False,
    ]


def test_counts_of_who_is_right_alone_open_as_many_images(tmp_path):
    one, other, said = (answered(tmp_path, np.arange(12), seed) for seed in (1, 2, 3))
    parts, blend = {"CLIP": one.run, "skeleton": other.run}, said.run
    table, opens = beyond.together_table(parts, blend), beyond.together_openers(parts, said)
    for column in ("images", "blend_right"):
        assert [len(opener.places) for opener in opens[column]] == table[column].tolist()
    assert table["images"].sum() == len(blend.labels) and table["blend_right"].sum() == blend.hits.sum()
