"""A plain network: EfficientNet-Lite0, or another that timm knows, as ImageNet's photographs trained it: frozen under a linear model, or fine-tuned.

It is fine-tuned by the very code that fine-tunes CLIP, beside a text tower of random weights: for that, a pose's prompt is no more than
its label, and the classifier is the learnt direction of each label.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import httpx
import numpy as np
import timm
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from yogalib.dataset.pixels import Source
from yogalib.errors import BadInput
from yogalib.facts.prompts import superclass_prompts
from yogalib.models.encoders import RANDOM, Encoder, open_encoder
from yogalib.models.features import kept_features, open_tower, renormalised
from yogalib.models.finetune import fine_tune
from yogalib.models.lite.tower import IMAGENET_SHA256, folded, imagenet_file, imagenet_network
from yogalib.models.meter import fitting
from yogalib.models.probe import LOGISTIC, by_library
from yogalib.models.resident import images_of
from yogalib.models.views import kept_views
from yogalib.models.written import KEPT
from yogalib.models.zero_shot import normalise

BARE = "CLIP-lite-random"  # whose image tower the network takes the place of


class TimmVisual(nn.Module):
    """A network that timm knows as CLIP's image tower: a linear layer on its pooled features, for CLIP's own input, (B, 3, R, R)."""

    def __init__(self, network: nn.Module, embed_dim: int, resolution: int):
        super().__init__()
        self.trunk, self.input_resolution = network, resolution
        self.projection = nn.Linear(network.head_hidden_size, embed_dim)
        gain, shift = renormalised(*(network.pretrained_cfg[key] for key in ("mean", "std")))
        self.register_buffer("gain", gain)
        self.register_buffer("shift", shift)

    @property
    def conv1(self) -> nn.Conv2d:
        """The first layer, from which clip.model.CLIP reads its precision."""
        return next(layer for layer in self.trunk.modules() if isinstance(layer, nn.Conv2d))

    def forward(self, images: Tensor) -> Tensor:
        """Return the features, (B, embed_dim)."""
        return self.projection(self.trunk(images * self.gain + self.shift))


def timm_network(name: str) -> nn.Module:
    """Return a network by timm's name, without its classifier, its weights fetched where they are not here; random ones behind `-random`.

    Raises BadInput for a name that timm does not know, and when the weights can't be fetched.
    """
    bare = name.removesuffix(RANDOM)
    try:
        return timm.create_model(bare, pretrained=bare == name, num_classes=0)
    except (OSError, RuntimeError, httpx.HTTPError) as error:
        raise BadInput(f"timm does not know it, or can't fetch its weights ({type(error).__name__})") from None


def imagenet_in(encoder: Encoder, resolution: int, name: str = "") -> Encoder:
    """Return a CLIP-lite whose image tower is ImageNet's, up to the last layer, for pictures of so many pixels a side; it is changed.

    name : timm's, of another network than EfficientNet-Lite0.

    Raises BadInput when ImageNet's weights can't be had.
    """
    if name:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            encoder.model.visual = TimmVisual(timm_network(name), encoder.model.text_projection.shape[1], resolution)
        return replace(encoder, weights=name)
    visual = encoder.model.visual
    visual.trunk.load_state_dict(folded(imagenet_network(imagenet_file())).state_dict())
    visual.input_resolution = resolution
    visual.side.fill_(resolution)
    return replace(encoder, weights=IMAGENET_SHA256[:16])


def frozen(resolution: int, weights: Path, name: str = "") -> nn.Module:
    """Return ImageNet's network without a classifier: from CLIP's own input, (B, 3, R, R), to pooled features, (B, 1280)."""
    return open_tower(imagenet_in(open_encoder(BARE, weights), resolution, name))[0]


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
        tower = partial(frozen, settings.resolution, at.weights, settings.network)
        name = settings.network or IMAGENET_SHA256[:16]
        seen, asked = (
            kept_features(ask.source, rows, settings.resolution, name, tower, at.device)
            for rows in (ask.train, ask.test)
        )
        with fitting(folder):
            return (by_library(LOGISTIC, np.concatenate(seen), np.tile(labels, 2), asked[:1], len(ask.classes)),)
    encoder = imagenet_in(open_encoder(ask.encoder, at.weights, ask.seed), settings.resolution, settings.network)
    train, test = (images_of(ask.source, rows, settings.resolution, at.device.torch) for rows in (ask.train, ask.test))
    right = np.searchsorted(ask.classes, ask.test["class"])
    views = () if settings.network else kept_views(ask.source, ask.train, encoder, settings.tuning)
    history, answers = fine_tune(
        encoder,
        (train, labels),
        (test, right),
        ask.prompts,
        settings.tuning,
        at.device,
        views,
        superclass_prompts(ask.classes) if settings.heads else (),
    )
    history.to_csv(folder / "history.csv", index=False)
    if ask.kept:
        weights = {key: value.cpu().contiguous() for key, value in encoder.model.state_dict().items()}
        save_file(weights, folder / KEPT)
    return answers
