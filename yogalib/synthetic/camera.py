"""Where the camera stands and what it makes of points in space."""

import math
from dataclasses import dataclass, replace

import numpy as np

from yogalib.synthetic.look import between

_DOWN = np.array([1.0, -1.0])  # rows of a picture count downwards


@dataclass(frozen=True)
class Camera:
    """A camera that looks at the middle of the body and fits it into the picture.

    azimuth : degrees, 0 in front of a standing body, 90 at its left. elevation, roll : degrees. distance : metres.
    fill : share of the picture that the body spans. x, y : where its middle is, -1..1 of the room left.
    """

    azimuth: float
    elevation: float
    roll: float
    distance: float
    fill: float
    x: float
    y: float


def sample_camera(rng: np.random.Generator, view: np.ndarray, flat: bool) -> Camera:
    """Draw a camera from the pose's own range of azimuths; higher up for bodies that lie `flat` on the floor."""
    low, high = view
    elevation = between(rng, 2, 30) if flat else 5 + 7 * rng.standard_normal()
    if rng.random() < 0.06:  # from a ladder
        elevation = between(rng, 20, 60)
    fill = between(rng, 0.5, 0.95)
    if rng.random() < 0.07:  # the body runs over the edge
        fill = between(rng, 0.97, 1.25)
    return Camera(
        azimuth=between(rng, low, high) + 8 * rng.standard_normal(),
        elevation=min(max(elevation, -6.0), 70.0),
        roll=2 * rng.standard_normal(),
        distance=between(rng, 2.5, 9),
        fill=fill,
        x=between(rng, -1, 1) * (1.0 if rng.random() < 0.35 else 0.35),  # mostly near the middle
        y=between(rng, -0.6, 1),
    )


def held_near(rng: np.random.Generator, camera: Camera) -> Camera:
    """Return the camera as a phone held by someone who stands by: nearer, higher, aslant, the body large."""
    return replace(
        camera,
        elevation=between(rng, 12, 38),
        roll=6 * rng.standard_normal(),
        distance=between(rng, 1.9, 3.2),
        fill=between(rng, 0.7, 1.0),
    )


@dataclass(frozen=True)
class View:
    """A body as the camera sees it, in pixels.

    xy : (J, 2). depth : (J,), metres from the camera. turn : (3, 3), the camera's right, up and back in world axes.
    """

    xy: np.ndarray
    depth: np.ndarray
    turn: np.ndarray
    centre: np.ndarray
    distance: float
    scale: float
    shift: np.ndarray

    def see(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return world points (..., 3) in pixels (..., 2), their depth (...) and the pixels of a metre there (...).

        Points behind the camera are drawn in to just before it.
        """
        there = (points.reshape(-1, 3) - self.centre) @ self.turn.T
        depth = np.maximum(self.distance - there[:, 2], 0.3)
        metre = self.scale / depth
        xy = there[:, :2] * (metre[:, None] * _DOWN) + self.shift
        shape = points.shape[:-1]
        return xy.reshape(*shape, 2), depth.reshape(shape), metre.reshape(shape)

    def project(self, points: np.ndarray) -> np.ndarray:
        """Return world points (K, 3) in pixels, (K, 2)."""
        return self.see(points)[0]


def look_at(joints: np.ndarray, radius: np.ndarray, camera: Camera, width: int, height: int) -> View:
    """Return what the camera sees of one body: joints (J, 3), radius (J,) in metres, picture of width x height pixels."""
    a, e, r = (math.radians(angle) for angle in (camera.azimuth, camera.elevation, camera.roll))
    right = np.array([math.cos(a), 0, -math.sin(a)])
    up = np.array([-math.sin(a) * math.sin(e), math.cos(e), -math.cos(a) * math.sin(e)])
    toward = np.array([math.sin(a) * math.cos(e), math.sin(e), math.cos(a) * math.cos(e)])
    turn = np.array([math.cos(r) * right + math.sin(r) * up, math.cos(r) * up - math.sin(r) * right, toward])
    centre = (joints.min(0) + joints.max(0)) / 2
    there = (joints - centre) @ turn.T
    depth = camera.distance - there[:, 2]
    plane = there[:, :2] / depth[:, None] * (1, -1)
    thick = (radius / depth)[:, None]
    low, high = (plane - thick).min(0), (plane + thick).max(0)
    size = np.array([width, height])
    scale = camera.fill * float(min(size / (high - low)))
    room = size - scale * (high - low)
    shift = room / 2 * (1 + np.array([camera.x, camera.y])) - scale * low
    return View(plane * scale + shift, depth, turn, centre, camera.distance, scale, shift)
