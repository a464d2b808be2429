"""How a picture looks: style, colours, clothes, hair, light. Sampled once per picture; the renderer only obeys."""

from dataclasses import dataclass

import cv2
import numpy as np

STYLES = ("photo", "flat", "sketch", "silhouette", "poster")
STYLE_SHARES = (0.62, 0.16, 0.08, 0.07, 0.07)
# darkest and lightest skin, hair from black to blond to grey and dyed (RGB)
SKINS = np.array(
    [(60, 38, 28), (92, 58, 42), (141, 93, 65), (183, 130, 98), (214, 164, 132), (236, 194, 166), (247, 219, 200)]
)
HAIRS = np.array(
    [(20, 16, 15), (40, 28, 22), (78, 50, 32), (122, 82, 46), (186, 146, 90), (140, 138, 136), (120, 42, 26)]
)


@dataclass(frozen=True)
class Look:
    """All choices of appearance of one picture. Colours are RGB floats 0..255, (3,).

    sleeve, leg : how far clothes reach along a limb: 0 none, 1 half, 2 whole. torso : 0 bare, 1 short top, 2 whole.
    light : direction of the light in the picture, unit (2,). shade : how much darker the shaded side is, 0..1.
    """

    style: str
    skin: np.ndarray
    hair: np.ndarray
    top: np.ndarray
    bottom: np.ndarray
    shoe: np.ndarray
    paper: np.ndarray
    ink: np.ndarray
    sleeve: int
    leg: int
    torso: int
    hair_style: int
    thickness: float
    light: tuple[float, float]
    shade: float
    outline: int


def colour(rng: np.random.Generator, low: float = 0, high: float = 255) -> np.ndarray:
    """Draw a colour of any hue, saturation and value between the bounds."""
    hue, saturation, value = rng.uniform(0, 360), rng.beta(1.3, 1.3), rng.uniform(low, high) / 255
    pixel = np.array([[[hue, saturation, value]]], dtype=np.float32)
    return cv2.cvtColor(pixel, cv2.COLOR_HSV2RGB)[0, 0].astype(np.float64) * 255


def cloth(rng: np.random.Generator) -> np.ndarray:
    """Draw the colour of a piece of clothing: often black, white or grey."""
    kind = rng.random()
    if kind < 0.3:
        return np.full(3, rng.uniform(15, 60)) + rng.uniform(-8, 8, 3)
    if kind < 0.42:
        return np.full(3, rng.uniform(200, 250))
    return colour(rng, 50, 240)


def blend(table: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw a colour between two neighbours of a table."""
    place = rng.uniform(0, len(table) - 1.001)
    low = int(place)
    return table[low] + (place - low) * (table[low + 1] - table[low]) + rng.uniform(-8, 8, 3)


def sample_look(rng: np.random.Generator, style: str | None = None) -> Look:
    """Draw a look; of the given style, or of any."""
    style = style or STYLES[rng.choice(len(STYLES), p=STYLE_SHARES)]
    angle = rng.uniform(0, 2 * np.pi)
    dark_on_light = rng.random() < 0.8
    paper, ink = (
        (colour(rng, 215, 255), colour(rng, 0, 80)) if dark_on_light else (colour(rng, 20, 110), colour(rng, 190, 255))
    )
    bottom = cloth(rng)
    return Look(
        style=style,
        skin=blend(SKINS, rng).clip(0, 255),
        hair=blend(HAIRS, rng).clip(0, 255),
        top=bottom if rng.random() < 0.15 else cloth(rng),
        bottom=bottom,
        shoe=cloth(rng),
        paper=paper,
        ink=ink,
        sleeve=int(rng.choice(3, p=(0.55, 0.25, 0.2))),
        leg=int(rng.choice(3, p=(0.1, 0.15, 0.75))),
        torso=int(rng.choice(3, p=(0.12, 0.28, 0.6))),
        hair_style=int(rng.integers(5)),
        thickness=float(rng.uniform(0.85, 1.25)),
        light=(float(np.cos(angle)), -abs(float(np.sin(angle)))),
        shade=float(rng.uniform(0.05, 0.55)) if style == "photo" else float(rng.uniform(0, 0.15)),
        outline=int(style in ("flat", "poster") and rng.random() < 0.4),
    )
