"""Outlines in the picture and the groups they are drawn in."""

from typing import NamedTuple

import cv2
import numpy as np

from yogalib.synthetic.camera import View
from yogalib.synthetic.look import Look
from yogalib.synthetic.skeleton import JOINT, RADIUS, Bodies

SHIFT = 4  # OpenCV's fixed-point coordinates: 1/16 pixel
HALVES = tuple(f"{side}_{half}" for side in "lr" for half in ("upper_arm", "forearm", "thigh", "shin"))
PARTS = ("torso", "head", *HALVES)
LABEL = {name: number for number, name in enumerate(PARTS, start=1)}
# Every outline is drawn three times, each narrower and higher: a relief that light can fall on.
LEVELS = np.array([1.0, 0.72, 0.38])
SHARES = LEVELS[:, None, None]
CIRCLE = np.array([(np.cos(turn), np.sin(turn)) for turn in np.arange(12) * np.pi / 6])


class Shape(NamedTuple):
    """One outline.

    levels : per level an int32 array (K, 2) in 1/16 pixel. relief : its height at the innermost, pixels; 0 where it lies
    flat on what is below. convex : whether OpenCV's faster filling will do.
    """

    part: str
    material: str
    levels: np.ndarray | list[np.ndarray]
    relief: float
    convex: bool = True


class Group(NamedTuple):
    """Shapes that grow into each other, drawn level by level, and their distance from the camera in metres."""

    depth: float
    shapes: list[Shape]


class Body:
    """One body, how it is dressed and what sees it."""

    def __init__(self, bodies: Bodies, row: int, view: View, look: Look):
        self.joints, self.view, self.look = bodies.joints[row], view, look
        self.face, self.chest_front, self.pelvis_front = (
            getattr(bodies, name)[row] for name in ("face", "chest_front", "pelvis_front")
        )
        self.height = float(bodies.radius[row, 0] / RADIUS[0])

    def at(self, name: str) -> np.ndarray:
        """Return a joint, (3,) metres."""
        return self.joints[JOINT[name]]

    def depth(self, *names: str) -> float:
        """Return the mean distance of joints from the camera."""
        return float(sum(self.view.depth[JOINT[name]] for name in names) / len(names))


def unit(vector: np.ndarray) -> np.ndarray:
    """Return a vector (3,) at length one."""
    return vector / max(float(np.sqrt(vector @ vector)), 1e-9)


def cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the cross product of two vectors; np.cross is made for many and takes ten times as long."""
    (ax, ay, az), (bx, by, bz) = a.tolist(), b.tolist()
    return np.array([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx])


def fixed(points: np.ndarray) -> np.ndarray:
    """Return points in OpenCV's fixed-point numbers."""
    return (points * (1 << SHIFT)).astype(np.int32)


def hull(part: str, material: str, xy: np.ndarray, radius: np.ndarray, relief: float) -> Shape:
    """Return the convex hull of discs: xy (K, 2), radius (K,)."""
    discs = fixed(xy[None, :, None] + (LEVELS[:, None] * radius)[:, :, None, None] * CIRCLE)
    return Shape(part, material, [cv2.convexHull(level.reshape(-1, 2)) for level in discs], float(relief))
