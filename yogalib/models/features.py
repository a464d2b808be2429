"""What a frozen network sees in a study's pictures, looked at once and kept beside the decoded cache."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from tqdm import tqdm

from yogalib.dataset.pixels import Source
from yogalib.models.checkpoints import MEAN, STD
from yogalib.models.device import Device
from yogalib.models.encoders import Encoder
from yogalib.models.resident import Pictures, images_of
from yogalib.models.zero_shot import BATCH, normalise
from yogalib.paths import kept_array

VERSION = 1  # part of the files' names: raise it when what they hold changes


def kept_features(
    source: Source, rows: pd.DataFrame, resolution: int, name: str, tower: Callable[[], nn.Module], device: Device
) -> np.ndarray:
    """Return what a network sees in the rows' pictures and in their mirror images, float32 (2, N, H).

    name : of the network, with what stands for its weights. tower : opens it, if need be: from CLIP's own input, (B, 3, R, R), to (B, H).
    All pictures that the source decodes together are looked at at once, and kept.
    """
    decoded, places = source.decoded(rows, resolution)
    file = source.cache / f"features-{decoded.stem}-{name}-{device.precision}-v{VERSION}.npy"

    def see() -> np.ndarray:
        some = images_of(source, rows, resolution, device.torch)
        return look(tower(), replace(some, places=torch.arange(len(some.cache), device=some.cache.device)), device)

    return kept_array(file, see)[:, places]


@torch.no_grad()
def look(tower: nn.Module, pictures: Pictures, device: Device) -> np.ndarray:
    """Return what a network sees in pictures and in their mirror images, float32 (2, N, H)."""
    tower, seen, batch = tower.to(device.torch).eval(), ([], []), BATCH[device.torch.type]
    for start in tqdm(range(0, len(pictures), batch), desc="look", unit="batch", mininterval=10, delay=2):
        images = normalise(pictures[start : start + batch].to(device.torch))
        for side, given in zip(seen, (images, images.flip(3)), strict=True):
            with device.autocast():
                side.append(tower(given).float().cpu())
    return torch.stack([torch.cat(side) for side in seen]).numpy()


def renormalised(mean: Sequence[float], std: Sequence[float]) -> tuple[Tensor, Tensor]:
    """Return the factor and the summand, (3, 1, 1), that turn CLIP's normalised images into those of another mean and deviation, of 0 to 1."""
    mean, std, ours, spread = (torch.tensor(each)[:, None, None] for each in (mean, std, MEAN, STD))
    return spread / std, (ours - mean) / std


def open_tower(encoder: Encoder) -> tuple[nn.Module, Tensor, Tensor]:
    """Return an encoder's image tower without its last linear layer, and that layer: weights (H, D) and bias (D,).

    The encoder is changed. Its image features are what the tower sees times the weights, plus the bias, at length one.
    """
    visual = encoder.model.visual
    if getattr(visual, "proj", None) is not None:  # a vision transformer
        weight = visual.proj.detach().clone()
        visual.proj = None
        return visual, weight, torch.zeros(weight.shape[1])
    holder, name = (visual, "projection") if hasattr(visual, "projection") else (visual.attnpool, "c_proj")
    last = getattr(holder, name)
    same = nn.Linear(last.in_features, last.in_features)  # clip's attention reads the layer's weights itself
    with torch.no_grad():
        same.weight.copy_(torch.eye(last.in_features))
        same.bias.zero_()
    setattr(holder, name, same)
    return visual, last.weight.detach().T.clone(), last.bias.detach().clone()
