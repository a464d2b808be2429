"""Several models' answers made one: the mean of their log-probabilities, each under a temperature of its own.

Where a model has no answer, since it found nobody, the others' stand.
"""

from collections.abc import Sequence

import numpy as np
from safetensors.numpy import save_file
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp

from yogalib.models.written import KEPT

LEAST = 1e-6  # no model is surer than that of a pose that it rules out


def mean_of_logs(probabilities: Sequence[np.ndarray], temperatures: Sequence[float]) -> np.ndarray:
    """Return probabilities (N, C) of M models' (N, C); NaN where none has an answer."""
    logs = np.stack([_tempered(each, heat) for each, heat in zip(probabilities, temperatures, strict=True)])
    with np.errstate(invalid="ignore"):
        there = np.isfinite(logs).all(axis=2, keepdims=True)
        mean = np.where(there, logs, 0).sum(axis=0) / there.sum(axis=0)
        return np.exp(mean - logsumexp(mean, axis=1, keepdims=True))


def temperature(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Return the temperature at which probabilities (N, C) make the labels (N,) likeliest (Guo et al. 2017); no answers don't count."""
    there = np.isfinite(probabilities).all(axis=1)
    known, right = probabilities[there], labels[there]

    def surprise(log: float) -> float:
        return -_tempered(known, np.exp(log))[np.arange(len(right)), right].mean()

    return float(np.exp(minimize_scalar(surprise, bounds=(-3, 3), method="bounded").x))


def _tempered(probabilities: np.ndarray, heat: float) -> np.ndarray:
    logs = np.log(np.maximum(probabilities, LEAST)) / heat
    return logs - logsumexp(logs, axis=1, keepdims=True)


def answer(ask, at, folder) -> tuple[np.ndarray]:
    """Answer a run of this kind (yogalib.runs.asks) by those of its parts, which are made first where they are not there."""
    runs = [at.run(part) for part in ask.parts]
    save_file({"temperatures": np.ones(len(runs), np.float32)}, folder / KEPT)
    return (mean_of_logs([run.probabilities for run in runs], np.ones(len(runs))),)
