"""Each way to adapt, held to another way of computing it."""

import numpy as np
import pytest
import torch
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import NearestCentroid
from torch import nn
from torch.nn.functional import cross_entropy

import adapters


@pytest.fixture
def blobs():
    """120 points of 4 classes in 6 dimensions, and 40 more."""
    rng = np.random.default_rng(0)
    centres = 2 * rng.standard_normal((4, 6))
    targets = rng.integers(4, size=160)
    points = centres[targets] + rng.standard_normal((160, 6))
    return points[:120], targets[:120], points[120:], targets[120:]


def unit(x):
    """Return rows at length one."""
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def test_nearest_mean_is_sklearns_nearest_centroid_on_the_sphere(blobs):
    x, y, asked, _ = blobs
    means = unit(adapters.class_means(x, y, 4))
    reference = NearestCentroid().fit(means, np.arange(4)).predict(unit(asked))
    assert (adapters.nearest_mean(x, y, 4, asked).argmax(1) == reference).all()


@pytest.mark.parametrize("shrinkage", [0.0, 0.3, 0.9])
def test_lda_is_sklearns(blobs, shrinkage):
    x, y, asked, _ = blobs
    within = x - adapters.class_means(x, y, 4)[y]
    covariance = (1 - shrinkage) * within.T @ within / len(x)
    covariance += shrinkage * np.trace(within.T @ within / len(x)) / 6 * np.eye(6)

    class Fixed:  # sklearn shrinks each class after scaling; ours the pooled covariance: give it ours
        covariance_ = covariance

        def fit(self, _):
            return self

    reference = LinearDiscriminantAnalysis(solver="lsqr", covariance_estimator=Fixed()).fit(x, y)
    np.testing.assert_allclose(
        adapters.lda(x, y, 4, asked, shrinkage), reference.decision_function(asked), rtol=1e-8, atol=1e-8
    )


def test_class_without_an_example_is_never_the_answer(blobs):
    x, y, asked, _ = blobs
    weights, biases = adapters.linear_probe(x, y, 6)
    assert set((asked @ weights.T + biases).argmax(1)) <= set(range(4))
    assert set(adapters.lda(x, y, 6, asked).argmax(1)) <= set(range(4))
    assert set(adapters.nearest_mean(x, y, 6, asked).argmax(1)) <= set(range(4))


@pytest.mark.parametrize("classes", [2, 4])
def test_linear_probe_gives_sklearns_probabilities(blobs, classes):
    x, y, asked, _ = blobs
    y = y % classes
    weights, biases = adapters.linear_probe(x, y, classes)
    ours = torch.as_tensor(asked @ weights.T + biases).softmax(1).numpy()
    reference = LogisticRegression(max_iter=2000).fit(x, y).predict_proba(asked)
    np.testing.assert_allclose(ours, reference, atol=1e-6)


def few_shots():
    """Unit features of 30 pictures, 3 classes, 8 dimensions; texts; targets."""
    generator = torch.Generator().manual_seed(0)
    texts = nn.functional.normalize(torch.randn(3, 8, generator=generator), dim=1)
    targets = torch.arange(30) % 3
    features = nn.functional.normalize(texts[targets] + 0.8 * torch.randn(30, 8, generator=generator), dim=1)
    return features, targets, texts


def test_tip_adapter_is_the_papers_sum_over_the_cache():
    features, targets, texts = few_shots()
    got = adapters.tip_adapter(features, targets, texts, features[:2], alpha=2.0, beta=3.0)
    for i in range(2):
        for c in range(3):
            cache = sum(
                float(torch.exp(-3.0 * (1 - features[i] @ key))) for key, t in zip(features, targets) if t == c
            )
            assert float(got[i, c]) == pytest.approx(100 * float(features[i] @ texts[c]) + 2.0 * cache, rel=1e-5)


def test_tip_adapter_without_a_cache_is_zero_shot():
    features, targets, texts = few_shots()
    assert torch.equal(adapters.tip_adapter(features, targets, texts, features, alpha=0), 100 * features @ texts.T)


def test_trained_keys_fit_better_and_are_the_same_twice():
    features, targets, texts = few_shots()
    texts = texts.roll(1, 0)  # prompts that are wrong
    keys = [adapters.tip_adapter_trained(features, targets, texts, alpha=20, epochs=30) for _ in range(2)]
    before, after = (
        cross_entropy(adapters.tip_adapter(k, targets, texts, features, alpha=20), targets) for k in (features, keys[0])
    )
    assert torch.equal(*keys) and after < before


def test_prolip_stays_where_it_began_under_a_strong_pull_and_fits_under_a_weak_one():
    hidden, targets, texts = few_shots()
    texts, start = texts.roll(1, 0), torch.eye(8)
    held = adapters.prolip(hidden, targets, texts, start, pull=1e6, learning_rate=1e-3)
    free = adapters.prolip(hidden, targets, texts, start, pull=0.0, learning_rate=1e-2)

    def loss(weight):
        return cross_entropy(100 * nn.functional.normalize(hidden @ weight, dim=1) @ texts.T, targets)

    assert (held - start).abs().max() < 5e-3
    assert loss(free) < 0.1 * loss(start)


def test_lp_ft_begins_at_the_probe(blobs):
    x, y, _, _ = blobs
    encoder = nn.Linear(6, 5)
    pictures = torch.as_tensor(x).float()
    features = encoder(pictures).detach().numpy()
    weights, biases = adapters.linear_probe(features, y, 4)
    model = adapters.lp_ft(encoder, pictures, torch.as_tensor(y), 4, epochs=0)
    np.testing.assert_allclose(model(pictures).detach().numpy(), features @ weights.T + biases, atol=1e-4)


def test_wise_ft_ends_are_the_two_models_and_the_middle_their_soup():
    first, second = nn.BatchNorm1d(2), nn.BatchNorm1d(2)
    second.weight.data.fill_(3.0)
    second.num_batches_tracked += 5
    a, b = first.state_dict(), second.state_dict()
    assert adapters.wise_ft(a, b, 0.0)["weight"].tolist() == [1, 1]
    assert adapters.wise_ft(a, b, 1.0)["weight"].tolist() == [3, 3]
    assert torch.equal(adapters.wise_ft(a, b, 0.5)["weight"], adapters.soup([a, b])["weight"])
    curve = adapters.wise_ft_curve(first, a, b, lambda model: model.weight[0].item(), alphas=(0, 0.25, 1))
    assert curve == [(0, 1), (0.25, 1.5), (1, 3)] and first.weight.tolist() == [1, 1]


def test_adjusted_logits_make_a_bayes_classifier_balanced():
    counts = torch.tensor([90.0, 10.0])
    logits = torch.tensor([[0.9, 0.1]]).log()  # nothing known but the prior
    assert torch.allclose(adapters.adjusted_logits(logits, counts).softmax(1), torch.tensor([[0.5, 0.5]]))


def test_hierarchical_loss_is_the_sum_over_levels():
    heads = [torch.randn(5, c, generator=torch.Generator().manual_seed(c)) for c in (4, 2)]
    targets, parents = torch.tensor([0, 1, 2, 3, 3]), torch.tensor([0, 0, 1, 1])
    expected = 0.0
    for i, t in enumerate(targets.tolist()):
        expected -= float(heads[0][i].log_softmax(0)[t] + heads[1][i].log_softmax(0)[t // 2]) / 5
    assert float(adapters.hierarchical_loss(heads, targets, [torch.arange(4), parents])) == pytest.approx(expected)
