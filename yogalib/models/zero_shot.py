"""Classifying pictures with prompts (paper, section 3.2.1; CLIP, Radford et al. 2021, section 3.1)."""

from collections.abc import Callable, Iterator
from functools import cache

import numpy as np
import torch
from torch import Tensor

from yogalib.models.checkpoints import MEAN, STD
from yogalib.models.device import Device
from yogalib.models.encoders import Encoder, open_encoder
from yogalib.models.resident import Pictures, images_of

BATCH = {"cpu": 64, "cuda": 256}  # pictures at a time; more leave a CPU's cache


def normalise(pixels: Tensor) -> Tensor:
    """Return the network's input, float (B, 3, R, R), from uint8 or float pixels 0..255 of shape (B, R, R, 3).

    Channels come last in memory, whatever augmentation left: so a ResNet's step takes a CPU a quarter less.
    """
    mean, std = _mean_and_deviation(pixels.device)
    return ((pixels.float() - mean) / std).permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)


def network_input(seen: Tensor) -> Tensor:
    """Return what an image tower takes: pixels normalised, or what its frozen stages made of them, (B, H, W, D), as float (B, D, H, W)."""
    return normalise(seen) if seen.shape[-1] == 3 else seen.float().permute(0, 3, 1, 2)


@cache  # to send them to a GPU for each batch would wait for it each time
def _mean_and_deviation(device: torch.device) -> tuple[Tensor, Tensor]:
    return torch.tensor(MEAN, device=device) * 255, torch.tensor(STD, device=device) * 255


def unit(features: Tensor) -> Tensor:
    """Return the features scaled to length one, so that a dot product is a cosine."""
    return features.float() / features.float().norm(dim=-1, keepdim=True)


@torch.no_grad()
def before_training(encoder: Encoder, pixels: np.ndarray | Pictures, device: Device) -> np.ndarray | Pictures:
    """Return the pictures as an encoder's frozen stages see them, whatever the others learn; as they are where it has none.

    pixels : as `encode_images` takes them, which gives the same bits for both.
    """
    model = encoder.on(device.torch).eval()
    if not hasattr(model.visual, "early"):
        return pixels
    maps = []
    for part in _portions(pixels, device):
        with device.autocast():
            maps.append(model.visual.early(normalise(part)).permute(0, 2, 3, 1))
    return Pictures.of(torch.cat(maps), device.torch)


@torch.no_grad()
def encode_images(encoder: Encoder, pixels: np.ndarray | Pictures, device: Device, mirror: bool = False) -> Tensor:
    """Return the unit features, (N, D), of pictures or their mirror images, uint8 (N, R, R, 3), or of what frozen stages made of them."""
    model = encoder.on(device.torch).eval()
    features = []
    for part in _portions(pixels, device):
        with device.autocast():
            features.append(unit(model.encode_image(network_input(part.flip(2) if mirror else part))))
    return torch.cat(features)


def _portions(pixels: np.ndarray | Pictures, device: Device) -> Iterator[Tensor]:
    """Yield pictures on the device, a batch at a time."""
    batch = BATCH[device.torch.type]
    for start in range(0, len(pixels), batch):
        yield torch.as_tensor(pixels[start : start + batch]).to(device.torch)


@torch.no_grad()
def encode_prompts(encoder: Encoder, prompts: list[str] | list[list[str]], device: Device) -> Tensor:
    """Return the prompts' unit features, (C, D); of an ensemble, several prompts per class, their mean's direction."""
    model = encoder.on(device.torch).eval()
    several = [prompt for each in prompts for prompt in ([each] if isinstance(each, str) else each)]
    with device.autocast():
        features = unit(model.encode_text(encoder.tokenise(several).to(device.torch)))
    return unit(features.unflatten(0, (len(prompts), -1)).mean(dim=1))


def classify(
    encoder: Encoder, pixels: np.ndarray | Pictures, prompts: list, device: Device, mirrored: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Return probabilities and cosine similarities of pictures and prompts, both float32 (N, C).

    pixels : uint8 (N, R, R, 3). prompts : as encode_prompts takes them. The probabilities are the softmax over prompts of
    the cosine times the logit scale. mirrored : whether both are the mean over a picture and its mirror image.
    """
    return compared(encoder, pixels, encode_prompts(encoder, prompts, device), device, mirrored)


def compared(
    encoder: Encoder, pixels: np.ndarray | Pictures, words: Tensor, device: Device, mirrored: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Return what `classify` does, of prompts whose unit features, (C, D), are known."""
    scale = encoder.model.logit_scale.detach().exp()
    cosines = [
        encode_images(encoder, pixels, device, mirror=mirror) @ words.T for mirror in (False, True)[: 1 + mirrored]
    ]
    probabilities = [(scale * cosine).softmax(dim=1) for cosine in cosines]
    return tuple(torch.stack(each).mean(dim=0).cpu().numpy() for each in (probabilities, cosines))


def answerer(encoder: Encoder, prompts: list, device: Device) -> Callable[[np.ndarray], Tensor]:
    """Return a function from uint8 pixels (N, R, R, 3) to probabilities (N, C), the prompts encoded once: a classifier at work.

    N is the same in all calls that are to be fast: on a GPU the encoder is a recorded graph, which pays for small N.
    """
    model, words = encoder.on(device.torch).eval(), encode_prompts(encoder, prompts, device).T

    @torch.no_grad()
    def answer(pixels: Tensor) -> Tensor:
        with device.autocast():
            features = unit(model.encode_image(normalise(pixels)))
        return (model.logit_scale.exp() * features @ words).softmax(dim=1)

    graphed = device.graphed(answer)
    return lambda pixels: graphed(torch.as_tensor(pixels).to(device.torch)).cpu()


def answer(ask, at, folder) -> tuple[np.ndarray, np.ndarray]:
    """Answer a run of this kind (yogalib.runs.asks): the encoder as it is, for the test rows."""
    encoder = open_encoder(ask.encoder, at.weights, ask.seed)
    images = images_of(ask.source, ask.test, encoder.resolution, at.device.torch)
    return classify(encoder, images, ask.prompts, at.device)
