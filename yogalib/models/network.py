"""A plain network: EfficientNet-Lite0 as ImageNet's photographs trained it, frozen under a linear model, or fine-tuned.

It is fine-tuned by the very code that fine-tunes CLIP, beside a text tower of random weights: for that, a pose's prompt is no more than
its label, and the classifier is the learnt direction of each label.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn

from yogalib.dataset.pixels import Source
from yogalib.models.encoders import Encoder, open_encoder
from yogalib.models.features import kept_features, open_tower
from yogalib.models.finetune import fine_tune
from yogalib.models.lite.tower import IMAGENET_SHA256, folded, imagenet_file, imagenet_network
from yogalib.models.meter import fitting
from yogalib.models.probe import LOGISTIC, by_library
from yogalib.models.resident import images_of
from yogalib.models.views import kept_views
from yogalib.models.written import KEPT
from yogalib.models.zero_shot import normalise

BARE = "CLIP-lite-random"  # whose image tower the network takes the place of


def imagenet_in(encoder: Encoder, resolution: int) -> Encoder:
    """Return a CLIP-lite whose image tower is ImageNet's, up to the last layer, for pictures of so many pixels a side; it is changed.

    Raises BadInput when ImageNet's weights are not installed.
    """
    visual = encoder.model.visual
    visual.trunk.load_state_dict(folded(imagenet_network(imagenet_file())).state_dict())
    visual.input_resolution = resolution
    visual.side.fill_(resolution)
    return replace(encoder, weights=IMAGENET_SHA256[:16])


def frozen(resolution: int, weights: Path) -> nn.Module:
    """Return ImageNet's network without a classifier: from CLIP's own input, (B, 3, R, R), to pooled features, (B, 1280)."""
    return open_tower(imagenet_in(open_encoder(BARE, weights), resolution))[0]


def frozen_at_work(tower: nn.Module, resolution: int, source: Source) -> tuple[Callable, Callable]:
    """Return how a frozen network takes a picture's file, and what it then sees in N pictures, (N, 1280); a classifier adds nothing to that."""

    @torch.inference_mode()
    def say(pixels: list[np.ndarray]) -> np.ndarray:
        return tower(normalise(torch.as_tensor(np.stack(pixels)))).numpy()

    return lambda content: source.see(content, resolution), say


def answer(ask, at, folder) -> tuple[np.ndarray, ...]:
    """Answer a run of this kind (yogalib.runs.asks); a fine-tuned network leaves history.csv, and its weights where it is kept."""
    settings, labels = ask.settings, np.searchsorted(ask.classes, ask.train["class"])
    if settings.tuning is None:
        tower = partial(frozen, settings.resolution, at.weights)
        seen, asked = (
            kept_features(ask.source, rows, settings.resolution, IMAGENET_SHA256[:16], tower, at.device)
            for rows in (ask.train, ask.test)
        )
        with fitting(folder):
            return (by_library(LOGISTIC, np.concatenate(seen), np.tile(labels, 2), asked[:1], len(ask.classes)),)
    encoder = imagenet_in(open_encoder(ask.encoder, at.weights, ask.seed), settings.resolution)
    train, test = (images_of(ask.source, rows, settings.resolution, at.device.torch) for rows in (ask.train, ask.test))
    right = np.searchsorted(ask.classes, ask.test["class"])
    views = kept_views(ask.source, ask.train, encoder, settings.tuning)
    history, answers = fine_tune(
        encoder, (train, labels), (test, right), ask.prompts, settings.tuning, at.device, views
    )
    history.to_csv(folder / "history.csv", index=False)
    if ask.kept:
        weights = {key: value.cpu().contiguous() for key, value in encoder.model.state_dict().items()}
        save_file(weights, folder / KEPT)
    return answers
