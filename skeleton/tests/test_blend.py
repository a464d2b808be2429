"""Blends: weights from a validation part, held to what is known."""

import numpy as np
import pytest
from blend import Blend, fit_blend, log_loss, softmax, temperature


def answers(n=600, classes=4, strength=2.0, seed=0):
    """Return probabilities that are right as often as they say, and their targets."""
    rng = np.random.default_rng(seed)
    probabilities = softmax(strength * rng.standard_normal((n, classes)))
    targets = np.array([rng.choice(classes, p=row) for row in probabilities])
    return probabilities, targets


def test_honest_probabilities_have_temperature_one_and_overconfident_ones_more():
    probabilities, targets = answers()
    assert temperature(probabilities, targets) == pytest.approx(1, abs=0.2)
    assert temperature(softmax(3 * np.log(probabilities)), targets) == pytest.approx(3, rel=0.2)


def test_even_weights_are_the_plain_mean_of_log_probabilities():
    a, b = answers(seed=0)[0], answers(seed=1)[0]
    got = Blend(np.full((2, 2), 0.5))([a, b], np.ones(len(a)))
    product = np.sqrt(a * b)
    np.testing.assert_allclose(got, product / product.sum(1, keepdims=True), atol=1e-9)


def test_model_that_knows_nothing_gets_no_say():
    good, targets = answers()
    noise = softmax(np.random.default_rng(5).standard_normal(good.shape))
    blend = fit_blend([good, noise], np.ones(len(good)), targets)
    assert blend.weights[1, 0] > 0.7 > 0.3 > blend.weights[1, 1]


def test_skeleton_that_was_hardly_seen_is_asked_less():
    skeleton, targets = answers(1200)
    image = answers(1200, seed=2)[0]
    rng = np.random.default_rng(3)
    flag = np.where(rng.random(1200) < 0.4, 0.5, 1.0)
    for probabilities in (skeleton, image):  # each is told the answer where the other is not
        rows = (flag == 1.0) if probabilities is skeleton else (flag < 1.0)
        probabilities[~rows] = softmax(rng.standard_normal(((~rows).sum(), 4)))
        probabilities[rows] = 0.1
        probabilities[rows, targets[rows]] = 0.7
    blend = fit_blend([skeleton, image], flag, targets)
    doubtful, seen = blend.weights
    assert doubtful[0] < doubtful[1] and seen[0] > seen[1]
    mixed = blend([skeleton, image], flag)
    assert log_loss(mixed, targets) < min(log_loss(skeleton, targets), log_loss(image, targets))
