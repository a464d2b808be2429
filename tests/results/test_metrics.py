"""Metrics against independent references."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, binomtest, ttest_1samp, ttest_rel
from sklearn.metrics import precision_recall_fscore_support, top_k_accuracy_score

from yogalib.facts.taxonomy import load_taxonomy, parents
from yogalib.results import metrics


def random_answers(classes: int, n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.dirichlet(np.ones(classes), n), rng.integers(0, classes, n)


@given(st.integers(1, 500), st.data())
def test_wilson_interval_is_scipys(n, data):
    hits = data.draw(st.integers(0, n))
    expected = binomtest(hits, n).proportion_ci(0.95, method="wilson")
    assert metrics.wilson(hits, n) == pytest.approx((expected.low, expected.high), abs=1e-9)


@pytest.mark.parametrize("k", [1, 2, 5])
def test_top_k_is_sklearns(k):
    probabilities, labels = random_answers(12, 300, seed=k)
    expected = top_k_accuracy_score(labels, probabilities, k=k, labels=np.arange(12))
    assert metrics.top_k(probabilities, labels, k).mean() == pytest.approx(expected)


def test_superclass_probability_is_the_sum_of_its_children():
    classes = np.array(sorted(load_taxonomy()["class"].sample(30, random_state=1)))
    probabilities, labels = random_answers(30, 50, seed=3)
    for level in (1, 2, 3):
        mapped, targets, groups = metrics.at_level(probabilities, labels, classes, level)
        for row in range(50):
            for place, group in enumerate(groups):
                children = [
                    p for p, number in zip(probabilities[row], classes, strict=True) if parents(level)[number] == group
                ]
                assert mapped[row, place] == pytest.approx(sum(children))
            assert groups[targets[row]] == parents(level)[classes[labels[row]]]


@given(st.integers(0, 10_000))
def test_a_certain_right_answer_is_right_at_every_level(seed):
    classes = np.arange(82)
    labels = np.random.default_rng(seed).integers(0, 82, 40)
    table = metrics.accuracy_by_level(np.eye(82)[labels], labels, classes)
    assert (table["accuracy"] == 1).all()


def test_scores_of_resamples_are_those_of_one_at_a_time():
    rng = np.random.default_rng(3)
    labels, predicted = rng.integers(0, 5, (20, 30)), rng.integers(-1, 7, (20, 30))
    right = rng.random(labels.shape) < 0.5
    predicted[right] = labels[right]
    labels[:, :2] = 4  # a class that all resamples hold
    one_by_one = [
        [
            (said == right).mean(),
            *precision_recall_fscore_support(right, said, average="weighted", zero_division=0)[:3],
        ]
        for said, right in zip(predicted, labels, strict=True)
    ]
    np.testing.assert_allclose(metrics.resampled_scores(predicted, labels), one_by_one)


def test_weighted_scores_are_sklearns():
    probabilities, labels = random_answers(6, 200, seed=5)
    predicted = probabilities.argmax(1)
    expected = precision_recall_fscore_support(labels, predicted, average="weighted", zero_division=0)[:3]
    scores = metrics.weighted_scores(predicted, labels)
    assert (scores["precision"], scores["recall"], scores["f1"]) == pytest.approx(expected)
    assert scores["recall"] == pytest.approx(scores["accuracy"])  # a theorem, so Table 10's two columns must be equal
    assert scores["support"] == 200


def test_one_answer_to_everything_is_marked_collapsed():
    assert metrics.collapsed(np.array([3, 3, 3]))
    assert not metrics.collapsed(np.array([3, 3, 1]))


@given(st.lists(st.floats(0, 1), min_size=2, max_size=20))
def test_interval_of_a_mean_is_that_of_the_t_test(values):
    mean, sd, low, high = metrics.mean_interval(np.array(values))
    assert mean == pytest.approx(np.mean(values))
    assert sd == 0 or low < mean < high
    assert (sd == 0) == np.isnan(low), "values all alike say nothing of how they vary"
    if sd > 1e-6:
        expected = ttest_1samp(values, 0).confidence_interval(0.95)
        assert (low, high) == pytest.approx((expected.low, expected.high))


def test_mean_over_random_splits_is_as_uncertain_as_simulated_ones():
    """Nadeau and Bengio's correction against what it is for: the mean over splits of one sample, over many samples."""
    rng, means, halves, plain = np.random.default_rng(0), [], [], []
    for _ in range(400):
        # each image is right by its own luck, whatever the split: means over splits vary as those of the sample
        right = rng.random(200) < 0.7
        scores = np.array([rng.permutation(right)[:40].mean() for _ in range(20)])
        means.append(scores.mean())
        halves.append(np.diff(metrics.mean_interval(scores, 0.2)[2:]) / 2)
        plain.append(np.diff(metrics.mean_interval(scores)[2:]) / 2)
    held, held_plainly = ((np.abs(np.array(means) - 0.7) < np.ravel(each)).mean() for each in (halves, plain))
    assert held > 0.9 > held_plainly + 0.1


def test_one_value_has_no_interval():
    mean, *rest = metrics.mean_interval(np.array([0.7]))
    assert mean == 0.7
    assert np.isnan(rest).all()


def test_paired_difference_without_overlap_is_the_paired_t_test():
    rng = np.random.default_rng(0)
    ours, theirs = rng.random(12), rng.random(12)
    expected = ttest_rel(ours, theirs)
    low, high = expected.confidence_interval(0.95)
    found = metrics.paired_difference(ours, theirs, test_share=0.0)
    assert found == pytest.approx((np.mean(ours - theirs), low, high, expected.pvalue))
    wider = metrics.paired_difference(ours, theirs, test_share=0.2)
    assert wider[1] < low and wider[2] > high


def test_mcnemar_is_the_binomial_test_of_the_pictures_on_which_two_models_differ():
    ours = np.array([True] * 9 + [False] * 2 + [True] * 30)
    theirs = np.array([False] * 9 + [True] * 2 + [True] * 30)
    assert metrics.mcnemar_p(ours, theirs) == pytest.approx(binomtest(2, 11).pvalue)
    assert metrics.mcnemar_p(ours, ours) == 1


def test_calibration_error_is_torchmetrics_definition():
    probabilities, labels = random_answers(4, 500, seed=9)
    confidence, hit = probabilities.max(1), probabilities.argmax(1) == labels
    edges = np.linspace(0, 1, 11)
    expected = 0.0
    for low, high in pairwise(edges):
        inside = (confidence >= low) & (confidence < high)
        if inside.any():
            expected += inside.mean() * abs(hit[inside].mean() - confidence[inside].mean())
    assert metrics.calibration_error(probabilities, labels, bins=10) == pytest.approx(expected)
    assert metrics.calibration_error(np.eye(4)[labels], labels) == 0


def test_small_draws_scatter_as_the_binomial_says():
    hits = np.stack([np.arange(200) < 60, np.arange(200) < 120])
    drawn = metrics.small_draws(hits, 53, draws=4000)
    assert drawn.shape == (4000, 2)
    assert drawn.mean(axis=0) == pytest.approx([0.3, 0.6], abs=0.01)
    assert (53 * drawn[:, 0]).std() == pytest.approx(binom(53, 0.3).std(), rel=0.05)
    assert (drawn[:, 1] >= drawn[:, 0]).all(), "both models answer for the same pictures"


def test_paired_proportions_hold_the_truth_in_95_of_100_samples():
    rng, held = np.random.default_rng(0), []
    for _ in range(
        2000
    ):  # both right 55 %, only ours 25 %, only theirs 10 %, neither 10 %: a true difference of 15 points
        case = rng.choice(4, 60, p=[0.55, 0.25, 0.1, 0.1])
        _, low, high = metrics.paired_proportions(np.isin(case, [0, 1]), np.isin(case, [0, 2]))
        held.append(low <= 0.15 <= high)
    assert 0.935 <= np.mean(held) <= 0.975


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60))
def test_paired_proportions_turn_round_with_the_models(pairs):
    ours, theirs = np.array(pairs).T
    there, back = metrics.paired_proportions(ours, theirs), metrics.paired_proportions(theirs, ours)
    assert there == pytest.approx((-back[0], -back[2], -back[1]))
    assert -1 <= there[1] <= there[2] <= 1


def test_mcnemar_finds_its_reach_in_four_of_five_tests():
    n, apart = 400, 90
    ours = np.arange(n) < 300
    theirs = ours.copy()
    theirs[300 - apart // 2 : 300 + apart // 2] ^= True
    reach = metrics.mcnemar_reach(ours, theirs)
    share = (1 + reach * n / apart) / 2  # of the disagreements that one model is right in
    rng, found = np.random.default_rng(0), []
    for wins in rng.binomial(apart, share, 1500):
        one = np.arange(n) < wins
        other = (np.arange(n) >= wins) & (np.arange(n) < apart)
        found.append(metrics.mcnemar_p(one, other) < 0.05)
    assert np.mean(found) == pytest.approx(metrics.POWER, abs=0.03)
    assert np.isnan(metrics.mcnemar_reach(ours[:5], ~ours[:5])), "five disagreements are never enough"
    assert np.isnan(metrics.mcnemar_reach(ours, ours))


@pytest.mark.parametrize("splits", [3, 10])
def test_corrected_t_finds_its_reach_in_four_of_five_experiments(splits):
    share, sd = 0.2, 0.05
    rng = np.random.default_rng(splits)
    # what splits share is common to all, so that any two differ as Nadeau and Bengio have it
    common, own = rng.normal(0, sd * np.sqrt(share), (3000, 1)), rng.normal(0, sd * np.sqrt(1 - share), (3000, splits))
    half = np.sqrt(1 / splits + share / (1 - share)) * sd * np.sqrt(1 - share)  # standard error
    half *= metrics.t.ppf(0.975, splits - 1)
    reach = metrics.resampled_reach(half, splits)
    found = [metrics.paired_difference(reach + row, 0 * row, share)[3] < 0.05 for row in common + own]
    assert np.mean(found) == pytest.approx(metrics.POWER, abs=0.03)
    assert np.isnan(metrics.resampled_reach(np.nan, splits))
    assert np.isnan(metrics.resampled_reach(half, 1))


def test_components_of_variance_are_those_that_were_drawn():
    rng, of_split, of_seed = np.random.default_rng(0), 0.04, 0.02
    splits, seeds, told = 6, 4, []
    for _ in range(600):
        values = 0.8 + rng.normal(0, of_split, (splits, 1)) + rng.normal(0, of_seed, (splits, seeds))
        told.append(metrics.variance_components(values).set_index("component"))
    for component, truth in (("split", of_split), ("training seed", of_seed)):
        rows = [table.loc[component] for table in told]
        assert np.mean([row["sd"] ** 2 for row in rows]) == pytest.approx(truth**2, rel=0.1)
        assert 0.93 <= np.mean([row["low"] <= truth <= row["high"] for row in rows]) <= 0.98
    assert np.mean([table.loc["split", "p"] < 0.05 for table in told]) > 0.8


def test_splits_that_add_nothing_are_seldom_said_to():
    rng = np.random.default_rng(1)
    told = [metrics.variance_components(rng.normal(0.8, 0.02, (3, 3))).set_index("component") for _ in range(600)]
    assert np.mean([table.loc["split", "p"] < 0.05 for table in told]) == pytest.approx(0.05, abs=0.025)
    assert min(table.loc["split", "low"] for table in told) == 0


def test_components_that_cannot_be_told_are_not():
    alike = metrics.variance_components(np.full((3, 3), 0.5)).set_index("component")
    assert alike.loc["training seed", "sd"] == 0 and np.isnan(alike.loc["split", "sd"])
    one = metrics.variance_components(np.array([[0.5, 0.6, 0.7]])).set_index("component")
    assert one.loc["training seed", "sd"] == pytest.approx(0.1) and np.isnan(one.loc["split", "sd"])
