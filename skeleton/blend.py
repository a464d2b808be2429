"""Several classifiers' answers made one: a weighted mean of their log-probabilities.

Temperatures and weights come from a validation part. Where the landmark flag says that the skeleton was hardly seen, the
skeleton's weight goes down: one weight for seen bodies, one for doubtful ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize, minimize_scalar

SURE = 0.99  # landmark flag from which a body counts as seen


@dataclass(frozen=True)
class Blend:
    """Weights of M models, (2, M): a row for doubtful bodies, a row for seen ones; a weight holds its temperature."""

    weights: np.ndarray

    def __call__(self, probabilities: Sequence[np.ndarray], flag: np.ndarray) -> np.ndarray:
        """Return probabilities (N, C) of M models' (N, C), where the landmark flag is (N,)."""
        logs = np.log(np.clip(np.stack(probabilities), 1e-6, 1))
        weights = self.weights[(np.asarray(flag) >= SURE).astype(int)]  # (N, M)
        return softmax(np.einsum("nm,mnc->nc", weights, logs))


def softmax(logits: np.ndarray) -> np.ndarray:
    """Return probabilities (N, C) of logits (N, C)."""
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True)


def log_loss(probabilities: np.ndarray, targets: np.ndarray) -> float:
    """Return the mean negative log-likelihood, natural logarithm."""
    return float(-np.log(probabilities[np.arange(len(targets)), targets].clip(1e-12)).mean())


def temperature(probabilities: np.ndarray, targets: np.ndarray) -> float:
    """Return the temperature that makes probabilities (N, C) most likely on a validation part (Guo et al. 2017)."""
    logs = np.log(probabilities.clip(1e-6, 1))
    found = minimize_scalar(lambda t: log_loss(softmax(logs / np.exp(t)), targets), bounds=(-2, 2), method="bounded")
    return float(np.exp(found.x))


def fit_blend(
    probabilities: Sequence[np.ndarray], flag: np.ndarray, targets: np.ndarray, least: int = 30, pull: float = 0.02
) -> Blend:
    """Find the weights on a validation part: those of least log-loss, pulled a little towards the plain mean.

    probabilities : M of (N, C). flag : (N,). targets : (N,). least : doubtful or seen bodies fewer than this share the
    weights of all. pull : weight of the squared distance to 1 / M.
    """
    models = len(probabilities)
    logs, seen = np.log(np.clip(np.stack(probabilities), 1e-6, 1)), np.asarray(flag) >= SURE

    def best(rows: np.ndarray, towards: np.ndarray) -> np.ndarray:
        def cost(weights: np.ndarray) -> float:
            mixed = softmax(np.einsum("m,mnc->nc", weights, logs[:, rows]))
            return log_loss(mixed, targets[rows]) + pull * float(((weights - towards) ** 2).sum())

        return minimize(cost, towards, bounds=[(0, 3)] * models, method="L-BFGS-B").x

    overall = best(np.ones(len(targets), bool), np.full(models, 1 / models))
    rows = (~seen, seen)
    return Blend(np.stack([best(part, overall) if part.sum() >= least else overall for part in rows]))
