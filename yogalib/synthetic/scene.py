"""One whole picture: a place, what lies on its floor, the body, what stands before it, and what a camera does to it all."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from yogalib.synthetic.bodies import pose_bodies
from yogalib.synthetic.camera import Camera, View, held_near, look_at, sample_camera
from yogalib.synthetic.effects import develop, write_words
from yogalib.synthetic.look import Look, between, colour, sample_look, scaled
from yogalib.synthetic.places import draw_place
from yogalib.synthetic.render import SUPERSAMPLE, Layer, render
from yogalib.synthetic.skeleton import JOINT, PARENTS, Bodies, Postures, sample_proportions

_BONES = tuple((JOINT[name], JOINT[parent]) for name, parent in PARENTS.items())


@dataclass(frozen=True)
class Picture:
    """A drawn body.

    pixels : uint8 (height, width, 3), RGB. joints : (J, 3), across and down as shares of the picture, and the distance
    from the body's middle towards the camera in metres. parts : uint8 (height, width), what each pixel shows
    (render.LABEL, 0 for none), without the camera's effects; None unless asked for. seen : how the camera stood.
    """

    pixels: np.ndarray
    joints: np.ndarray
    parts: np.ndarray | None
    seen: View


def draw_picture(
    bodies: Bodies,
    row: int,
    view: np.ndarray,
    rng: np.random.Generator,
    size: tuple[int, int],
    style: str | None = None,
    with_parts: bool = False,
    near: bool = False,
    photographs: Sequence[np.ndarray] = (),
) -> Picture:
    """Draw one body in a place of its own.

    bodies, row : the body. view : its range of camera azimuths in degrees. size : width, height in pixels.
    style : one of look.STYLES, or any. near : by a camera held near and high, at a slant. photographs : that may stand
    behind it (places.draw_place).
    """
    width, height = size
    look, joints = sample_look(rng, style), bodies.joints[row]
    camera = sample_camera(rng, view, flat=bool(joints[:, 1].max() < 0.55))
    camera = held_near(rng, camera) if near else camera
    seen = look_at(joints, bodies.radius[row], camera, width * SUPERSAMPLE, height * SUPERSAMPLE)
    layer = render(bodies, row, seen, look, rng, size, with_parts)
    floor = _Floor(seen, joints)
    canvas = draw_place(rng, look, height, width, floor.horizon(rng, height), photographs)
    floor.dress(rng, canvas, look)
    if look.shaded and rng.random() < 0.03:
        _neighbour(rng, canvas, layer)
    layer.lay_on(canvas)
    parts = _occlude(rng, canvas, layer.parts)
    write_words(rng, canvas, look)
    pixels = develop(rng, canvas, look)
    places = np.column_stack([seen.xy / (width * SUPERSAMPLE, height * SUPERSAMPLE), seen.distance - seen.depth])
    return Picture(pixels, places, parts, seen)


def draw(postures: Postures, rng: np.random.Generator, size: int, style: str | None = None) -> np.ndarray:
    """Draw each of N postures with a body, a camera and a look of its own: uint8 (N, size, size, 3)."""
    bodies = pose_bodies(postures, sample_proportions(rng, len(postures)))
    pictures = np.empty((len(postures), size, size, 3), np.uint8)
    for row, view in enumerate(postures.view):
        pictures[row] = draw_picture(bodies, row, view, rng, (size, size), style).pixels
    return pictures


def draw_plain(bodies: Bodies, row: int, azimuth: float, size: int) -> np.ndarray:
    """Draw one body before white, always in the same clothes and light: uint8 (size, size, 3), for contact sheets.

    azimuth : the camera's, degrees. It stands higher for bodies that lie on the floor.
    """
    rng = np.random.default_rng(2)
    look = Look(
        style="photo", shaded=True, skin=(222, 172, 140), hair=(58, 40, 30), top=(196, 62, 88), bottom=(44, 62, 92),
        feet=(222, 172, 140), lips=(190, 100, 95), ink=(0, 0, 0), paper=(255, 255, 255), sleeve=0.0, leg=1.7, torso="tank",
        pattern="plain", hair_style="bun", face=True, loose_top=1.02, loose_leg=1.02, flare=0.0, thickness=1.0, waist=0.97,
        hips=1.03, shoulders=0.97, bust=0.7, folds=0.0, light=(-0.4, -0.8), contrast=0.32, ambient=0.88, rim=0.0,
        steps=False, outline=0.0,
    )  # fmt: skip
    elevation = 25.0 if bodies.joints[row, :, 1].max() < 0.55 else 8.0
    camera = Camera(azimuth, elevation, 0.0, 6.0, 0.82, 0.0, 0.4)  # room for hair, which the joints do not tell of
    return draw_alone(bodies, row, camera, look, rng, size, mat=(214, 220, 224))


def draw_alone(
    bodies: Bodies, row: int, camera: Camera, look: Look, rng: np.random.Generator, size: int, mat: tuple | None = None
) -> np.ndarray:
    """Draw one body before paper, white where it has light and shadow: uint8 (size, size, 3). mat : the colour of one under it."""
    seen = look_at(bodies.joints[row], bodies.radius[row], camera, size * SUPERSAMPLE, size * SUPERSAMPLE)
    canvas = np.full((size, size, 3), 255 if look.shaded else look.paper, np.uint8)
    floor = _Floor(seen, bodies.joints[row])
    if mat:
        floor.mat(canvas, mat, 0.25, 0.33)
    if look.shaded:
        floor.shadow(canvas, np.array([0.1, 0.1]), 0.35)
    render(bodies, row, seen, look, rng, (size, size)).lay_on(canvas)
    return canvas


class _Floor:
    """The floor under a body: draws flat on it, in a picture SUPERSAMPLE times smaller than its view."""

    def __init__(self, view: View, joints: np.ndarray):
        self.view, self.joints = view, joints
        self.low, self.high = joints.min(0), joints.max(0)

    def project(self, points: np.ndarray) -> np.ndarray:
        """Return world points (K, 3) as OpenCV's whole pixels, (K, 2)."""
        return (self.view.project(points) / SUPERSAMPLE).round().clip(-9999, 9999).astype(np.int32)

    def horizon(self, rng: np.random.Generator, height: int) -> int:
        """Return the row where the floor ends, somewhere behind the body."""
        away = self.view.turn[2] * (1, 0, 1)
        behind = self.joints.mean(0) * (1, 0, 1) - away * between(rng, 0.4, 4)
        return min(max(int(self.project(behind[None])[0, 1]), height // 10), int(0.97 * height))

    def dress(self, rng: np.random.Generator, canvas: np.ndarray, look: Look) -> None:
        """Draw a mat, things beside it, and the body's shadow."""
        if rng.random() < 0.5:
            tone = colour(rng, (0.2, 0.95), (0.1, 0.9))
            tone = {"silhouette": look.ink, "sketch": scaled(look.paper, 0.88)}.get(look.style, tone)
            self.mat(canvas, tone, between(rng, 0.1, 0.5), between(rng, 0.28, 0.42))
        if look.style != "sketch" and rng.random() < 0.12:
            self.block(rng, canvas)
        if look.shaded and rng.random() < 0.8:
            slide = np.array([-look.light[0], between(rng, -0.4, 0.4)]) * between(rng, 0.1, 0.8)
            self.shadow(canvas, slide, between(rng, 0.15, 0.7))

    def mat(self, canvas: np.ndarray, tone: tuple, margin: float, wide: float) -> None:
        """Draw a mat along the body; margin at its ends and half its width in metres."""
        middle, half = (self.low + self.high) / 2, (self.high - self.low) / 2
        along = 0 if half[0] > half[2] else 2
        half[along], half[2 - along] = half[along] + margin, max(wide, half[2 - along] * 0.5)
        corners = np.array([[x, 0, z] for x, z in ((-1, -1), (1, -1), (1, 1), (-1, 1))]) * half + middle * (1, 0, 1)
        top = self.project(corners)
        cv2.fillConvexPoly(canvas, top + np.array([0, max(1, canvas.shape[0] // 96)]), scaled(tone, 0.65), cv2.LINE_AA)
        cv2.fillConvexPoly(canvas, top, tone, cv2.LINE_AA)

    def block(self, rng: np.random.Generator, canvas: np.ndarray) -> None:
        """Draw a block, a cushion or a bottle that stands beside the body."""
        place = self.low + rng.random(3) * (self.high - self.low) + rng.standard_normal(3) * 0.25
        size = np.array([between(rng, 0.05, 0.25), between(rng, 0.05, 0.25), between(rng, 0.05, 0.2)])
        corners = np.array([[x, y, z] for x in (-1, 1) for y in (0, 2) for z in (-1, 1)]) * size / 2
        hull = cv2.convexHull(self.project(corners + place * (1, 0, 1)))
        cv2.fillConvexPoly(canvas, hull, colour(rng, (0.2, 0.95), (0, 0.8)), cv2.LINE_AA)

    def shadow(self, canvas: np.ndarray, slide: np.ndarray, strength: float) -> None:
        """Darken the floor under the body; slide : metres that a point one metre up is cast to the right and back."""
        right, back = self.view.turn[0] * (1, 0, 1), -self.view.turn[2] * (1, 0, 1)
        cast = self.joints * (1, 0, 1) + self.joints[:, 1:2] * (slide[0] * right + slide[1] * back)
        height, width = canvas.shape[:2]
        small = max(1, width // 64)  # a shadow is soft: a few dozen pixels hold it
        xy = self.project(cast) // small
        mask = np.zeros((height // small + 1, width // small + 1), np.float32)
        thick = max(1, int(0.11 * self.view.scale / self.view.distance / SUPERSAMPLE / small))
        for a, b in _BONES:
            cv2.line(mask, xy[a].tolist(), xy[b].tolist(), strength, thick)
        mask = cv2.resize(cv2.blur(mask, (5, 5)), (mask.shape[1] * small, mask.shape[0] * small))[:height, :width]
        canvas[:] = cv2.multiply(canvas, cv2.cvtColor(1 - mask, cv2.COLOR_GRAY2RGB), dtype=cv2.CV_8U)


def _neighbour(rng: np.random.Generator, canvas: np.ndarray, layer: Layer) -> None:
    """Draw someone of the same class, farther back and in the same pose."""
    share, (height, width) = between(rng, 0.6, 0.9), canvas.shape[:2]
    place = [layer.x + between(rng, -0.5, 0.5) * width, layer.y * share + (1 - share) * 0.6 * height]
    matrix = np.array([[share, 0, place[0]], [0, share, place[1]]])
    pixels = cv2.warpAffine(layer.pixels, matrix, (width, height))
    Layer(pixels[:, :: -1 if rng.random() < 0.5 else 1], 0, 0, None).lay_on(canvas)


def _occlude(rng: np.random.Generator, canvas: np.ndarray, parts: np.ndarray | None) -> np.ndarray | None:
    """Draw something before the body now and then; return the parts that are still seen."""
    if rng.random() > 0.06:
        return parts
    height, width = canvas.shape[:2]
    hidden = np.zeros((height, width), np.uint8)
    centre = (int(between(rng, -0.1, 1.1) * width), int(between(rng, 0.5, 1.05) * height))
    axes = (int(between(rng, 0.03, 0.16) * width) + 1, int(between(rng, 0.03, 0.2) * height) + 1)
    if rng.random() < 0.5:
        cv2.ellipse(hidden, centre, axes, 180 * rng.random(), 0, 360, 1, -1)
    else:
        cv2.rectangle(hidden, centre, (centre[0] + axes[0], centre[1] + axes[1]), 1, -1)
    canvas[hidden > 0] = colour(rng)
    return None if parts is None else parts * (1 - hidden)
