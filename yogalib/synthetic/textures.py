"""Grain, clouds and gradients: noise drawn once per process and cut anew for each picture."""

from functools import cache

import cv2
import numpy as np

SIDE = 768


@cache
def _fields() -> tuple[np.ndarray, ...]:
    """Return fields of unit variance, float32 (SIDE, SIDE), from fine grain to wide clouds."""
    white = np.random.default_rng(0).standard_normal((5, SIDE, SIDE)).astype(np.float32)
    fields = [white[0]]
    for field, sigma in zip(white[1:], (1.5, 4, 10, 24), strict=True):
        smooth = cv2.GaussianBlur(field, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)
        fields.append(smooth / smooth.std())
    return tuple(fields)


def noise(rng: np.random.Generator, height: int, width: int, scale: int) -> np.ndarray:
    """Return a cut of noise, float32 (height, width), unit variance; scale 0 is grain, 4 has patches of about 60 pixels."""
    field = _fields()[scale]
    if max(height, width) >= SIDE:
        field = cv2.resize(field, (width + SIDE // 2, height + SIDE // 2), interpolation=cv2.INTER_LINEAR)
    y, x = int(rng.random() * (field.shape[0] - height)), int(rng.random() * (field.shape[1] - width))
    return field[y : y + height, x : x + width]


def gradient(rng: np.random.Generator, height: int, width: int, first: tuple, second: tuple) -> np.ndarray:
    """Return a picture, uint8 (height, width, 3), that runs from one colour to another in any direction."""
    corners = np.asarray(first) + rng.random((2, 2, 1)) * (np.asarray(second) - first)
    corners = corners.clip(0, 255).astype(np.uint8)
    return cv2.resize(corners, (width, height), interpolation=cv2.INTER_LINEAR)


def add_noise(picture: np.ndarray, field: np.ndarray, strength: float) -> np.ndarray:
    """Return a picture, uint8, with noise added to all channels alike."""
    field = cv2.cvtColor(field * strength, cv2.COLOR_GRAY2RGB)
    return cv2.add(picture, field, dtype=cv2.CV_8U)
