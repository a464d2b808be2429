"""What a frozen encoder's features tell: classifiers of them, and ways to adapt CLIP that train no more than a layer.

Shapes: hidden (N, H), what the image tower sees before its last layer; features (N, D) and texts (C, D), unit vectors; labels (N,), 0 to
C - 1. Nothing is chosen on other pictures: how long and how strongly to train are settings.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.special import softmax
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize, one_hot

from yogalib.models.encoders import open_encoder
from yogalib.models.features import kept_features, open_tower
from yogalib.models.meter import fitting
from yogalib.models.zero_shot import encode_prompts

EPOCHS, BATCH = 20, 256  # of Tip-Adapter-F, as its authors have them
STEPS = 300  # of ProLIP, all pictures in each


@dataclass(frozen=True)
class Known:
    """What a way to adapt has: hidden (N, H), labels (N,), texts (C, D), the last layer, weight (H, D) and bias (D,), CLIP's logit scale."""

    hidden: Tensor
    labels: Tensor
    texts: Tensor
    weight: Tensor
    bias: Tensor
    scale: float

    def features(self, hidden: Tensor) -> Tensor:
        """Return the unit features of what the tower sees."""
        return normalize(hidden @ self.weight + self.bias, dim=1)


def by_library(model, known: np.ndarray, labels: np.ndarray, asked: Sequence[np.ndarray], classes: int) -> np.ndarray:
    """Return probabilities (N, C) of a scikit-learn classifier of standardised features; 0 for a class without an example.

    known : (M, F). asked : views of the same N, each (N, F), whose answers are averaged.
    """
    model = make_pipeline(StandardScaler(), model).fit(known, labels)
    answers = np.zeros((len(asked[0]), classes))
    answers[:, model.classes_] = np.mean([model.predict_proba(view) for view in asked], axis=0)
    return answers


def nearest_mean(known: Known, asked: Tensor) -> Tensor:
    """Return the scaled cosine similarity to each class's mean feature, logits (N, C); -inf for a class without an example."""
    shares = one_hot(known.labels, len(known.texts)).float()
    means = normalize(shares.T @ known.features(known.hidden), dim=1)
    logits = known.scale * known.features(asked) @ means.T
    return logits.masked_fill(shares.sum(0) == 0, -torch.inf)


def tip_adapter(
    features: Tensor, keys: Tensor, labels: Tensor, texts: Tensor, scale: float, alpha: float = 1.0, beta: float = 5.5
) -> Tensor:
    """Return the prompts' logits plus those of a cache of labelled features, (N, C) (Tip-Adapter, Zhang et al. 2022, equation 4).

    keys : (K, D), the cache's. alpha : weight of the cache. beta : its sharpness; both as the paper has them.
    """
    affinity = torch.exp(-beta * (1 - features @ keys.T))
    return scale * features @ texts.T + alpha * affinity @ one_hot(labels, len(texts)).float()


def tip_adapter_keys(known: Known, epochs: int = EPOCHS, rate: float = 1e-3, seed: int = 0) -> Tensor:
    """Return the cache's keys after training, (K, D) (Tip-Adapter-F); the authors' code picks the epoch on the test part, this takes the last."""
    features = known.features(known.hidden)
    keys, generator = features.clone().requires_grad_(), torch.Generator().manual_seed(seed)
    optimiser = torch.optim.AdamW([keys], rate, eps=1e-4)
    steps = epochs * -(-len(features) // BATCH)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(epochs):
        for rows in torch.randperm(len(features), generator=generator).split(BATCH):
            logits = tip_adapter(features[rows], keys, known.labels, known.texts, known.scale)
            loss = cross_entropy(logits, known.labels[rows])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    return keys.detach()


def prolip(known: Known, pull: float, rate: float = 1e-3, steps: int = STEPS) -> Tensor:
    """Return the last layer's weights (H, D) trained alone, pulled to where they began (ProLIP, Fahes et al. 2024, equation 3).

    The loss is cross-entropy over the prompts plus `pull` times the squared Frobenius distance; the paper takes 1 / N of one class's pictures.
    """
    weight = known.weight.clone().requires_grad_()
    optimiser = torch.optim.Adam([weight], rate)
    for _ in range(steps):
        features = normalize(known.hidden @ weight + known.bias, dim=1)
        loss = cross_entropy(known.scale * features @ known.texts.T, known.labels)
        loss = loss + pull * (weight - known.weight).square().sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return weight.detach()


def _with_cache(known: Known, asked: Tensor, trained: bool) -> Tensor:
    keys = tip_adapter_keys(known) if trained else known.features(known.hidden)
    return tip_adapter(known.features(asked), keys, known.labels, known.texts, known.scale)


def _with_layer(known: Known, asked: Tensor) -> Tensor:
    shots = max(1, len(known.labels) // len(known.texts))
    features = normalize(asked @ prolip(known, 1 / shots) + known.bias, dim=1)
    return known.scale * features @ known.texts.T


def _with_words(known: Known, asked: Tensor) -> Tensor:
    probe = torch.from_numpy(_by_library(LOGISTIC)(known, asked)).clamp(min=1e-6).log()
    return (probe + (known.scale * known.features(asked) @ known.texts.T).log_softmax(1)) / 2


def _by_library(model) -> Callable[[Known, Tensor], np.ndarray]:
    return lambda known, asked: by_library(
        model, known.hidden.numpy(), known.labels.numpy(), [asked.numpy()], len(known.texts)
    )


LOGISTIC = LogisticRegression(C=0.01, max_iter=200, tol=1e-3)
LIBRARY = {"linear probe": LOGISTIC, "LDA": LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")}
# each way's answer to what the tower sees, (N, H): logits or probabilities (N, C)
PROBABILITIES = {method: _by_library(model) for method, model in LIBRARY.items()}
LOGITS = {
    "nearest mean": nearest_mean,
    "Tip-Adapter": lambda known, asked: _with_cache(known, asked, trained=False),
    "Tip-Adapter-F": lambda known, asked: _with_cache(known, asked, trained=True),
    "ProLIP": _with_layer,
    "linear probe and words": _with_words,
}


def answer(ask, at, folder) -> tuple[np.ndarray]:
    """Answer a run of this kind (yogalib.runs.asks): the training pictures are learnt together with their mirror images."""
    encoder = open_encoder(ask.encoder, at.weights, ask.seed)
    texts = encode_prompts(encoder, ask.prompts, at.device).cpu()
    scale = float(encoder.model.logit_scale.detach().exp())
    resolution = encoder.resolution
    tower, weight, bias = open_tower(encoder)
    train, asked = (
        kept_features(ask.source, rows, resolution, encoder.weights, lambda: tower, at.device)
        for rows in (ask.train, ask.test)
    )
    labels = torch.from_numpy(np.tile(np.searchsorted(ask.classes, ask.train["class"]), 2))
    known = Known(torch.from_numpy(np.concatenate(train)), labels, texts, weight, bias, scale)
    asked = torch.from_numpy(np.ascontiguousarray(asked[0]))
    with fitting(folder):
        if ask.settings.method in PROBABILITIES:
            return (PROBABILITIES[ask.settings.method](known, asked),)
        return (softmax(LOGITS[ask.settings.method](known, asked).numpy(), axis=1),)
