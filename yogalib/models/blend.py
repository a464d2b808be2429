"""Several models' answers made one: a weighted mean of their log-probabilities.

Where a model has no answer, since it found nobody, the others' stand.
"""

from collections.abc import Sequence

import numpy as np
from safetensors.numpy import load_file, save_file
from scipy.optimize import minimize
from scipy.special import log_softmax

from yogalib.models.written import KEPT

LEAST = 1e-6  # no model is surer than that of a pose that it rules out
PULL = 0.02  # how strongly fitted weights are drawn to equal ones: validation parts are small


def mean_of_logs(probabilities: Sequence[np.ndarray], weights: np.ndarray) -> np.ndarray:
    """Return probabilities (N, C) of M models' (N, C), weighted by (M,); NaN where none has an answer.

    A weight holds its model's temperature too: weights need not sum to one.
    """
    there = np.isfinite(np.stack(probabilities)).all(axis=2).any(axis=0)
    mixed = np.exp(log_softmax(np.tensordot(weights, _logs(probabilities), 1), axis=1))
    return np.where(there[:, None], mixed, np.nan)


def fitted_weights(probabilities: Sequence[np.ndarray], labels: np.ndarray) -> np.ndarray:
    """Return the weights, (M,), that make a validation part's labels (N,) likeliest, drawn a little to equal ones."""
    logs, equal = _logs(probabilities), np.full(len(probabilities), 1 / len(probabilities))

    def cost(weights: np.ndarray) -> float:
        right = log_softmax(np.tensordot(weights, logs, 1), axis=1)[np.arange(len(labels)), labels]
        return PULL * float(((weights - equal) ** 2).sum()) - right.mean()

    return minimize(cost, equal, bounds=[(0, 3)] * len(equal), method="L-BFGS-B").x


def _logs(probabilities: Sequence[np.ndarray]) -> np.ndarray:
    """Return log-probabilities (M, N, C); the same of every class where a model has no answer."""
    return np.nan_to_num(np.log(np.maximum(np.stack(probabilities), LEAST)))


def kept_weights(run) -> np.ndarray:
    """Return the weights that a run of this kind left behind, in the order of its parts."""
    return load_file(run.folder / KEPT)["weights"]


def answer(ask, at, folder) -> tuple[np.ndarray]:
    """Answer a run of this kind (yogalib.runs.asks) by its parts, made first where they are not there.

    Weights are fitted to what the same models, `ask.tried`, answer to a validation part that they have not learnt from; equal without.
    """
    runs, tried = ([at.run(part) for part in parts] for parts in (ask.parts, ask.tried))
    weights = np.full(len(runs), 1 / len(runs))
    if tried:
        weights = fitted_weights([run.probabilities for run in tried], tried[0].labels)
    save_file({"weights": weights}, folder / KEPT)
    return (mean_of_logs([run.probabilities for run in runs], weights),)
