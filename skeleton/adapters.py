"""Ways to adapt a CLIP encoder with little or no training of it, each a function of features or logits.

Shapes: features (N, D), unit length where cosine similarity is meant; texts (C, D), one unit vector a class; targets
(N,) whole numbers below C; logits (N, C). Nothing here picks an epoch or a setting: they are arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from sklearn.covariance import ledoit_wolf
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize, one_hot


def class_means(features: np.ndarray, targets: np.ndarray, classes: int) -> np.ndarray:
    """Return the mean of each class, (C, D); NaN for a class without an example."""
    sums = np.zeros((classes, features.shape[1]))
    np.add.at(sums, targets, features)
    with np.errstate(invalid="ignore"):
        return sums / np.bincount(targets, minlength=classes)[:, None]


def nearest_mean(features: np.ndarray, targets: np.ndarray, classes: int, asked: np.ndarray) -> np.ndarray:
    """Return the cosine similarity of `asked` (N, D) to each class's mean, (N, C); -1 for a class never seen."""
    means = class_means(features, targets, classes)
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    return np.nan_to_num(asked / np.linalg.norm(asked, axis=1, keepdims=True) @ means.T, nan=-1.0)


def lda(
    features: np.ndarray, targets: np.ndarray, classes: int, asked: np.ndarray, shrinkage: float | None = None
) -> np.ndarray:
    """Linear discriminant analysis: logits (N, C), -inf for a class never seen.

    shrinkage : of the covariance within classes towards a multiple of the identity, 0 to 1; Ledoit-Wolf's if None.
    """
    means = class_means(features, targets, classes)
    within = features - means[targets]
    share = ledoit_wolf(within, assume_centered=True)[1] if shrinkage is None else shrinkage
    covariance = within.T @ within / len(within)
    size = len(covariance)
    covariance = (1 - share) * covariance + share * np.trace(covariance) / size * np.eye(size)
    weights = np.linalg.solve(covariance, means.T)  # (D, C)
    with np.errstate(divide="ignore"):
        prior = np.log(np.bincount(targets, minlength=classes) / len(targets))
    logits = asked @ weights - 0.5 * (means * weights.T).sum(axis=1) + prior
    return np.nan_to_num(logits, nan=-np.inf, neginf=-np.inf)


def linear_probe(
    features: np.ndarray, targets: np.ndarray, classes: int, strength: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """Logistic regression: weights (C, D) and biases (C,); -inf bias for a class never seen. strength : sklearn's C."""
    seen = np.unique(targets)
    fitted = LogisticRegression(C=strength, max_iter=2000).fit(features, targets)
    weights, biases = np.zeros((classes, features.shape[1])), np.full(classes, -np.inf)
    if len(seen) == 2:  # sklearn keeps one row for two classes
        weights[seen], biases[seen] = np.outer([-0.5, 0.5], fitted.coef_[0]), np.array([-0.5, 0.5]) * fitted.intercept_
    else:
        weights[seen], biases[seen] = fitted.coef_, fitted.intercept_
    return weights, biases


def tip_adapter(
    features: Tensor, targets: Tensor, texts: Tensor, asked: Tensor, alpha: float = 1.0, beta: float = 5.5
) -> Tensor:
    """Tip-Adapter (Zhang et al. 2022, eq. 4): logits of the prompts plus those of a cache of labelled features.

    alpha : weight of the cache. beta : its sharpness.
    """
    affinity = torch.exp(-beta * (1 - asked @ features.T))  # (N, K)
    return 100 * asked @ texts.T + alpha * affinity @ one_hot(targets, len(texts)).to(asked)


def tip_adapter_trained(
    features: Tensor, targets: Tensor, texts: Tensor, *, epochs: int = 20, alpha: float = 1.0, beta: float = 5.5,
    learning_rate: float = 1e-3, seed: int = 0, batch: int = 256,
) -> Tensor:  # fmt: skip
    """Tip-Adapter-F: train the cache's keys for a fixed number of epochs; returns them, for `tip_adapter`."""
    keys = features.clone().requires_grad_()
    optimiser = torch.optim.AdamW([keys], learning_rate, eps=1e-4)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, epochs * -(-len(features) // batch))
    generator = torch.Generator().manual_seed(seed)
    for _ in range(epochs):
        for rows in torch.randperm(len(features), generator=generator).split(batch):
            loss = cross_entropy(tip_adapter(keys, targets, texts, features[rows], alpha, beta), targets[rows])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    return keys.detach()


def prolip(
    hidden: Tensor, targets: Tensor, texts: Tensor, projection: Tensor, *, scale: float = 100.0, pull: float = 1.0,
    steps: int = 300, learning_rate: float = 1e-4,
) -> Tensor:  # fmt: skip
    """ProLIP (Fahes et al. 2024): train the last projection (H, D) alone, pulled to where it began; returns it.

    hidden : (N, H), what the image tower projects. Loss: cross-entropy + pull * ||W - W0||^2 (Frobenius).
    """
    weight = projection.clone().requires_grad_()
    optimiser = torch.optim.Adam([weight], learning_rate)
    for _ in range(steps):
        logits = scale * normalize(hidden @ weight) @ texts.T
        loss = cross_entropy(logits, targets) + pull * (weight - projection).square().sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return weight.detach()


def lp_ft(
    encoder: nn.Module, x: Tensor, targets: Tensor, classes: int, *, epochs: int = 10, learning_rate: float = 1e-3,
    seed: int = 0, batch: int = 64,
) -> nn.Sequential:  # fmt: skip
    """LP-FT (Kumar et al. 2022): a linear probe first, then encoder and head together from there (changed in place)."""
    with torch.no_grad():
        features = encoder.eval()(x)
    weights, biases = linear_probe(features.numpy(), targets.numpy(), classes)
    head = nn.Linear(features.shape[1], classes)
    head.weight.data, head.bias.data = torch.as_tensor(weights).float(), torch.as_tensor(biases).float().clamp(-30)
    model = nn.Sequential(encoder, head).train()
    optimiser = torch.optim.AdamW(model.parameters(), learning_rate)
    generator = torch.Generator().manual_seed(seed)
    for _ in range(epochs):
        for rows in torch.randperm(len(x), generator=generator).split(batch):
            loss = cross_entropy(model(x[rows]), targets[rows])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    return model.eval()


State = Mapping[str, Tensor]


def wise_ft(zero_shot: State, fine_tuned: State, alpha: float) -> dict[str, Tensor]:
    """WiSE-FT (Wortsman et al. 2022): (1 - alpha) * zero-shot + alpha * fine-tuned weights."""
    return {name: zero_shot[name].lerp(fine_tuned[name], alpha) if fine_tuned[name].is_floating_point()
            else fine_tuned[name] for name in fine_tuned}  # fmt: skip


def wise_ft_curve(
    model: nn.Module, zero_shot: State, fine_tuned: State, evaluate: Callable[[nn.Module], float],
    alphas: Sequence[float] = tuple(np.linspace(0, 1, 11)),
) -> list[tuple[float, float]]:  # fmt: skip
    """Return (alpha, what `evaluate` says) along the way; the model ends as it began."""
    before = {name: value.clone() for name, value in model.state_dict().items()}
    curve = []
    for alpha in alphas:
        model.load_state_dict(wise_ft(zero_shot, fine_tuned, float(alpha)))
        curve.append((float(alpha), evaluate(model)))
    model.load_state_dict(before)
    return curve


def soup(states: Sequence[State]) -> dict[str, Tensor]:
    """Model soup (Wortsman et al. 2022): the mean of several runs' weights; whole numbers are the first run's."""
    first = states[0]
    return {name: torch.stack([state[name] for state in states]).mean(0) if first[name].is_floating_point()
            else first[name] for name in first}  # fmt: skip


def adjusted_logits(logits: Tensor, counts: Tensor, tau: float = 1.0) -> Tensor:
    """Logit adjustment (Menon et al. 2021, eq. 9): take tau * log of each class's share of the training part off.

    Added in training, inside the loss, in place of taken off afterwards (eq. 10), tau is negative. counts : (C,).
    """
    return logits - tau * (counts.clamp(min=1) / counts.sum()).log()


def hierarchical_loss(heads: Sequence[Tensor], targets: Tensor, levels: Sequence[Tensor]) -> Tensor:
    """Loss on all levels (Verma et al. 2020, variant 1): the sum of a head's cross-entropy a level.

    heads : logits of each level, (N, C_level). targets : (N,), poses. levels : each pose's number at a level, (C,).
    """
    return sum(cross_entropy(logits, level[targets]) for logits, level in zip(heads, levels, strict=True))
