"""Answers adjusted for rare poses, held to the formula on logits."""

import numpy as np
from scipy.special import softmax

from yogalib.models.adjust import adjusted
from yogalib.runs import asks
from yogalib.study import Study


def test_adjusted_answers_are_menons_formula_on_the_logits():
    logits = 3 * np.random.default_rng(0).standard_normal((6, 4))
    prior = np.array([0.7, 0.2, 0.07, 0.03])
    for tau in (0.5, 1.0):
        odds = np.exp(logits) / prior**tau
        np.testing.assert_allclose(
            adjusted(softmax(logits, axis=1), prior, tau), odds / odds.sum(1, keepdims=True), rtol=1e-9
        )


def test_equal_classes_change_nothing_and_a_rare_one_wins_a_tie():
    answers = np.array([[0.5, 0.5, 0.0], [0.2, 0.3, 0.5]])
    np.testing.assert_allclose(adjusted(answers, np.full(3, 1 / 3)), answers, atol=1e-12)
    assert adjusted(answers, np.array([0.6, 0.2, 0.2]))[0].argmax() == 1


def test_run_adjusts_the_stored_answers_by_its_training_part_and_trains_nothing(photos, folders, monkeypatch):
    monkeypatch.setenv("DATA", str(photos))
    study = Study.open("photos", {"fine_tuning.encoder": "CLIP-mini-RN", "fine_tuning.epochs": 1})
    clip = asks.finetune(study)
    run, stored = study.runs(asks.adjusted(clip)), study.runs(clip)
    counts = clip.train["class"].value_counts().loc[stored.classes].to_numpy()
    odds = stored.probabilities / counts
    np.testing.assert_allclose(run.probabilities, odds / odds.sum(1, keepdims=True), rtol=1e-5)
    assert run.config["parts"] == [stored.folder.name]
    assert not (run.folder / "model.safetensors").exists()
