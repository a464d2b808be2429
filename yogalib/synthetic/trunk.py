"""The trunk: elliptic rings from the crotch to the neck, and the hulls of neighbours."""

import cv2
import numpy as np

from yogalib.synthetic.shapes import CIRCLE, SHARES, Body, Group, Shape, cross, fixed, unit


def trunk(body: Body) -> Group:
    """Return the trunk's outlines."""
    sections, clothes = _rounded(_sections(body), _clothes(body))
    rings = sections[:, 0] + CIRCLE[:, :1] * sections[:, 1] + CIRCLE[:, 1:] * sections[:, 2]
    xy, _, metre = body.view.see(rings)
    middle = xy.mean(1, keepdims=True)
    levels = fixed(middle[:, None] + SHARES * (xy - middle)[:, None])  # (rings, levels, points, 2)
    relief = 0.055 * body.height * float(metre.mean())
    pairs = np.concatenate([levels[:-1], levels[1:]], axis=2)
    shapes = [
        Shape("torso", material, [cv2.convexHull(points) for points in pair], relief)
        for material, pair in zip(clothes, pairs, strict=True)
    ]
    return Group(body.depth("pelvis", "spine", "chest"), shapes)


def _clothes(body: Body) -> tuple[str, ...]:
    """Return the material between each two rings."""
    torso = body.look.torso
    top = "skin" if torso == "bare" else "top"
    middle = "top" if torso in ("tank", "long") else "skin"
    hips = "top" if torso == "long" else "bottom"
    collar = "top" if body.look.sleeve > 0 else "skin"
    return ("bottom", hips, middle, middle, top, top, collar, collar)


def _rounded(sections: np.ndarray, clothes: tuple[str, ...]) -> tuple[np.ndarray, list[str]]:
    """Cut the corners of the trunk (Chaikin 1974): a back that bends has no edge where two of its pieces meet.

    sections : (S, 3, 1, 3), as `_sections` has them. clothes : (S - 1,), the material between each two.
    """
    near, far = 0.75 * sections[:-1] + 0.25 * sections[1:], 0.25 * sections[:-1] + 0.75 * sections[1:]
    cut = np.stack([near, far], axis=1).reshape(-1, *sections.shape[1:])
    return np.concatenate([sections[:1], cut[1:-1], sections[-1:]]), np.repeat(clothes, 2)[:-1].tolist()


def _sections(body: Body) -> np.ndarray:
    """Return nine sections of the trunk, (9, 3, 1, 3) metres: centre, half width, half depth."""
    look, h, girth = body.look, body.height, body.height * body.look.thickness
    pelvis, spine, chest, neck = (body.at(name) for name in ("pelvis", "spine", "chest", "neck"))
    hips, shoulders = ((body.at(f"l_{name}"), body.at(f"r_{name}")) for name in ("hip", "shoulder"))
    seat, collar = sum(hips) / 2, sum(shoulders) / 2
    low, high, front, ahead = unit(spine - pelvis), unit(chest - spine), body.pelvis_front, body.chest_front
    left, upper_left = cross(low, front), cross(high, ahead)
    waist_left, waist_front = (left + upper_left) / 2, (front + ahead) / 2
    hip_width = float(np.linalg.norm(hips[0] - hips[1])) / 2 + 0.038 * girth * look.hips
    loose = look.loose_top if look.torso in ("tank", "long") else 1.0
    return np.array([  # centre, half width, half depth
        (seat - 0.035 * h * low, 0.5 * hip_width * left, 0.018 * girth * front),
        (seat - 0.010 * h * front, hip_width * left, 0.060 * girth * look.hips * front),
        (pelvis + 0.045 * h * low, 0.080 * girth * look.hips * loose * left, 0.054 * girth * front),
        (spine, 0.067 * girth * look.waist * loose * waist_left, 0.050 * girth * look.waist * waist_front),
        ((spine + chest) / 2, 0.078 * girth * loose * upper_left, 0.056 * girth * ahead),
        (chest - 0.035 * h * high + 0.012 * look.bust * h * ahead, 0.088 * girth * look.shoulders * upper_left,
         (0.056 + 0.012 * look.bust) * girth * ahead),
        (collar + 0.010 * h * high, 0.45 * look.shoulders * (shoulders[0] - shoulders[1]), 0.036 * girth * ahead),
        (0.5 * (collar + neck), 0.056 * girth * look.shoulders * upper_left, 0.036 * girth * ahead),
        (0.8 * neck + 0.2 * chest, 0.034 * girth * upper_left, 0.034 * girth * ahead),
    ])[:, :, None]  # fmt: skip
