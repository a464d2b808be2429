"""Accuracy at the three levels of Yoga-82, with its intervals (paper, section 4)."""

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.stats import binom, chi2, norm, t
from scipy.stats import f as f_ratio
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.power import TTestPower
from statsmodels.stats.proportion import proportion_confint

from yogalib.facts.taxonomy import parents

POWER = 0.8  # share of the cases in which a difference is to be found
ONE_ANSWER = 0.9  # share of the images: a model that names one pose for more of them is called out


def at_level(
    probabilities: np.ndarray, labels: np.ndarray, classes: np.ndarray, level: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Map L3 probabilities and labels up to a level: a superclass's probability is the sum of its children's.

    probabilities : (N, C). labels : (N,), places in `classes`. classes : (C,), official class numbers. level : 1, 2, 3.

    Returns probabilities (N, G), labels (N,) as places in the groups, and the groups' official numbers (G,).
    The paper does not say how its L1 and L2 rows were made; mapping up is the only reading in which one training gives
    all three.
    """
    groups, place = np.unique(parents(level)[classes], return_inverse=True)
    membership = np.eye(len(groups), dtype=probabilities.dtype)[place]
    return probabilities @ membership, place[labels], groups


def top_k(probabilities: np.ndarray, labels: np.ndarray, k: int) -> np.ndarray:
    """Return for each picture whether its class is among the k most probable, bool (N,); ties go to the lower number.

    No answer, NaN, is a wrong one.
    """
    order = np.argsort(-probabilities, axis=1, kind="stable")[:, :k]
    return (order == labels[:, None]).any(axis=1) & ~np.isnan(probabilities).any(axis=1)


def wilson(hits: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Return the Wilson interval of a share of n."""
    low, high = proportion_confint(hits, n, alpha=1 - level, method="wilson")
    return float(low), float(high)


def mean_interval(
    values: np.ndarray, test_share: float = 0.0, level: float = 0.95
) -> tuple[float, float, float, float]:
    """Return mean, standard deviation and t-interval of some values, (S,); no interval where they are one, or all alike.

    test_share : of the images, in random splits of which the values were measured. Such splits share images, so the variance of the mean
    is corrected by the share of test to training images (Nadeau and Bengio 2003, "Inference for the Generalization Error"). 0: the
    values don't depend on one another.
    """
    mean, s = float(np.mean(values)), len(values)
    if s < 2:
        return mean, np.nan, np.nan, np.nan
    sd = float(np.std(values, ddof=1))
    half = t.ppf((1 + level) / 2, s - 1) * sd * np.sqrt(1 / s + test_share / (1 - test_share)) if sd > 0 else np.nan
    return mean, sd, float(mean - half), float(mean + half)


def paired_difference(ours: np.ndarray, theirs: np.ndarray, test_share: float) -> tuple[float, float, float, float]:
    """Compare two models over the same random splits: mean difference, its 95 % interval (low, high), p-value.

    ours, theirs : accuracies (S,), split by split. test_share : as `mean_interval` has it. Differences that are all alike have neither
    interval nor p-value, but for none at all, whose p is 1.
    """
    difference = np.asarray(ours) - np.asarray(theirs)
    mean, sd, low, high = mean_interval(difference, test_share)
    if not sd > 0:
        return mean, low, high, np.nan if mean or np.isnan(sd) else 1.0
    error = (high - mean) / t.ppf(0.975, len(difference) - 1)
    return mean, low, high, float(2 * t.sf(abs(mean) / error, len(difference) - 1))


def mcnemar_p(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Return the p-value of McNemar's exact test of two models on the same pictures; right answers as bool (N,)."""
    only_ours, only_theirs = int((ours & ~theirs).sum()), int((~ours & theirs).sum())
    return float(mcnemar([[0, only_ours], [only_theirs, 0]], exact=True).pvalue) if only_ours + only_theirs else 1.0


def mcnemar_reach(ours: np.ndarray, theirs: np.ndarray, level: float = 0.95) -> float:
    """Return the smallest difference of two accuracies that McNemar's exact test finds in POWER of the cases.

    For as many pictures and disagreements as there are; right answers as bool (N,). NaN where no difference would be found: the models
    disagree too seldom.
    """
    n, d = len(ours), int((ours != theirs).sum())
    counts = np.arange(d // 2 + 1)
    found = counts[2 * binom.cdf(counts, d, 0.5) < 1 - level]  # right alone so seldom, and the test speaks
    if not len(found):
        return np.nan

    def power(share: float) -> float:
        return binom.cdf(found[-1], d, share) + binom.sf(d - found[-1] - 1, d, share)

    return float(d / n * (2 * brentq(lambda share: power(share) - POWER, 0.5, 1) - 1))


def resampled_reach(half: float, splits: int, level: float = 0.95) -> float:
    """Return the smallest difference that the t-test over some splits finds in POWER of the cases.

    half : of the difference's interval, from the middle to one side (`paired_difference`), which tells how it varies.
    """
    if splits < 2 or not half > 0:
        return np.nan
    errors = np.sqrt(splits) * TTestPower().solve_power(nobs=splits, alpha=1 - level, power=POWER)
    return float(half * errors / t.ppf((1 + level) / 2, splits - 1))


def variance_components(values: np.ndarray, level: float = 0.95) -> pd.DataFrame:
    """Part what varies between splits from what varies between training seeds on one split; a table of standard deviations.

    values : (R, S), of R splits, S >= 2 seeds each. A one-way analysis of variance with splits as random groups; a seed names another
    sequence of chance on each split, so seeds are nested in splits. Rows: training seed, split. Columns: component, sd (of the split's, 0
    where the splits differ no more than seeds let them), low, high (the seed's by chi-squared, the split's by Williams 1962, within which
    0 is the lowest), p (F-test that splits add nothing; the split's alone). NaN where values are all alike, or of one split.
    """
    splits, seeds = values.shape
    free = splits - 1, splits * (seeds - 1)
    between = seeds * np.sum((values.mean(axis=1) - values.mean()) ** 2)
    within = np.sum((values - values.mean(axis=1, keepdims=True)) ** 2)
    tails = (1 + level) / 2, (1 - level) / 2
    seed, of_seed = within / free[1], [within / chi2.ppf(tail, free[1]) for tail in tails]
    if splits < 2 or not within > 0:
        split, of_split, p = np.nan, [np.nan] * 2, np.nan
    else:
        ratio = between / free[0] / seed
        split, p = (between / free[0] - seed) / seeds, f_ratio.sf(ratio, *free)
        of_split = [
            between * (1 - f_ratio.ppf(tail, *free) / ratio) / (seeds * chi2.ppf(tail, free[0])) if ratio else np.nan
            for tail in tails
        ]
    rows = [("training seed", seed, *of_seed), ("split", split, *of_split)]
    table = pd.DataFrame(rows, columns=["component", "sd", "low", "high"])
    table[["sd", "low", "high"]] = np.sqrt(table[["sd", "low", "high"]].clip(lower=0))
    return table.assign(p=[np.nan, p])


def largest_share(values: np.ndarray) -> float:
    """Return the share of the commonest of some places, (N,): of labels, what one answer to everything would get."""
    return float(np.bincount(values).max() / len(values))


def learned(predicted: np.ndarray, labels: np.ndarray) -> bool:
    """Return whether a model is clearly better than naming the commonest class for all, so that it can be held against another.

    predicted, labels : (N,). Clearly: by the lower end of Wilson's interval; and no one answer is given to nine in ten.
    """
    low, _ = wilson(int((predicted == labels).sum()), len(labels))
    return bool(largest_share(predicted) < ONE_ANSWER and low > largest_share(labels))


def class_means(values: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the mean of the values, (N, C), over the pictures of each class, (C, C). labels : (N,), places in 0 to C - 1."""
    return np.stack([values[labels == place].mean(axis=0) for place in range(values.shape[1])])


def paired_proportions(ours: np.ndarray, theirs: np.ndarray) -> tuple[float, float, float]:
    """Return the difference of two models' accuracies on the same pictures, with its 95 % interval; right answers as bool (N,).

    The adjusted Wald interval of Bonett and Price 2012, "Adjusted Wald confidence interval for a difference of binomial
    proportions based on paired data".
    """
    n = len(ours)
    first, second = ((int(only.sum()) + 1) / (n + 2) for only in (ours & ~theirs, ~ours & theirs))
    half = norm.ppf(0.975) * np.sqrt((first + second - (first - second) ** 2) / (n + 2))
    middle = first - second
    return float(ours.mean() - theirs.mean()), float(max(middle - half, -1)), float(min(middle + half, 1))


def small_draws(hits: np.ndarray, size: int, draws: int = 1000, seed: int = 0) -> np.ndarray:
    """Return the accuracy of each model on random draws of a few pictures, (D, M), the same pictures for all models.

    hits : bool (M, N), right answers of M models on N pictures. size : pictures of a draw (the paper's Table 4 was measured on 53), with
    replacement: without it the draws would vary as if there were no pictures in the world but these N.
    """
    chosen = np.random.default_rng(seed).integers(hits.shape[1], size=(draws, size))
    return hits[:, chosen].mean(axis=2).T


def calibration_error(probabilities: np.ndarray, labels: np.ndarray, bins: int = 15) -> float:
    """Return the expected calibration error: how far confidence is from accuracy, averaged over equal bins of confidence.

    Guo et al. 2017, "On Calibration of Modern Neural Networks", equation 3.
    """
    confidence, hit = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = [abs(hit[place == bin_].sum() - confidence[place == bin_].sum()) for bin_ in range(bins)]
    return float(sum(gaps) / len(labels))


def accuracy_by_level(probabilities: np.ndarray, labels: np.ndarray, classes: np.ndarray) -> pd.DataFrame:
    """Return Table 8: one row per level and k, with columns level, k, classes, accuracy, low, high, n."""
    rows = []
    for level in (1, 2, 3):
        mapped, targets, groups = at_level(probabilities, labels, classes, level)
        for k in (1, 5):
            hit = top_k(mapped, targets, k)
            low, high = wilson(hit.sum(), len(hit))
            rows.append((f"L{level}", k, len(groups), hit.mean(), low, high, len(hit)))
    return pd.DataFrame(rows, columns=["level", "k", "classes", "accuracy", "low", "high", "n"])


def weighted_scores(predicted: np.ndarray, labels: np.ndarray) -> dict:
    """Return Table 10: accuracy, and precision, recall and F1 averaged with the classes' sizes as weights."""
    scores = resampled_scores(predicted[None], labels[None])[0].tolist()
    return dict(zip(("accuracy", "precision", "recall", "f1"), scores, strict=True)) | {"support": len(labels)}


def resampled_scores(predicted: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the four scores of `weighted_scores` for each of R resamples, (R, 4), in its order: one by one scikit-learn takes 4 ms each.

    predicted : (R, N), -1 for no answer. labels : (R, N), places of the classes.
    """
    count = len(labels)
    place = np.arange(count)[:, None] * (labels.max() + 1)

    def per_class(classes: np.ndarray, where: np.ndarray) -> np.ndarray:
        return np.bincount((place + classes)[where], minlength=place[-1, 0] + labels.max() + 1).reshape(count, -1)

    everywhere = np.ones(labels.shape, bool)
    true, right = per_class(labels, everywhere), per_class(labels, predicted == labels)
    named = per_class(predicted, (predicted >= 0) & (predicted <= labels.max()))
    precision, recall, f1 = (
        np.divide(part, whole, out=np.zeros(true.shape), where=whole > 0)
        for part, whole in ((right, named), (right, true), (2 * right, true + named))
    )
    weighted = [(scores * true).sum(axis=1) / true.sum(axis=1) for scores in (precision, recall, f1)]
    return np.stack([(predicted == labels).mean(axis=1), *weighted], axis=1)


def collapsed(predicted: np.ndarray) -> bool:
    """Return whether the model gives one answer to everything, as the paper's Table 6 does at high learning rates."""
    return len(np.unique(predicted)) == 1
