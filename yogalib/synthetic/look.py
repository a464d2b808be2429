"""How a picture looks: style, colours, clothes, hair, build, light. Sampled once per picture; the renderer only obeys."""

from colorsys import hsv_to_rgb
from dataclasses import dataclass

import numpy as np

Colour = tuple[float, float, float]  # RGB, 0 to 255

STYLE_SHARES = {"photo": 0.68, "flat": 0.13, "sketch": 0.06, "silhouette": 0.06, "poster": 0.07}
STYLES = tuple(STYLE_SHARES)
# of these, in which a photograph's body is drawn once each (models/redrawn.py)
REDRAWN_STYLES = ("photo", "flat", "sketch", "silhouette")
SKINS = ((66, 42, 30), (98, 64, 46), (141, 96, 70), (176, 124, 94), (205, 155, 124), (226, 180, 150), (240, 203, 178), (246, 215, 196))  # fmt: skip
HAIRS = ((18, 15, 14), (30, 22, 18), (48, 33, 25), (78, 52, 34), (112, 76, 46), (170, 128, 80), (208, 176, 122), (150, 148, 145))  # fmt: skip
HAIR_STYLES = {"short": 0.25, "bun": 0.3, "ponytail": 0.2, "long": 0.17, "bald": 0.08}
# How far clothes reach: along an arm 1 is the elbow, along a leg the knee.
SLEEVES = {0.0: 0.52, 0.3: 0.12, 0.5: 0.16, 1.0: 0.03, 1.5: 0.03, 1.95: 0.14}
LEGS = {0.12: 0.05, 0.3: 0.06, 0.55: 0.09, 0.9: 0.03, 1.3: 0.08, 1.6: 0.14, 1.95: 0.55}
TOPS = {"bare": 0.07, "crop": 0.24, "tank": 0.45, "long": 0.24}
PATTERNS = {"plain": 0.82, "stripes": 0.06, "blotches": 0.08, "dots": 0.04}


@dataclass(frozen=True)
class Look:
    """All choices of appearance of one body.

    shaded : whether it has light and shadow. skin, hair, top, bottom, feet, lips, ink, paper : colours.
    sleeve, leg : where clothes end, 1 at the elbow or the knee, 2 at the wrist or the ankle. torso : one of TOPS.
    loose_top, loose_leg, flare : how much wider than the limb the cloth is, and how much more so at its end.
    thickness, waist, hips, shoulders, bust : build, ratios to the average. folds : depth of creases in the cloth.
    light : where the light comes from, right and down in the picture, (2,). contrast, ambient, rim : its strengths.
    steps : light in two tones instead of a gradient. outline : width of the drawn lines, shares of the picture, 0 none.
    """

    style: str
    shaded: bool
    skin: Colour
    hair: Colour
    top: Colour
    bottom: Colour
    feet: Colour
    lips: Colour
    ink: Colour
    paper: Colour
    sleeve: float
    leg: float
    torso: str
    pattern: str
    hair_style: str
    face: bool
    loose_top: float
    loose_leg: float
    flare: float
    thickness: float
    waist: float
    hips: float
    shoulders: float
    bust: float
    folds: float
    light: tuple[float, float]
    contrast: float
    ambient: float
    rim: float
    steps: bool
    outline: float


def between(rng: np.random.Generator, low: float, high: float) -> float:
    """Draw from a range; several times faster than Generator.uniform, and there are a hundred draws per picture."""
    return low + (high - low) * rng.random()


def pick(rng: np.random.Generator, shares: dict):
    """Draw a key with the probability that is its value."""
    place = rng.random() * sum(shares.values())
    for key, share in shares.items():
        place -= share
        if place < 0:
            return key
    return key


def colour(rng: np.random.Generator, values=(0.0, 1.0), saturations=(0.0, 1.0)) -> Colour:
    """Draw a colour of any hue, with saturation and value (0 to 1) from the ranges."""
    red, green, blue = hsv_to_rgb(rng.random(), between(rng, *saturations), between(rng, *values))
    return (255 * red, 255 * green, 255 * blue)


def scaled(tone: Colour, factor: float) -> Colour:
    """Return a lighter or darker colour."""
    return (min(tone[0] * factor, 255.0), min(tone[1] * factor, 255.0), min(tone[2] * factor, 255.0))


def mixed(first: Colour, second: Colour, share: float) -> Colour:
    """Return the colour at `share` of the way from the first to the second."""
    return tuple(a + share * (b - a) for a, b in zip(first, second, strict=True))


def from_table(rng: np.random.Generator, table: tuple[Colour, ...], power: float = 1.0) -> Colour:
    """Draw a colour between two neighbours of a table; a power under 1 prefers its end."""
    place = rng.random() ** power * (len(table) - 1.001)
    tone = mixed(table[int(place)], table[int(place) + 1], place % 1)
    return tuple(min(max(value + between(rng, -8, 8), 0.0), 255.0) for value in tone)


def cloth(rng: np.random.Generator, plain: float) -> Colour:
    """Draw the colour of a garment: black, white or grey with the probability `plain`, else any, seldom garish."""
    if rng.random() < plain:
        grey = pick(rng, {30.0: 0.6, 235.0: 0.25, 130.0: 0.15}) + between(rng, -18, 18)
        return tuple(grey + between(rng, -5, 5) for _ in range(3))
    return colour(rng, (0.25, 0.95), (0.15, 0.9))


def sample_look(rng: np.random.Generator, style: str | None = None) -> Look:
    """Draw a look; of the given style, or of any."""
    style = style or pick(rng, STYLE_SHARES)
    shaded = style == "photo" or (style == "poster" and rng.random() < 0.6)
    return Look(
        style=style, shaded=shaded, **_colours(rng, style), **_clothes(rng), **_build(rng), **_light(rng, shaded)
    )


def _colours(rng: np.random.Generator, style: str) -> dict:
    """Draw the colours; a drawing's are now and then no human ones."""
    paper, ink = colour(rng, (0.86, 1), (0, 0.25)), colour(rng, (0, 0.3))
    if rng.random() < 0.2:
        paper, ink = colour(rng, (0.08, 0.6)), colour(rng, (0.85, 1), (0, 0.4))
    elif rng.random() < 0.5:
        paper = (255.0, 255.0, 255.0)
    bottom, skin = cloth(rng, 0.5), from_table(rng, SKINS, 0.75)
    if style == "flat" and rng.random() < 0.15:
        skin = colour(rng, (0.5, 1), (0.05, 0.6))
    hair = from_table(rng, HAIRS, 1.6) if rng.random() < 0.93 else colour(rng)
    return {
        "skin": skin, "hair": hair, "top": bottom if rng.random() < 0.18 else cloth(rng, 0.4), "bottom": bottom,
        "feet": cloth(rng, 0.6) if rng.random() < 0.1 else skin, "lips": mixed(skin, (170, 40, 50), between(rng, 0.1, 0.6)),
        "ink": ink, "paper": paper,
    }  # fmt: skip


def _clothes(rng: np.random.Generator) -> dict:
    """Draw clothes and hair."""
    torso = pick(rng, TOPS)
    loose = rng.random() < 0.25
    return {
        "sleeve": pick(rng, SLEEVES) if torso in ("tank", "long") else 0.0, "leg": pick(rng, LEGS), "torso": torso,
        "pattern": pick(rng, PATTERNS), "hair_style": "short" if torso == "bare" else pick(rng, HAIR_STYLES),
        "face": rng.random() < 0.8, "folds": between(rng, 0, 1),
        "loose_top": between(rng, 1.1, 1.35) if loose else between(rng, 1.0, 1.08),
        "loose_leg": between(rng, 1.1, 1.35) if loose else between(rng, 1.0, 1.06),
        "flare": between(rng, 0, 0.5) if loose else 0.0,
    }  # fmt: skip


def _build(rng: np.random.Generator) -> dict:
    """Draw the flesh on the bones: slim to heavy, and from a woman's to a man's figure."""
    manly = between(rng, -1, 1)
    return {
        "thickness": between(rng, 0.84, 1.12) if rng.random() < 0.85 else between(rng, 1.12, 1.3),
        "waist": 1 + 0.1 * manly + between(rng, -0.08, 0.08), "hips": 1 - 0.09 * manly + between(rng, -0.05, 0.05),
        "shoulders": 1 + 0.07 * manly, "bust": max(0.0, between(rng, 0, 1.0) - manly),
    }  # fmt: skip


def _light(rng: np.random.Generator, shaded: bool) -> dict:
    """Draw the light, mostly from above."""
    across = between(rng, -1, 1)
    drawn = not shaded
    return {
        "light": (across, -between(rng, 0.2, 1.0)), "steps": drawn and rng.random() < 0.4,
        "contrast": between(rng, 0.12, 0.55) if shaded else between(rng, 0.1, 0.3),
        "ambient": between(rng, 0.62, 1.0) if shaded else 1.0,
        "rim": between(rng, 0, 0.5) if shaded and rng.random() < 0.2 else 0.0,
        "outline": between(rng, 0.004, 0.013) if drawn and rng.random() < 0.4 else 0.0,
    }  # fmt: skip
