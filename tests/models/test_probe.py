"""Frozen features and what is made of them, each held to another way of computing it."""

import numpy as np
import pytest
import torch
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import NearestCentroid
from tiny_clip import tiny_encoder
from torch.nn.functional import cross_entropy, normalize

from yogalib.models import probe
from yogalib.models.device import pick_device
from yogalib.models.encoders import open_encoder
from yogalib.models.features import open_tower
from yogalib.models.probe import Known, by_library, nearest_mean, prolip, tip_adapter, tip_adapter_keys
from yogalib.models.zero_shot import classify, normalise, unit
from yogalib.runs import asks
from yogalib.study import Study

DEVICE = pick_device("cpu", "fp32", 1)


@pytest.fixture
def known() -> Known:
    """30 pictures of 3 classes: 8 numbers each before the last layer, which turns them."""
    generator = torch.Generator().manual_seed(0)
    texts = normalize(torch.randn(3, 8, generator=generator), dim=1)
    labels = torch.arange(30) % 3
    turn = torch.linalg.qr(torch.randn(8, 8, generator=generator))[0]
    hidden = (texts[labels] + 0.8 * torch.randn(30, 8, generator=generator)) @ turn.T
    return Known(hidden, labels, texts, turn, torch.zeros(8), 20.0)


@pytest.mark.parametrize("name", ["ViT", "CLIP-mini-RN-random", "CLIP-lite-random"])
def test_tower_and_last_layer_are_the_encoders_own(name, tmp_path):
    pixels = torch.randint(0, 256, (2, 96, 96, 3), generator=torch.Generator().manual_seed(0))
    encoder = tiny_encoder() if name == "ViT" else open_encoder(name, tmp_path)
    side = encoder.resolution
    images = normalise(pixels[:, :side, :side]) if side <= 96 else normalise(pixels.repeat(1, 2, 2, 1)[:, :side, :side])
    with torch.no_grad():
        features = unit(encoder.model.encode_image(images))
        tower, weight, bias = open_tower(encoder)
        hidden = tower(images)
    assert hidden.shape[1] == weight.shape[0]
    torch.testing.assert_close(normalize(hidden @ weight + bias, dim=1), features, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("model", [LogisticRegression(), LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")])
def test_a_class_without_an_example_is_never_answered_and_the_others_as_sklearn_has_them(known, model):
    hidden, labels = known.hidden.numpy(), known.labels.numpy()
    standard = (hidden - hidden.mean(0)) / hidden.std(0)
    answers = by_library(model, hidden, 2 * labels, [hidden], 6)
    assert answers[:, 1::2].max() == 0
    np.testing.assert_allclose(answers[:, ::2], model.fit(standard, labels).predict_proba(standard), atol=1e-5)


def test_nearest_mean_is_sklearns_nearest_centroid_on_the_sphere(known):
    features = known.features(known.hidden)
    means = normalize(torch.stack([features[known.labels == each].mean(0) for each in range(3)]), dim=1)
    reference = NearestCentroid().fit(means, range(3)).predict(features)
    assert nearest_mean(known, known.hidden).argmax(1).tolist() == reference.tolist()


def test_tip_adapter_is_the_papers_sum_over_the_cache(known):
    features = known.features(known.hidden)
    got = tip_adapter(features[:2], features, known.labels, known.texts, 100.0, alpha=2.0, beta=3.0)
    for i in range(2):
        for c in range(3):
            cache = sum(
                float(torch.exp(-3.0 * (1 - features[i] @ key)))
                for key, label in zip(features, known.labels, strict=True)
                if label == c
            )
            assert float(got[i, c]) == pytest.approx(100 * float(features[i] @ known.texts[c]) + 2 * cache, rel=1e-5)


def test_trained_keys_fit_better_and_are_the_same_twice(known):
    first, second = tip_adapter_keys(known), tip_adapter_keys(known)
    features = known.features(known.hidden)
    before, after = (
        cross_entropy(tip_adapter(features, keys, known.labels, known.texts, known.scale), known.labels)
        for keys in (features, first)
    )
    assert torch.equal(first, second)
    assert after < before


def test_prolip_stays_under_a_strong_pull_and_goes_down_the_papers_gradient(known):
    assert (prolip(known, pull=1e6) - known.weight).abs().max() < 5e-3
    step = prolip(known, pull=0.1, rate=1e-3, steps=1) - known.weight
    rate, small = 1e-3, 1e-2  # Adam's first step is the gradient's sign
    for place in ((0, 0), (3, 5), (7, 2)):
        losses = []
        for sign in (1, -1):
            weight = known.weight.double().clone()
            weight[place] += sign * small
            features = normalize(known.hidden.double() @ weight, dim=1)
            losses.append(cross_entropy(known.scale * features @ known.texts.double().T, known.labels))
        assert float(step[place]) == pytest.approx(-rate * float((losses[0] - losses[1]).sign()), rel=1e-3)


def test_probe_runs_learn_from_both_sides_and_without_a_cache_tip_adapter_is_zero_shot(photos, folders, monkeypatch):
    monkeypatch.setenv("DATA", str(photos))
    study = Study.open("photos", {"fine_tuning.encoder": "CLIP-mini-RN"})
    train, test = study.parts("all")
    runs = {
        method: study.runs(asks.probe(study, train, test, method)) for method in (*probe.PROBABILITIES, *probe.LOGITS)
    }
    for method, run in runs.items():
        np.testing.assert_allclose(run.probabilities.sum(1), 1, rtol=1e-4, err_msg=method)
    assert runs["linear probe"].hits.mean() > 0.6
    monkeypatch.setattr(probe, "tip_adapter", lambda *given: tip_adapter(*given, alpha=0))
    answers = probe.answer(asks.probe(study, train, test, "Tip-Adapter"), study.workshop, folders)[0]
    encoder = open_encoder("CLIP-mini-RN", study.paths.weights)
    prompts = asks.probe(study, train, test, "Tip-Adapter").prompts
    zero = classify(encoder, study.source.pixels(test, encoder.resolution), prompts, DEVICE)[0]
    np.testing.assert_allclose(answers, zero, atol=1e-4)
