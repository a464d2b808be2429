"""Random changes of training pictures, a batch at a time where the pictures lie."""

import math

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

from yogalib.profile import Augmentation


def draws_for(settings: Augmentation) -> int:
    """Return how many numbers chance draws for a picture."""
    return 9 if settings.turn else 8


def augment(pixels: Tensor, settings: Augmentation, draws: Tensor) -> Tensor:
    """Return the batch, (B, R, R, 3), each picture mirrored, cropped, turned and recoloured at random, all at once on the device.

    draws : (B, `draws_for`), 0 to 1, on the same device: what chance decides of each picture.
    """
    if settings.flip or settings.smallest_crop < 1 or settings.turn:
        pixels = _crop_flip_and_turn(pixels, settings, draws)
    return recolour(pixels, settings.colour, draws[:, 4:8]) if settings.colour else pixels


def recolour(pixels: Tensor, strength: float, draws: Tensor) -> Tensor:
    """Return the batch with each picture's channels scaled by 1 +- strength, and all of it lighter or darker. draws : (B, 4)."""
    gain = 1 + strength * (2 * draws[:, None, None, :3] - 1)
    shift = 200 * strength * (draws[:, None, None, 3:] - 0.5)
    return (pixels.float() * gain + shift).clamp(0, 255)


def _crop_flip_and_turn(pixels: Tensor, settings: Augmentation, draws: Tensor) -> Tensor:
    side, x, y, mirror = draws[:, :4].T
    side = settings.smallest_crop + (1 - settings.smallest_crop) * side
    sign = torch.where(mirror < 0.5, -1.0, 1.0) if settings.flip else torch.ones_like(side)
    angle = math.radians(settings.turn) * (2 * draws[:, 8] - 1) if settings.turn else torch.zeros_like(side)
    cosine, sine = side * angle.cos(), side * angle.sin()
    row_x = torch.stack([sign * cosine, -sine, (2 * x - 1) * (1 - side)], dim=1)
    row_y = torch.stack([sign * sine, cosine, (2 * y - 1) * (1 - side)], dim=1)
    theta = torch.stack([row_x, row_y], dim=1)
    image = pixels.permute(0, 3, 1, 2).float()
    grid = affine_grid(theta, list(image.shape), align_corners=False)
    return grid_sample(image, grid, padding_mode="border", align_corners=False).permute(0, 2, 3, 1)
