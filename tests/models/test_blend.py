"""Several answers made one."""

import numpy as np
from scipy.special import log_softmax, softmax
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from yogalib.models.blend import PULL, fitted_weights, mean_of_logs


def answers(seed: int, n: int = 60, classes: int = 3) -> tuple[list[np.ndarray], np.ndarray]:
    """Return what a good, a middling and a useless model say of n pictures, and what is right."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(classes, size=n)
    scores = [strength * np.eye(classes)[labels] + rng.standard_normal((n, classes)) for strength in (3, 1, 0)]
    return [softmax(each, axis=1) for each in scores], labels


def test_equal_weights_are_the_geometric_mean():
    probabilities, _ = answers(0)
    product = np.prod(probabilities, axis=0) ** (1 / 3)
    mixed = mean_of_logs(probabilities, np.full(3, 1 / 3))
    np.testing.assert_allclose(mixed, product / product.sum(1, keepdims=True), rtol=1e-5)


def test_no_answer_leaves_the_others_and_no_answer_at_all_is_none():
    probabilities, _ = answers(0)
    probabilities[0][:2] = np.nan
    for each in probabilities[1:]:
        each[1] = np.nan
    mixed = mean_of_logs(probabilities, np.array([1.0, 1.0, 0.0]))
    np.testing.assert_allclose(mixed[0], probabilities[1][0], rtol=1e-5)
    assert np.isnan(mixed[1]).all()
    assert np.isfinite(mixed[2:]).all()


def test_fitted_weights_prefer_the_better_model_and_are_where_the_gradient_is_nothing():
    probabilities, labels = answers(1, n=400)
    weights = fitted_weights(probabilities, labels)
    assert weights[0] > weights[1] > weights[2]
    assert log_loss(labels, mean_of_logs(probabilities, weights)) < log_loss(
        labels, mean_of_logs(probabilities, np.full(3, 1 / 3))
    )
    # of two classes and one model, the weight is logistic regression's on the difference of logs, drawn to 1
    (one, *_), labels = answers(2, n=400, classes=2)
    gap = np.diff(log_softmax(np.log(one), axis=1))
    lone = fitted_weights([one], labels)
    slopes = [
        np.mean((1 / (1 + np.exp(-weight * gap[:, 0])) - labels) * gap[:, 0]) + 2 * PULL * (weight - 1)
        for weight in lone
    ]
    assert abs(slopes[0]) < 1e-3
    free = LogisticRegression(C=np.inf, fit_intercept=False).fit(gap, labels).coef_[0, 0]
    assert min(free, 1) <= lone[0] <= max(free, 1)
