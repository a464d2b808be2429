"""What the notebooks say of their tables and figures: with the opposite numbers they say the opposite."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from yogalib.facts.taxonomy import parents
from yogalib.profile import read_profile
from yogalib.results import readings, tables
from yogalib.results.readings import wording

SETTING = {"sd": 0.02, "low": 0.7, "high": 0.8, "splits": 5, "collapsed": 0, "n": 31}


def frame(columns: str, *rows: tuple) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=columns.split())


def settings(by: str, *means: tuple, **other) -> pd.DataFrame:
    """Return a table as tables.small_table has it, with intervals of 5 points to either side."""
    rows = [
        {by: name, "mean": mean} | SETTING | {"low": mean - 0.05, "high": mean + 0.05} | other for name, mean in means
    ]
    return pd.DataFrame(rows)


def answers(hits: list[int], of: int = 4) -> SimpleNamespace:
    """Return a run that answers as told: 1 is right, 0 wrong."""
    labels = np.arange(len(hits)) % of
    predicted = np.where(np.array(hits, bool), labels, (labels + 1) % of)
    return SimpleNamespace(hits=predicted == labels, labels=labels, predicted=predicted, classes=np.arange(of))


def constant(n: int, others: int = 0) -> SimpleNamespace:
    """Return a run that names one pose for all images but a few."""
    predicted = np.repeat([0, 1], [n - others, others])
    return SimpleNamespace(hits=predicted == 3, labels=np.full(n, 3), predicted=predicted, classes=np.arange(4))


# how numbers become words


@pytest.mark.parametrize(
    ("difference", "words"), [(0.123, "+12.3"), (-0.123, "−12.3"), (-0.0001, "0.0"), (-2e-17, "0.0")]
)
def test_differences_have_a_sign_and_nothing_is_minus_zero(difference, words):
    assert wording.points(difference) == words


def test_learning_rates_are_written_in_one_way():
    rates = [2.9999999999999997e-05, 0.00015000000000000001, 0.0003, 0.015]
    assert [wording.rate(rate) for rate in rates] == ["3e-5", "1.5e-4", "3e-4", "1.5e-2"]


def test_accuracy_comes_with_n_interval_and_kind():
    (row,) = settings("way", ("any", 0.75)).to_dict("records")
    assert wording.mean_words(row) == "75.0 % (95 % corrected t-interval over 5 splits 70.0 to 80.0; n = 31 each)"
    assert wording.mean_words(row | {"sd": 0.0}) == "75.0 % (the same in 5 splits; n = 31 each)"
    one = wording.mean_words(row | {"splits": 1, "sd": np.nan, "low": np.nan, "high": np.nan})
    assert one == "75.0 % of 31 images (95 % Wilson interval 56.8 to 86.3), one split"


# the data set


def test_files():
    kept = frame("status files", ("kept", 20))
    assert readings.dataset.files(kept) == "All 20 files are images of known poses, and all were kept."
    more = pd.concat([kept, frame("status files", ("not_an_image", 4), ("unknown_class", 1))])
    assert readings.dataset.files(more) == (
        "Of 25 files 5 (20.0 %) were dropped: 4 as “not an image” and 1 as “unknown class”."
    )


def test_superclasses_and_poses():
    counts = frame("level superclass images", (1, "Wheel", 30), (1, "Sitting", 10))
    assert (
        readings.dataset.superclasses(counts)
        == "Most and least: at level 1 “Wheel” has 75 % of the images, “Sitting” 25 %."
    )
    assert "at level 1 “Wheel” has 50 % of the images, and none has fewer" in readings.dataset.superclasses(
        counts.assign(images=5)
    )
    poses = frame("sanskrit paper ours", ("A", 300, 60), ("B", 200, 40), ("C", 100, 20), ("D", 50, 0))
    assert "Of 3 poses A has the most images, 60, and C the fewest, 20: a ratio of 3." in readings.dataset.poses(poses)
    assert "ordered much as" in readings.dataset.poses(poses)
    assert "ordered not as" in readings.dataset.poses(poses.assign(paper=[100, 200, 300, 50]))
    assert "ordered" not in readings.dataset.poses(poses.head(2))
    assert readings.dataset.poses(poses.assign(ours=15)) == "Each of 4 poses has 15 images."


def test_what_fitting_cuts_away():
    rows = frame("width height", (100, 100), (100, 50), (100, 60))
    assert "40 % of the longer side is cut away, and more than a quarter in 2 of 3 images" in readings.dataset.fitted(
        rows, "crop"
    )
    assert readings.dataset.fitted(rows, "pad").startswith("Nothing is cut away")


def test_parts_count_poses_with_few_test_images():
    few = frame("pose train test", ("A", 20, 5), ("B", 12, 3), ("all", 32, 8))
    assert readings.dataset.parts(few).startswith(
        "The test part has 8 of 40 images (20.0 %). 1 of 2 poses have fewer than five"
    )
    assert readings.dataset.parts(few.assign(test=[5, 6, 11])).endswith("Each pose has at least 5 of them.")


def test_subsets_there_and_not():
    table = frame("pose train test paper_train paper_test", ("all", 30, 10, 434, 109))
    said = readings.dataset.subsets({"subset_ii": table})
    assert said.startswith("Subset II has 40 images, 10 of them in the test part (the paper's 543)")
    assert said.endswith("One image of 10 is 10.0 points of accuracy.")
    assert "neither subset" in readings.dataset.subsets({})


def test_twins_and_planted_and_conflicts_and_margins():
    counts = frame("kind pairs other_class across_the_split", ("near", 3, 0, 1), ("all", 3, 0, 1))
    assert "1 of 4 test images (25.0 %) have a twin" in readings.dataset.twins(counts, np.array([1, 0, 0, 0], bool))
    assert "no test image has a twin" in readings.dataset.twins(counts, np.zeros(4, bool))
    known = frame("found planted right", (5, 6, 5))
    assert (
        readings.dataset.planted(known)
        == "The audit found 5 of 6 planted pairs, and names no pair that was not planted."
    )
    assert "1 pair that was not planted" in readings.dataset.planted(known.assign(found=6))
    assert "not known" in readings.dataset.planted(known.assign(planted=0))
    pair = frame("picture labelled twin labelled_as", ("a.jpg", "A", "b.jpg", "B"))
    assert readings.dataset.conflicts(pair) == "1 pair; in the first, a.jpg is labelled A and its twin B."
    assert readings.dataset.conflicts(pair.head(0)).startswith("None")
    odd = frame("what images", ("tiny: under 64 pixels", 2), ("text: lines", 0))
    assert readings.dataset.margins(odd, 9) == "Of 9 images there are 2 for “tiny”."
    assert readings.dataset.margins(odd.assign(images=0), 9) == "None of 9 images."


# zero-shot


def test_encoders_above_at_and_below_chance():
    table = frame(
        "encoder accuracy low high n",
        ("A", 0.5, 0.4, 0.6, 100),
        ("B", 0.03, 0.01, 0.08, 100),
        ("C", 0.2, 0.1, 0.3, 100),
    )
    said = readings.zero_shot.zero_shot(table, 1 / 6, {"A": answers([1, 0, 1, 1]), "C": constant(20)})
    assert "Above it: A, 50.0 % of 100 images (95 % Wilson interval 40.0 to 60.0)." in said
    assert "Below it: B, 3.0 % of 100 images" in said
    assert "the names point it to the wrong poses" in said
    assert "Not to be told from it on 100 images: C." in said
    assert "**C gives one answer to 100 % of the images: it can't tell the poses apart.**" in said
    alone = readings.zero_shot.zero_shot(table.head(1), 1 / 6, {"A": answers([1, 0, 1, 1])})
    assert not any(word in alone for word in ("Below", "Not to be told", "one answer"))


def test_ranks_that_overlap_and_ranks_that_do_not():
    ranks = frame(
        "encoder accuracy best highest_rank lowest_rank",
        ("A", 0.4, 0.9, 1, 2),
        ("B", 0.3, 0.1, 1, 2),
        ("C", 0.1, 0.0, 3, 3),
    )
    said = readings.zero_shot.draws(ranks, 53)
    assert said.startswith("On 53 images the ranks overlap in 1 of 3 pairs of encoders. A, the best")
    assert said.endswith("comes first in 90 % of the draws.")
    assert "in 0 of 1 pair " in readings.zero_shot.draws(ranks.iloc[1:], 53)
    assert "none to rank it with" in readings.zero_shot.draws(ranks.head(1), 53)


def test_other_words_help_or_do_not():
    table = frame(
        "encoder words accuracy low high n",
        ("A", "sanskrit", 0.2, 0.1, 0.3, 60),
        ("A", "description", 0.8, 0.7, 0.9, 60),
    )
    said = readings.zero_shot.words(table)
    assert "A asked by “description”, 80.0 %" in said
    assert "+60.0 points on “sanskrit”; their intervals do not overlap." in said
    assert "their intervals overlap" in readings.zero_shot.words(table.assign(low=0.1))
    assert readings.zero_shot.words(table.head(1)).endswith("No other words were tried.")
    assert readings.zero_shot.words(table.iloc[::-1].assign(words=["sanskrit", "description"])).endswith(
        "than these, the paper's."
    )


def test_worlds_count_who_stays_above_and_below_chance():
    table = settings("words", ("sanskrit", 0.05), ("sanskrit", 0.3), ("description", 0.8)).rename(
        columns={"splits": "worlds"}
    )
    said = readings.zero_shot.worlds(table.assign(encoder=["A", "B", "A"]), 1 / 6)
    assert "by “sanskrit” 1 of 2 encoders are above chance and 1 below it" in said
    assert "by “description” 1 of 1 encoder are above chance and 0 below it" in said
    assert "Highest: A asked by “description”, 80.0 % (95 % t-interval over 5 worlds" in said
    assert "real" in readings.zero_shot.worlds(table.head(0), 1 / 6)
    assert "One other world" in readings.zero_shot.worlds(
        table.head(1).assign(encoder="A", low=np.nan, high=np.nan), 1 / 6
    )


# the small runs


def test_highest_and_lowest_say_whether_intervals_overlap():
    near = readings.small_runs.highest(settings("syntax", ("image_of_a_person", 0.75), ("number", 0.7)), "syntax")
    assert near.startswith("Highest: image of a person, 75.0 %")
    assert near.endswith("their intervals overlap.")
    assert readings.small_runs.highest(settings("syntax", ("a", 0.9), ("b", 0.5)), "syntax").endswith("do not overlap.")
    assert readings.small_runs.highest(settings("syntax", ("a", 0.9)), "syntax").startswith("a: 90.0 %")
    agreeing = settings("syntax", ("a", 1.0), ("b", 0.5)).assign(sd=0.0, low=[1.0, 0.5], high=[1.0, 0.5])
    assert readings.small_runs.highest(agreeing, "syntax").endswith(
        "Lowest: b, 50.0 % (the same in 5 splits; n = 31 each)."
    )


def test_differences_told_and_not_told():
    table = frame(
        "setting difference low high p reach",
        ("a_b", 0.1, 0.02, 0.18, 0.02, 0.12),
        ("c", -0.01, -0.13, 0.11, 0.8, 0.17),
    )
    said = readings.small_runs.differences(table, "the_default")
    assert said.startswith("1 of 2 settings can be told from “the default”: a b (+10.0 points, p = 0.02);")
    assert "a true difference of 12.0 to 17.0 points is found in 80 % of such experiments" in said
    assert "not corrected" in said
    null = readings.small_runs.differences(table.iloc[1:], "the_default")
    assert null.startswith(
        "None of 1 setting can be told from “the default”. What these splits could have shown: a true difference of 17.0 points is"
    )
    one_split = table.assign(low=np.nan, high=np.nan)
    assert (
        readings.small_runs.differences(one_split, "c")
        == "Too few splits for an interval. The largest: a b, +10.0 points."
    )
    agreeing = table.assign(low=table["difference"], high=table["difference"], p=0.0)
    assert "Too few splits" in readings.small_runs.differences(agreeing, "c")


def seed_parts(seed: float, split: float, p: float) -> pd.DataFrame:
    rows = [("training seed", seed, 0.5 * seed, 2 * seed, np.nan), ("split", split, 0.0, 2 * split, p)]
    return frame("component sd low high p", *rows).assign(splits=3, seeds=4, n=31)


def test_luck_of_the_seed_beside_that_of_the_split():
    said = readings.small_runs.seeds(seed_parts(0.03, 0.04, 0.01))
    assert said.startswith(
        "On 3 splits with 4 training seeds each (31 test images a split) one run strays by 3.0 points (sd; 95 % interval"
    )
    assert said.endswith(
        "Of the variance of one run 36 % is the seed's; that splits differ is clear (p = 0.01, F-test)."
    )
    assert "no more than seeds alone" in readings.small_runs.seeds(seed_parts(0.03, 0.01, 0.4))
    assert readings.small_runs.seeds(seed_parts(0.0, np.nan, np.nan)).endswith("the seed changes no accuracy.")
    assert "One split tells nothing" in readings.small_runs.seeds(seed_parts(0.03, np.nan, np.nan))
    assert "one seed" in readings.small_runs.seeds(pd.DataFrame())


def grid(*means: float, collapsed: int = 0) -> pd.DataFrame:
    rates = {"paper_rate": [1e-6, 1e-5, 1e-4], "learning_rate": [3e-5, 3e-4, 3e-3], "weight_decay": 1e-3}
    table = settings("number", *enumerate(means)).assign(**rates)
    return table.assign(collapsed=[0, 0, collapsed])


def test_best_pair_inside_and_at_the_edge_and_runs_that_collapsed():
    inside = readings.small_runs.grid({"subset_i": grid(0.5, 0.9, 0.2, collapsed=3)})
    assert "On Subset I the best learning rate is 3e-4 (the paper's 1e-5), inside the grid: 90.0 %" in inside
    assert "3 of 15 runs collapsed, from 3e-3 up." in inside
    edge = readings.small_runs.grid({"all": grid(0.5, 0.6, 0.7)})
    assert "On all poses" in edge
    assert "at its edge" in edge
    assert edge.endswith("0 of 15 runs collapsed.")


def test_weight_decay_beside_the_learning_rate():
    one = grid(0.5, 0.9, 0.2)
    assert readings.small_runs.decays({"all": one}).startswith("No learning rate was tried with two weight decays.")
    both = pd.concat([one, one.assign(mean=one["mean"] - 0.02, weight_decay=1e-4)])
    assert "by 2.0 points at most, all pairs by up to 72.0: the decay matters less." in readings.small_runs.decays(
        {"all": both}
    )
    apart = pd.concat([one, one.assign(mean=0.1, weight_decay=1e-4)])
    assert "the decay matters as well" in readings.small_runs.decays({"all": apart})


def test_choosing_on_the_test_part_flatters_or_does_not():
    table = settings("way", ("printed", 0.85), ("validation", 0.8), ("own", 0.85))
    said = readings.small_runs.choice(table, [(1e-5, 1e-3), (5e-6, 1e-3), (1e-5, 1e-4)], 12, 30)
    assert "at learning rates of 3e-4 and 1.5e-4: 80.0 %" in said
    assert "The printed figure is 5.0 points higher." in said
    assert "12 images one image is 8.3 points" in said
    assert "no higher" in readings.small_runs.choice(table.assign(mean=0.8), [(1e-5, 1e-3)], 12, 30)


def test_pair_is_chosen_split_by_split_on_validation_parts_and_judged_on_the_test_part():
    good, bad = answers([1, 1, 1, 0]), answers([1, 0, 0, 0])
    grid = {(1e-5, 1e-3): [good, bad], (1e-6, 1e-3): [bad, bad]}
    validation = {(1e-5, 1e-3): [bad, good], (1e-6, 1e-3): [good, bad]}
    ways, chosen = tables.pairs_by_choice(grid, validation, own=[bad, bad])
    assert chosen == [(1e-6, 1e-3), (1e-5, 1e-3)]
    assert list(ways.values()) == [[good, bad], [bad, bad], [bad, bad]]


def test_six_images_a_class_beside_all():
    table = settings("per_class", (2, 0.5), (6, 0.72), (20, 0.9), ("all", 0.9)).assign(
        images=[12, 36, 120, 120], epochs=7
    )
    said = readings.small_runs.frugality(table, [2, 6, 20, 32])
    assert said.startswith("6 images a class, 36 in all, reach 72.0 %")
    assert ": 80 % of what all 120 reach, 90.0 %" in said
    assert "overlaps with that of all from 20 a class on" in said
    assert said.endswith("Some class has fewer than 32 images to train on: these sizes are left out.")
    fewer = readings.small_runs.frugality(table.drop(index=[1, 2]), [2])
    assert fewer.startswith("2 images a class, 12 in all")
    assert not any(words in fewer for words in ("overlaps", "left out"))
    assert readings.small_runs.frugality(table.tail(1), [99]).startswith("All 120 images reach 90.0 %")


def test_equal_steps_say_what_more_epochs_of_the_few_are_worth():
    short = settings("per_class", (2, 0.5), (6, 0.8), ("all", 0.9)).assign(images=[12, 36, 120], epochs=7)
    long = settings("per_class", (2, 0.6), (6, 0.7), ("all", 0.9)).assign(images=[12, 36, 120], epochs=[70, 21, 7])
    said = readings.small_runs.longer(short, long)
    assert "2 images a class reach 60.0 %" in said and "after 70 epochs, +10.0 points against 50.0 %" in said
    assert said.endswith("Of 2 sizes 1 is higher with equal steps.")
    assert "6 images a class reach 70.0 %" in readings.small_runs.longer(short, long.iloc[1:]), "sizes may be fewer"


def test_curve_of_sizes_rises_or_falls():
    sizes = settings("per_class", (1, 0.1), (2, 0.4), (4, 0.5))
    said = readings.small_runs.doublings(sizes, 0.25)
    assert "starts at 1 a class, 15.0 points below chance (25.0 %)" in said
    assert said.endswith("from 1 to 2, +30.0 points; it falls in 0 of 2 steps.")
    fallen = readings.small_runs.doublings(sizes.assign(mean=[0.5, 0.4, 0.3]), 0.25)
    assert "25.0 points above chance" in fallen
    assert fallen.endswith("It does not rise from there.")
    assert readings.small_runs.doublings(sizes.assign(mean=[0.5, 0.4, 0.6]), 0.25).endswith("it falls in 1 of 2 steps.")
    assert "step" not in readings.small_runs.doublings(sizes.head(1), 0.25)


# fine-tuning


def test_learning_curve_that_ends_at_its_best_and_one_that_does_not():
    said = readings.fine_tuning.curve(pd.DataFrame({"top1": [0.2, 0.4, 0.5]}), 100)
    assert (
        "After the first epoch 20.0 % of the test images are right, after the last, epoch 3, 50.0 % of 100 images"
        in said
    )
    assert said.endswith("No epoch is better than the last.")
    past = readings.fine_tuning.curve(pd.DataFrame({"top1": [0.2, 0.55, 0.5]}), 100, "held-out")
    assert past.endswith("Epoch 2 is +5.0 points, within that interval.")
    assert readings.fine_tuning.curve(pd.DataFrame({"top1": [0.2, 0.9, 0.5]}), 100).endswith("beyond that interval.")


def test_levels_beside_the_commonest_pose():
    table = frame(
        "level k accuracy low high n",
        *[(f"L{level}", k, 1 - 0.1 * level, 0.6, 0.8, 50) for level in (1, 2, 3) for k in (1, 5)],
    )
    said = readings.fine_tuning.levels(table, 0.1, {"A": answers([1, 0, 1, 1])})
    assert said.startswith("The pose is right for 70.0 % of 50 images (95 % Wilson interval 60.0 to 80.0)")
    assert said.endswith("would give 10.0 %, which is less.")
    assert "does not beat for sure" in readings.fine_tuning.levels(table, 0.65, {})
    assert "A gives one answer" in readings.fine_tuning.levels(table, 0.65, {"A": constant(20)})


def test_precision_beside_recall():
    table = frame("metric value low high n", ("precision", 0.52, 0.48, 0.6, 402), ("recall", 0.48, 0.43, 0.53, 402))
    said = readings.fine_tuning.weighted(table)
    assert "48.0 % of 402 images (95 % stratified-bootstrap interval 43.0 to 53.0)" in said
    assert "Precision, 52.0 % (48.0 to 60.0), is +4.0 points from it." in said
    assert "is 0.0 points from it" in readings.fine_tuning.weighted(table.assign(value=0.5, low=0.45, high=0.55))


def test_splits_of_one_encoder_and_of_two():
    table = pd.concat([settings("model", ("A", 0.5), ("B", 0.2)).assign(level=level) for level in ("L1", "L3")])
    said = readings.fine_tuning.splits(table, "A", 0.48)
    assert said.startswith("A at level 3: 50.0 %")
    assert "strays by 2.0 points (sd) from the mean, the first by −2.0." in said
    assert "Lowest: B" in said
    one = settings("model", ("A", 0.5)).assign(level="L3", splits=1, sd=np.nan, low=np.nan, high=np.nan)
    assert readings.fine_tuning.splits(one, "A", 0.5).endswith("one split.")


def test_twins_flatter_or_there_are_none():
    table = frame(
        "pictures accuracy low high n",
        ("all", 0.5, 0.4, 0.6, 100),
        ("without", 0.48, 0.38, 0.58, 90),
        ("with", 0.7, 0.4, 0.9, 10),
    )
    said = readings.fine_tuning.flattery(table)
    assert "48.0 % of 90 images" in said
    assert "their intervals overlap." in said
    assert "50.0 %, are +2.0 points from those without" in said
    assert "do not overlap" in readings.fine_tuning.flattery(table.assign(low=[0.4, 0.38, 0.6]))
    assert readings.fine_tuning.flattery(table.assign(n=[100, 100, 0])).startswith("No test image has a twin")
    assert readings.fine_tuning.flattery(table.assign(n=[100, 0, 100])).startswith("Each test image has a twin")


def test_targets_told_by_mcnemar_and_not():
    table = frame(
        "setting accuracy low high n p",
        ("diagonal", 0.5, 0.4, 0.6, 100, np.nan),
        ("a", 0.6, 0.5, 0.7, 100, 0.01),
        ("b", 0.5, 0.4, 0.6, 100, 0.9),
    )
    assert "Told from it: a (+10.0 points, p = 0.01), by McNemar's" in readings.fine_tuning.against(table, "diagonal")
    null = readings.fine_tuning.against(table.assign(p=[np.nan, 0.3, 0.9]), "diagonal")
    assert "None of 2 can be told from it (smallest p = 0.3)" in null
    assert ". b can't be told from it (p = 0.9)," in readings.fine_tuning.against(table.drop(index=1), "diagonal")


def test_class_mates_are_shares():
    assert "In a random batch of 82 of all poses 63 % of the images" in readings.fine_tuning.class_mates(
        0.63, 82, 0.9, 6
    )


def test_similarities_set_apart_or_not():
    labels = np.array([0, 0, 1, 1])
    flat = SimpleNamespace(labels=labels, cosine=np.full((4, 2), 0.2) + [[0.01, 0]])
    sharp = SimpleNamespace(labels=labels, cosine=np.eye(2)[labels])
    said = readings.fine_tuning.similarity(flat, sharp)
    assert "for 1 of 2 classes (n = 4; own prompt 0.21, others 0.21) before and for 2 of 2 classes" in said
    assert "sets the own prompts apart" in said
    assert "does not set the own prompts apart" in readings.fine_tuning.similarity(sharp, flat)


def test_maps_that_glow_at_the_border_and_in_the_middle():
    border, middle = np.zeros((2, 2, 16, 16))
    border[:, 0, 8], middle[:, 8, 8] = 1, 1
    said = readings.fine_tuning.brightest({"before": border, "after": middle})
    assert said.endswith("44 % of its area: before: 2 of 2; after: 0 of 2.")


def test_maps_held_against_even_grey_image_by_image():
    rng = np.random.default_rng(0)
    grey = rng.uniform(0.1, 0.3, 20)
    gains = {"better": 0.1, "no better": 0.0, "worse": -0.1}
    noise = rng.normal(0, 0.01, 20) - rng.normal(0, 0.01, 20)
    scores = {("even grey", "none"): {"mass on the body": grey}}
    scores |= {(name, "300"): {"mass on the body": grey + gain + noise - noise.mean()} for name, gain in gains.items()}
    said = readings.fine_tuning.maps(scores)
    assert "(n = 20, 95 % t-interval)" in said
    for name, gain in gains.items():
        assert f"{name}, 300 channels: {wording.points(gain)} points" in said
        assert f"), {name}" in said
    assert "ROAD" not in said
    road = {"before": rng.normal(0.2, 0.1, 20)}
    road["after"] = road["before"] + 0.3 + noise
    scores = {("even grey", "none"): {"mass on the body": grey}}
    scores |= {(name, "300"): {"mass on the body": grey, "ROAD": each} for name, each in road.items()}
    assert "hangs on what the map marks with 300 channels more (+0.3" in readings.fine_tuning.maps(scores)


def test_mistakes_within_the_superclass_and_out_of_it():
    top = parents(1)
    same = np.flatnonzero(top == top[0])[:2]
    other = np.flatnonzero(top != top[0])[:1]
    run = SimpleNamespace(classes=np.array([*same, *other]), labels=np.array([0, 0, 0]), predicted=np.array([0, 1, 2]))
    assert readings.fine_tuning.confusions(run).startswith(
        "Of 3 test images 2 are named wrong. 1 of the mistakes stay within the superclass (50 %)"
    )
    run.predicted = run.labels
    assert readings.fine_tuning.confusions(run) == "All 3 test images are named right."


def test_most_confused_pairs():
    table = frame("true predicted mistakes of", ("A", "B", 7, 9), ("C", "D", 2, 5))
    assert readings.fine_tuning.confused(table) == "Most often taken for another: A for B (7 of 9)."
    ties = readings.fine_tuning.confused(pd.concat([table.iloc[1:]] * 5))
    assert "and 2 more pairs of the table as often" in ties
    assert ties.endswith("their order is chance.")
    assert readings.fine_tuning.confused(table.head(0)) == "No image was mistaken."


# models of other kinds


def test_starts_of_unequal_models_are_told():
    said = readings.benchmark.starts("CLIP-mini-RN", "yolov8n-cls.yaml", {"CLIP-mini-RN": 480_000})
    assert said.startswith(
        "CLIP-mini-RN starts from pre-trained weights, yolov8n-cls starts from random weights (CLIP-mini-RN on 480,000 drawn bodies);"
    )
    assert readings.benchmark.starts("ViT-B/32", "yolov8x-cls.pt", {}).endswith(
        "yolov8x-cls starts from pre-trained weights."
    )
    both = {"CLIP-mini-RN": 480_000, "yolov8n-cls-mini": 480_000}
    assert "therefore" not in readings.benchmark.starts(*both, both)
    assert readings.benchmark.starts(*both, both, "pad") == readings.benchmark.starts(*both, both)
    assert readings.benchmark.starts(*both, both, "person").endswith("yolov8n-cls-mini whole images.")
    assert readings.benchmark.starts(*both, both | {"yolov8n-cls-mini": 1}).endswith(
        "(CLIP-mini-RN on 480,000 drawn bodies and yolov8n-cls-mini on 1 drawn body); the comparison is therefore of pre-training as "
        "much as of networks."
    )


def test_benchmark_marks_a_model_that_names_one_pose_in_some_splits():
    table, sound = settings("model", ("CLIP", 0.5), ("YOLO", 0.04)).assign(level="L3"), answers([1, 0, 1, 1])
    said = readings.benchmark.benchmark(
        table, {"CLIP": [sound] * 3, "YOLO": [constant(40), constant(40, others=1), sound]}
    )
    assert said.endswith(
        " **YOLO gives one answer to 98 % of the images, in 2 of 3 splits: it can't tell the poses apart.**"
    )
    assert "one answer" not in readings.benchmark.benchmark(table, {"CLIP": [sound], "YOLO": [constant(40, others=20)]})


def test_paired_models_better_worse_and_not_told():
    good, bad = answers([1] * 30 + [0] * 10, of=8), answers([1] * 10 + [0] * 30, of=8)
    said = readings.benchmark.paired({"CLIP": good, "YOLO": bad}, 1e-5)
    assert said.startswith("YOLO less CLIP: −50.0 points on 40 images (95 % interval")
    assert (
        "p < 0.001 by McNemar's exact test: CLIP is better. On 40 images, of which one model alone names 20 right,"
        in said
    )
    assert said.endswith(" points is found in 80 % of such tests, a smaller one less often.")
    assert "YOLO is better." in readings.benchmark.paired({"CLIP": bad, "YOLO": good}, 1e-5)
    alike = readings.benchmark.paired({"CLIP": good, "YOLO": good}, 1.0)
    assert "they can't be told apart." in alike and alike.endswith("no difference would be found: they are too few.")


def test_model_that_learned_nothing_is_no_contest():
    good, chance = answers([1] * 30 + [0] * 10, of=8), answers([1] * 5 + [0] * 35, of=8)
    assert readings.wording.no_contest({"CLIP": good}) == ""
    for name, run in (("constant", constant(40)), ("chance", chance)):
        said = readings.benchmark.paired({"CLIP": good, "YOLO": run}, 1e-5)
        assert "p <" not in said and "On these images YOLO" in said, name
    both = readings.wording.no_contest({"a": chance, "b": chance})
    assert both.startswith("On these images a (12.5 %) and b (12.5 %) do not do better than one answer")


def test_costs_are_ratios_of_the_second_model_to_the_first():
    training = frame(
        "model seconds best_epoch to_best to_equal", ("CLIP", 20.0, 5, 20.0, 4.0), ("YOLO", 60.0, 62, 50.0, 12.0)
    )
    said = readings.benchmark.cost(training, {"CLIP": answers([1] * 20, of=8)})
    assert said.startswith("YOLO takes 2.5 times as long to its best epoch, 62, as CLIP to its last (50 and 20 s)")
    assert said.endswith("and 3 times as long to equal accuracy.")
    said = readings.benchmark.cost(training, {"YOLO": constant(20)})
    assert said.startswith("CLIP learned for 20 s, YOLO for 60.") and "times" not in said
    times = frame(
        "model what p50_ms repeats", ("CLIP", "each", 8.0, 50), ("CLIP", "cached", 3.0, 50), ("YOLO", "file", 2.0, 50)
    )
    assert readings.benchmark.inference(times).startswith(
        "By the paper's definition CLIP takes 4.0 times as long for an image as YOLO (8 and 2 ms, "
    )
    assert readings.benchmark.inference(times).endswith("with its prompts kept 1.5 times.")


def test_poses_and_images_that_one_model_has_for_itself():
    table = frame("pose n difference", ("A", 4, 0.5), ("B", 12, -0.1), ("C", 12, 0.0))
    said = readings.benchmark.by_pose(table, "CLIP", "YOLO")
    assert said.startswith("CLIP is ahead on 1 of 3 poses, YOLO on 1; they are equal on 1. 1 of them have fewer")
    assert readings.benchmark.by_pose(table.iloc[1:], "CLIP", "YOLO").endswith("they are equal on 1.")
    both = readings.benchmark.alone({"CLIP": answers([1, 1, 0, 0]), "YOLO": answers([1, 0, 1, 0])})
    assert both == "Of 4 images both name 1 right, CLIP alone 1, YOLO alone 1, neither 1."


def test_road_says_whether_the_answer_hangs_on_the_map():
    table = frame(
        "model method mean low high n",
        ("A", "m", 1.0, 0.5, 1.5, 8),
        ("B", "m", -1.0, -2.0, -0.5, 8),
        ("C", "m", 0.1, -1.0, 1.0, 8),
    )
    said = readings.benchmark.road(table)
    assert "A, m: 1 (0.5 to 1.5), it does" in said
    assert "B, m: −1 (−2 to −0.5), it hangs on the rest" in said
    assert said.endswith("C, m: 0.1 (−1 to 1), it can't be said.")


def test_papers_figures_within_and_outside_of_ours_or_not_to_be_compared():
    table = frame(
        "what paper ours low high",
        ("a", 85.9, 84.0, 82.0, 86.0),
        ("b", 94.2, 99.0, 98.0, 99.5),
        ("c", 73.4, 50.0, 40.0, 60.0),
    )
    said = readings.summary.beside(table, None)
    assert said == "Of 3 rows the paper's figure lies in our interval in 1; ours is above it in 1 and below it in 1."
    assert "no comparison, since this profile has drawn images" in readings.summary.beside(table, "drawn images")
    assert readings.summary.beside(table.head(0), None).startswith("No accuracy")


def test_run_is_said_with_what_it_was_made_with():
    run = SimpleNamespace(
        folder=SimpleNamespace(name="abc"), cost={"seconds": 12.4}, labels=np.zeros(402), config={"fit": "pad"}
    )
    said = readings.fine_tuning.made(run, read_profile("mini").fine_tuning)
    assert "Run `abc`: CLIP-mini-RN, 7 epochs in batches of 82, learning rate 1e-3, weight decay 1e-3" in said
    assert said.endswith("12 s; 402 test images.")
    run.config["fit"] = "person"
    assert "cut to the person" in readings.fine_tuning.made(run, read_profile("mini").fine_tuning)


def test_mirror_images_help_or_do_not():
    plain, both = answers([0] * 12 + [1] * 8), answers([1] * 18 + [0] * 2)
    said = readings.fine_tuning.mirrored(plain, both)
    assert "names 90.0 % of 20 images" in said
    assert "+50.0 points, a gain (McNemar's exact test, p = 0.013)" in said
    assert " 0.0 points, no more than chance gives" in readings.fine_tuning.mirrored(plain, plain)
    assert "−50.0 points, a loss" in readings.fine_tuning.mirrored(both, plain)
