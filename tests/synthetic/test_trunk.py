"""The trunk of a drawn body: a back that bends is round."""

import cv2
import numpy as np
import pytest

from yogalib.synthetic import trunk
from yogalib.synthetic.bodies import pose_bodies
from yogalib.synthetic.camera import Camera, look_at
from yogalib.synthetic.look import sample_look
from yogalib.synthetic.poses import load_poses
from yogalib.synthetic.shapes import SHIFT, Body


def body(start: str) -> Body:
    """Return the plain body of a pose, seen from its left."""
    folder = next(folder for folder in load_poses() if folder.startswith(start))
    bodies = pose_bodies(load_poses()[folder].postures.take(np.array([0])))
    view = look_at(bodies.joints[0], bodies.radius[0], Camera(90, 8, 0, 6, 0.9, 0, 0), 300, 300)
    return Body(bodies, 0, view, sample_look(np.random.default_rng(0), "photo"))


def spiky(drawn: Body) -> float:
    """Return the share of the trunk's outline that a disc of 25 of its 600 pixels can't reach."""
    mask = np.zeros((600, 600), np.uint8)
    for shape in trunk.trunk(drawn).shapes:
        cv2.fillConvexPoly(mask, shape.levels[0], 255, cv2.LINE_8, SHIFT)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (25, 25))
    return (mask > cv2.morphologyEx(mask, cv2.MORPH_OPEN, disc)).sum() / (mask > 0).sum()


@pytest.mark.parametrize("start", ["Camel", "Pigeon", "Scorpion", "Upward_Bow", "Upward_Facing_Two"])
def test_bent_back_has_no_spike(start):
    assert spiky(body(start)) < 0.02


def test_rounding_leaves_each_garment_its_place():
    straight = np.arange(5.0)[:, None, None, None] * np.ones((5, 3, 1, 3))
    rounded, clothes = trunk._rounded(straight, ("bottom", "top", "top", "skin"))
    ends = {each: [place for place, worn in enumerate(clothes) if worn == each] for each in ("bottom", "top", "skin")}
    heights = {worn: (rounded[places[0], 0, 0, 0], rounded[places[-1] + 1, 0, 0, 0]) for worn, places in ends.items()}
    assert heights == {"bottom": (0, 1.25), "top": (1.25, 3.25), "skin": (3.25, 4)}
