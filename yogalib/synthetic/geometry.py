"""What a body does, measured: the geometry of posed bodies that the captions speak of."""

from __future__ import annotations

from functools import partial

import numpy as np

from yogalib.synthetic.skeleton import JOINT, RADIUS, Bodies


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)


def _dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return (a * b).sum(axis=-1)


def _angle(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the angle between vectors, degrees."""
    return np.degrees(np.arccos(_dot(_unit(a), _unit(b)).clip(-1, 1)))


def _sides(bodies: Bodies, name: str) -> np.ndarray:
    """Return (N, 2, 3): the left and the right joint of a name."""
    return bodies.joints[:, [JOINT[f"l_{name}"], JOINT[f"r_{name}"]]]


def measure(bodies: Bodies) -> dict[str, np.ndarray]:
    """Return geometric quantities of N bodies: (N,), or (N, 2) for left and right.

    Angles are degrees, lengths and heights shares of the body's height, directions cosines. Heights are those of the
    skin above the floor.
    """
    return _measure_trunk(bodies) | _measure_floor(bodies) | _measure_legs(bodies) | _measure_arms(bodies)


def _frame(bodies: Bodies, part: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the unit vectors left, up and front (N, 1, 3) of the pelvis or the chest."""
    low, high, front = {
        "pelvis": ("pelvis", "spine", bodies.pelvis_front), "chest": ("chest", "neck", bodies.chest_front)
    }[part]  # fmt: skip
    up = _unit(bodies.joints[:, JOINT[high]] - bodies.joints[:, JOINT[low]])
    return _unit(np.cross(up, front))[:, None], up[:, None], front[:, None]


def _measure_trunk(bodies: Bodies) -> dict[str, np.ndarray]:
    """Tilt from the vertical, fronts, arch (negative) or rounding, side bend, twist, and the head."""
    at = {name: bodies.joints[:, index] for name, index in JOINT.items()}
    left, low, front = (axis[:, 0] for axis in _frame(bodies, "pelvis"))
    high = _unit(at["neck"] - at["chest"])
    trunk = _unit(at["chest"] - at["pelvis"])
    across = [_unit(line - _dot(line, trunk)[:, None] * trunk) for line in (left, _frame(bodies, "chest")[0][:, 0])]
    neck = _unit(at["crown"] - at["neck"])
    bow = np.degrees(np.arctan2(_dot(neck, bodies.chest_front), _dot(neck, high)))
    return {
        "tilt": np.degrees(np.arccos(trunk[:, 1].clip(-1, 1))),
        "chest_y": bodies.chest_front[:, 1], "pelvis_y": bodies.pelvis_front[:, 1], "face_y": bodies.face[:, 1],
        "bend": np.degrees(np.arctan2(_dot(high, front), _dot(high, low))),
        "side_bend": np.abs(np.degrees(np.arctan2(_dot(high, left), _dot(high, low)))),
        "twist": _angle(*across), "bow": bow,
        "lean_front": _lean(trunk, bodies.pelvis_front), "lean_side": np.abs(_lean(trunk, left)),
        "aside": np.abs(_dot(bodies.face, _frame(bodies, "chest")[0][:, 0])),
    }  # fmt: skip


def _lean(trunk: np.ndarray, way: np.ndarray) -> np.ndarray:
    """Return the cosine, seen from above, between where the trunk leans and a direction."""
    flat = np.array([1.0, 0.0, 1.0])
    return _dot(_unit(trunk * flat), _unit(way * flat))


def _measure_floor(bodies: Bodies) -> dict[str, np.ndarray]:
    """Height above the floor of every part that can bear the body."""
    height = bodies.radius[:, :1] / RADIUS[0]
    gap = (bodies.joints[:, :, 1] - bodies.radius) / height
    lowest = {
        "seat_h": ("pelvis", "l_hip", "r_hip"), "spine_h": ("spine",), "chest_h": ("chest",), "head_h": ("head", "crown"),
        "shoulder_h": ("neck", "l_shoulder", "r_shoulder", "chest"),
    }  # fmt: skip
    pairs = {"foot_h": ("toe", "heel", "ankle"), "ankle_h": ("ankle",), "knee_h": ("knee",), "elbow_h": ("elbow",),
             "hand_h": ("wrist", "hand")}  # fmt: skip
    found = {name: gap[:, [JOINT[joint] for joint in joints]].min(axis=1) for name, joints in lowest.items()}
    for name, joints in pairs.items():
        found[name] = np.stack([gap[:, [JOINT[f"{s}_{joint}"] for joint in joints]].min(axis=1) for s in "lr"], axis=1)
    return found


def _measure_legs(bodies: Bodies) -> dict[str, np.ndarray]:
    """Knees, hips, where each leg points from the pelvis (`leg_*`), and what the feet are near."""
    height = bodies.radius[:, :1] / RADIUS[0]
    hip, knee, ankle, elbow = (_sides(bodies, name) for name in ("hip", "knee", "ankle", "elbow"))
    left, up, front = _frame(bodies, "pelvis")
    leg, thigh = _unit(ankle - hip), _unit(knee - hip)
    head, chest, pelvis = (bodies.joints[:, JOINT[name], None] for name in ("head", "chest", "pelvis"))
    flat = np.array([1.0, 0.0, 1.0])
    far = partial(np.linalg.norm, axis=-1)
    step = ankle[:, 0] - ankle[:, 1]
    other = np.stack([hip + share * (knee - hip) for share in (0, 0.25, 0.5, 0.75, 1)], axis=2)[:, ::-1]
    aside = _dot(np.concatenate([knee, ankle], axis=1) - pelvis, left) / height
    return {
        "knee": _angle(hip - knee, ankle - knee), "hip": _angle(thigh, up), "leg_y": leg[:, :, 1], "thigh_y": thigh[:, :, 1],
        "leg_front": _dot(leg, front), "leg_out": _dot(leg, left) * (1, -1), "thigh_front": _dot(thigh, front),
        "legs_apart": _angle(leg[:, 0], leg[:, 1]), "step": far(step * flat) / height[:, 0],
        "step_side": np.abs(_dot(_unit(leg[:, 0] - leg[:, 1]), left[:, 0])),
        "ankles": far(step) / height[:, 0], "knees_apart": far(knee[:, 0] - knee[:, 1]) / height[:, 0],
        "ankle_front": _dot(ankle - pelvis, front) / height, "ankle_thigh": far(ankle[:, :, None] - other).min(2) / height,
        "legs_aside": np.where(np.abs(aside.sum(1)) > np.abs(aside).sum(1) - 0.02, np.abs(aside).min(1), 0.0),
        "ankle_head": far(ankle - head) / height,
        "ankle_seat": far(ankle - hip) / height, "knee_chest": far(knee - chest) / height,
        "knee_arm": np.minimum(far(knee - elbow), far(knee - _sides(bodies, "shoulder"))) / height,
        "leg_up": _dot(leg, up), "ankle_behind": _dot(ankle - head, bodies.chest_front[:, None]) / height,
        "crossed": np.minimum(_dot(step, left[:, 0]), _dot(knee[:, 0] - knee[:, 1], left[:, 0])) / height[:, 0],
        "ankle_over": _dot((ankle - pelvis) * flat, _unit((chest - pelvis) * flat)) / height,
    }  # fmt: skip


def _measure_arms(bodies: Bodies) -> dict[str, np.ndarray]:
    """Elbows, where each arm points from the chest (`arm_*`), and what the hands are near."""
    height = bodies.radius[:, :1] / RADIUS[0]
    shoulder, elbow, wrist, hand, knee = (
        _sides(bodies, name) for name in ("shoulder", "elbow", "wrist", "hand", "knee")
    )
    left, up, front = _frame(bodies, "chest")
    arm, palm = _unit(wrist - shoulder), (wrist + hand) / 2
    head, chest, spine = (bodies.joints[:, JOINT[name], None] for name in ("head", "chest", "spine"))
    far = partial(np.linalg.norm, axis=-1)
    gap = far((palm[:, :, None] - _sides(bodies, "ankle")[:, None]) * (1.0, 0.0, 1.0))
    low = [_sides(bodies, name)[:, :, 1] < 0.1 * height for name in ("wrist", "ankle")]
    feet = np.concatenate([_sides(bodies, name) for name in ("toe", "ankle", "heel")], axis=1)
    mid = palm.mean(axis=1, keepdims=True) - chest
    return {
        "elbow": _angle(shoulder - elbow, wrist - elbow), "arm_y": arm[:, :, 1],
        "arm_up": _dot(arm, up), "arm_front": _dot(arm, front), "arm_out": _dot(arm, left) * (1, -1),
        "hands": far(palm[:, 0] - palm[:, 1]) / height[:, 0],
        "hands_up": (_dot(mid, up) / height)[:, 0], "hands_front": (_dot(mid, front) / height)[:, 0],
        "hand_foot": far(palm[:, :, None] - feet[:, None]).min(axis=2) / height,
        # Only of hands and feet near the floor; infinite where there are none.
        "hands_to_feet": np.where(low[0][:, :, None] & low[1][:, None], gap, np.inf).min(axis=(1, 2)) / height[:, 0],
        "hand_knee": far(palm[:, :, None] - knee[:, None]).min(axis=2) / height,
        "hand_head": far(palm - head) / height, "hand_back": far(palm - spine) / height,
        "hand_behind": _dot(palm - spine, front) / height,
    }  # fmt: skip
