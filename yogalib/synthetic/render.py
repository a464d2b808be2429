"""Draws a posed body: outlines by distance, the far ones first, then light on their relief. Twice the size, then reduced."""

from dataclasses import dataclass

import cv2
import numpy as np

from yogalib.synthetic.camera import View
from yogalib.synthetic.head import head
from yogalib.synthetic.limbs import limbs
from yogalib.synthetic.look import Look, between, mixed, scaled
from yogalib.synthetic.shapes import LABEL, SHIFT, Body, Group
from yogalib.synthetic.skeleton import Bodies
from yogalib.synthetic.textures import noise
from yogalib.synthetic.trunk import trunk

__all__ = ["LABEL", "Layer", "render"]

SUPERSAMPLE = 2  # labels can't be anti-aliased while they are drawn; reducing them does it
_HEIGHTS = (0.45, 0.85, 1.0)  # the relief at each level, shares of the innermost
_STEEP = 10.0  # relief per pixel of height, in a drawing of 192 pixels
# Materials that share a number have no line between them in a drawing.
_LINES = {"skin": 0, "feet": 0, "hair": 1, "top": 2, "bottom": 3, "eye": 4, "lips": 4}
_DARK_EYES = (38.0, 28.0, 24.0)


@dataclass(frozen=True)
class Layer:
    """A body to be laid on a background.

    pixels : uint8 (h, w, 4), RGB times alpha, and alpha: the body's box alone. x, y : where the box is.
    parts : uint8 (height, width), what each pixel of the whole picture shows (LABEL, 0 for none); None unless asked for.
    """

    pixels: np.ndarray
    x: int
    y: int
    parts: np.ndarray | None

    def lay_on(self, canvas: np.ndarray) -> None:
        """Draw the body on a background, uint8 (height, width, 3)."""
        h, w = self.pixels.shape[:2]
        box = canvas[self.y : self.y + h, self.x : self.x + w]
        clear = cv2.cvtColor(255 - self.pixels[..., 3], cv2.COLOR_GRAY2RGB)
        cv2.add(cv2.multiply(box, clear, scale=1 / 255), self.pixels[..., :3], dst=box)


class _Palette:
    """What the numbers in the drawing stand for: each is one material on one part of one group."""

    def __init__(self, look: Look):
        self.look, self.known = look, {}
        self.colours, self.parts, self.lines, self.cloth = [(0.0, 0.0, 0.0)], [0], [0], [False]
        tones = {"skin": look.skin, "hair": look.hair, "top": look.top, "bottom": look.bottom, "feet": look.feet}
        self.tones = {**tones, "lips": look.lips, "eye": mixed(_DARK_EYES, look.ink, 0.3)}
        if look.style == "silhouette":
            self.tones = dict.fromkeys(self.tones, look.ink)
        elif look.style == "sketch":
            self.tones = {**dict.fromkeys(self.tones, look.paper), "eye": look.ink, "hair": self.sketched_hair()}

    def sketched_hair(self) -> tuple:
        """Return the hair of a sketch: left open, or inked in."""
        return self.look.ink if self.look.rim + self.look.folds > 0.5 else self.look.paper

    def number(self, group: int, part: str, material: str, dim: float) -> int:
        """Return the number of a material; parts of one group share the drawn line around them."""
        key = (group, part, material)
        number = self.known.get(key)
        if number is None:
            number = self.known[key] = len(self.colours)
            self.colours.append(scaled(self.tones[material], dim))
            self.parts.append(LABEL[part])
            self.lines.append(1 + 5 * group + _LINES[material])
            self.cloth.append(material in ("top", "bottom"))
        return number


def render(
    bodies: Bodies, row: int, view: View, look: Look, rng: np.random.Generator, size: tuple[int, int], with_parts=False
) -> Layer:
    """Draw body `row` as `view` sees it, for a picture of `size` (width, height); the view's is SUPERSAMPLE times that."""
    width, height = size[0] * SUPERSAMPLE, size[1] * SUPERSAMPLE
    body = Body(bodies, row, view, look)
    groups = sorted([*limbs(body), trunk(body), *head(body)], key=lambda group: -group.depth)
    palette = _Palette(look)
    numbers, relief = np.zeros((2, height, width), np.uint8)
    steep = _STEEP * 192 / max(width, height)
    _draw(numbers, relief, groups, palette, look, steep)
    x, y, w, h = _even_box(cv2.boundingRect(numbers), width, height)
    box = (slice(y, y + h), slice(x, x + w))
    drawn = _colour(numbers[box], relief[box], palette, look, rng, steep)
    pixels = cv2.resize(drawn, (w // 2, h // 2), interpolation=cv2.INTER_AREA)
    parts = np.array(palette.parts, np.uint8)[numbers[::2, ::2]] if with_parts else None
    return Layer(pixels, x // 2, y // 2, parts)


def _even_box(box: tuple[int, int, int, int], width: int, height: int) -> tuple[int, int, int, int]:
    """Return a box grown by a margin for lines and blur, with even corners."""
    x, y, w, h = box
    left, top = max(x - 6, 0) // 2 * 2, max(y - 6, 0) // 2 * 2
    return left, top, min((x + w + 7) // 2 * 2, width) - left, min((y + h + 7) // 2 * 2, height) - top


def _draw(numbers, relief, groups: list[Group], palette: _Palette, look: Look, steep: float) -> None:
    """Draw all groups; within a group a level is finished before the next, so that its shapes grow into each other.

    numbers, relief : uint8 (height, width), drawn on: places in the palette, and heights, `steep` to a pixel.
    """
    depths = [group.depth for group in groups]
    middle, spread = sum(depths) / len(depths), max(max(depths) - min(depths), 0.4)
    for place, group in enumerate(groups):
        dim = 1 - (1 - look.ambient) * 0.6 * min(max((group.depth - middle) / spread, 0), 1)
        for shape in group.shapes:
            fill = cv2.fillConvexPoly if shape.convex else _fill
            fill(numbers, shape.levels[0], palette.number(place, shape.part, shape.material, dim), cv2.LINE_8, SHIFT)
        if not (look.shaded or look.steps):
            continue
        high = [shape for shape in group.shapes if shape.relief > 0]
        for level, share in enumerate(_HEIGHTS):
            for shape in high:
                fill = cv2.fillConvexPoly if shape.convex else _fill
                fill(relief, shape.levels[level], min(255, 20 + int(steep * share * shape.relief)), cv2.LINE_8, SHIFT)


def _fill(canvas: np.ndarray, outline: np.ndarray, value: int, line: int, shift: int) -> None:
    """Fill any polygon, called like cv2.fillConvexPoly."""
    cv2.fillPoly(canvas, [outline], value, line, shift)


def _colour(numbers, relief, palette: _Palette, look: Look, rng: np.random.Generator, steep: float) -> np.ndarray:
    """Return the drawing in colour and light, uint8 (h, w, 4): RGB times alpha, and alpha."""
    colours = np.array([(*tone, 255.0) for tone in palette.colours]).astype(np.uint8)
    colours[0] = 0
    # four bytes are fetched as one number, five times as fast as a row of four
    drawn = colours.view(np.uint32)[:, 0][numbers].view(np.uint8).reshape(*numbers.shape, 4)
    if look.pattern != "plain" and look.style not in ("sketch", "silhouette"):
        _print(drawn, np.array(palette.cloth, bool)[numbers], look, rng)
    if look.shaded or look.steps:
        light = _light(numbers, relief, palette, look, rng, steep)
        drawn = cv2.multiply(drawn, cv2.cvtColor(light, cv2.COLOR_GRAY2RGBA), dtype=cv2.CV_8U)
    if look.style == "sketch" or look.outline > 0:
        lines = np.array(palette.lines, np.uint8)[numbers]
        _ink(drawn, lines, look)
    return drawn


def _light(numbers, relief, palette: _Palette, look: Look, rng: np.random.Generator, steep: float) -> np.ndarray:
    """Return how bright each pixel is, float32 (h, w): the slope of the relief towards the light."""
    wide = int(4 * _STEEP / steep) | 1
    smooth = cv2.blur(cv2.blur(relief.astype(np.float32), (wide, wide)), (wide, wide))
    if look.folds > 0.3 and look.shaded:
        folds = noise(rng, *numbers.shape, 2 if look.folds < 0.7 else 1) * (0.35 * steep * look.folds)
        smooth += folds * np.array(palette.cloth, np.float32)[numbers]
    x, y = look.light
    slope = np.array([[x + y, 2 * y, y - x], [2 * x, 0, -2 * x], [x - y, -2 * y, -x - y]], np.float32) / (8 * steep)
    slope = cv2.filter2D(smooth, -1, -slope)
    if look.steps:
        return np.where(slope < -0.35, np.float32(1 - 1.5 * look.contrast), np.float32(1))
    light = look.ambient + look.contrast * slope
    if look.rim:
        light += look.rim * np.maximum(slope - 0.5, 0) * 2
    return np.maximum(light, 0.12)


def _print(drawn: np.ndarray, cloth: np.ndarray, look: Look, rng: np.random.Generator) -> None:
    """Print stripes, dots or blotches on the cloth."""
    height, width = cloth.shape
    step = max(4, int(between(rng, 0.02, 0.06) * max(height, width)))
    y, x = np.ogrid[:height, :width]
    if look.pattern == "stripes":
        printed = ((y + int(between(rng, -1, 1) * 2) * x) // step) % 2 > 0
    elif look.pattern == "dots":
        printed = ((x % (2 * step) - step) ** 2 + (y % (2 * step) - step) ** 2) < (0.6 * step) ** 2
    else:
        printed = noise(rng, height, width, 2) > between(rng, -0.5, 0.8)
    printed = cloth & printed
    drawn[printed, :3] = (drawn[printed, :3] * [between(rng, 0.4, 1.0) for _ in range(3)]).astype(np.uint8)


def _ink(drawn: np.ndarray, lines: np.ndarray, look: Look) -> None:
    """Draw a line wherever two neighbours in the drawing belong to different things."""
    thick = max(2, round(max(look.outline, 0.008) * max(drawn.shape[:2])))
    edge = cv2.morphologyEx(lines, cv2.MORPH_GRADIENT, np.ones((thick, thick), np.uint8)) > 0
    drawn[edge] = (*look.ink, 255)
