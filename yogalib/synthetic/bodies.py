"""Bodies on the floor: what touches it, and hands that take hold of something."""

import numpy as np

from yogalib.synthetic.skeleton import (
    ARM_JOINTS,
    JOINT,
    JOINTS,
    RADIUS,
    SPOT_FINGERS,
    SPOTS,
    SUPPORTS,
    TARGET,
    Bodies,
    Postures,
    along,
    average_proportions,
    bend,
)

_SUPPORT_MASK = np.array([[joint in joints for joint in JOINTS] for joints in SUPPORTS.values()])

_FOREARM_MASK = np.array(
    [[joint in {f"{side}_{name}" for name in ARM_JOINTS[1:]} for joint in JOINTS] for side in "lr"]
)


def pose_bodies(postures: Postures, proportions: np.ndarray | None = None) -> Bodies:
    """Put N bodies in their postures and set them on the floor.

    Parameters
    ----------
    postures : Postures
        N postures.
    proportions : (N, P) array, optional
        As from `sample_proportions`; average bodies if not given.
    """
    if proportions is None:
        proportions = average_proportions(len(postures))
    joints, frames = bend(np.deg2rad(postures.angles), proportions)
    radius = RADIUS * proportions[:, :1]
    joints, frames = _level(joints, frames, radius, postures.support)
    # An arm that is still to take hold of something does not decide where the floor is.
    joints = _settle(joints, np.where(_reaching(postures.reach), -np.inf, radius))
    for side in (0, 1):
        joints = _reach(joints, frames, radius, side, postures.reach[:, side], proportions[:, 0])
    joints = _settle(joints, radius)
    front = {name: frames[name][:, :, 2] for name in ("head", "chest", "pelvis")}
    return Bodies(joints, radius, front["head"], front["chest"], front["pelvis"])


def _level(joints: np.ndarray, frames: dict, radius: np.ndarray, support: np.ndarray) -> tuple[np.ndarray, dict]:
    """Tilt each body with two supports, in the plane through them, until both are equally low."""
    rows = np.flatnonzero((support >= 0).all(axis=1))
    if len(rows) == 0:
        return joints, frames
    masks = _SUPPORT_MASK[support[rows]]  # (R, 2, J)
    turned, total = joints[rows], np.tile(np.eye(3), (len(rows), 1, 1))
    for _ in range(4):  # the lowest point of a part may change on the way
        height = np.where(masks, (turned[:, :, 1] - radius[rows])[:, None], np.inf)
        lowest = height.min(axis=2)  # (R, 2)
        # Points within a few centimetres share the weight: two feet side by side must not make the body roll.
        weight = np.exp((lowest[:, :, None] - height) / 0.02)
        ends = (weight @ turned) / weight.sum(axis=2, keepdims=True)
        drop = lowest[:, 1] - lowest[:, 0]
        across = (ends[:, 1] - ends[:, 0]) * (1.0, 0.0, 1.0)
        reach = np.linalg.norm(across, axis=1)
        axis = np.stack([-across[:, 2], 0 * drop, across[:, 0]], axis=1) / np.maximum(reach, 1e-6)[:, None]
        # Supports right above each other cannot be levelled; 0.1 m keeps such a body from tumbling.
        step = _turn_about(-axis, np.arctan2(drop, np.maximum(reach, 0.1)))
        turned, total = turned @ np.swapaxes(step, 1, 2), step @ total
    joints = joints.copy()
    joints[rows] = turned
    frames = {name: frame.copy() for name, frame in frames.items()}
    for frame in frames.values():
        frame[rows] = total @ frame[rows]
    return joints, frames


def _turn_about(axis: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """Return (N, 3, 3) rotations about unit axes (N, 3) (Rodrigues)."""
    x, y, z = axis.T
    zero = np.zeros_like(x)
    cross = np.array([[zero, -z, y], [z, zero, -x], [-y, x, zero]]).transpose(2, 0, 1)
    sine, versine = np.sin(angle)[:, None, None], (1 - np.cos(angle))[:, None, None]
    return np.eye(3) + sine * cross + versine * (cross @ cross)


def _settle(joints: np.ndarray, radius: np.ndarray) -> np.ndarray:
    """Move each body up or down until its lowest point touches the floor, and stand its pelvis over the origin."""
    joints = joints - joints[:, :1] * (1.0, 0.0, 1.0)
    joints[:, :, 1] -= (joints[:, :, 1] - radius).min(axis=1, keepdims=True)
    return joints


def _reaching(reach: np.ndarray) -> np.ndarray:
    """Return (N, J): the elbows, wrists and hands of the arms that have a target."""
    return (reach >= 0) @ _FOREARM_MASK


def _reach(joints: np.ndarray, frames: dict, radius: np.ndarray, side: int, target: np.ndarray, height: np.ndarray):
    """Bring one hand of each body to its target: two-bone inverse kinematics, the elbow on the side where it was."""
    rows = np.flatnonzero(target >= 0)
    if len(rows) == 0:
        return joints
    arm = [JOINT[f"{'lr'[side]}_{name}"] for name in ARM_JOINTS]
    shoulder, elbow, wrist, hand = joints[rows][:, arm].transpose(1, 0, 2)
    upper, lower, palm = (np.linalg.norm(b - a, axis=1) for a, b in ((shoulder, elbow), (elbow, wrist), (wrist, hand)))
    frames = {name: frame[rows] for name, frame in frames.items()}
    goal, fingers = _grip(joints[rows], frames, radius[rows], arm, target[rows], palm, height[rows])
    bone = frames[f"{'lr'[side]}_arm"]
    span = np.linalg.norm(goal - shoulder, axis=1)
    line = _unit(goal - shoulder, -bone[:, :, 1])
    span = span.clip(np.abs(upper - lower) + 1e-3, (upper + lower) * 0.999)
    # A straight arm bends the way its elbow points, to the back of the upper arm.
    side_way = elbow - shoulder - 0.1 * bone[:, :, 2]
    side_way = _unit(side_way - (side_way * line).sum(1, keepdims=True) * line, bone[:, :, 0])
    cosine = (upper**2 + span**2 - lower**2) / (2 * upper * span)
    sine = np.sqrt(np.maximum(1 - cosine**2, 0))
    middle = shoulder[:, 1] + upper * cosine * line[:, 1]
    side_way = _elbow_above_floor(side_way, line, (radius[rows, arm[1]] - middle) / np.maximum(upper * sine, 1e-6))
    joints = joints.copy()
    joints[rows, arm[1]] = shoulder + upper[:, None] * (cosine[:, None] * line + sine[:, None] * side_way)
    joints[rows, arm[2]] = shoulder + span[:, None] * line
    fingers = _above_floor(fingers, (radius[rows, arm[3]] - joints[rows, arm[2], 1]) / palm)
    joints[rows, arm[3]] = joints[rows, arm[2]] + palm[:, None] * fingers
    return joints


def _unit(vectors: np.ndarray, fallback: np.ndarray) -> np.ndarray:
    """Return (N, 3) vectors at length one, the fallback where there is no length to speak of."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.where(length > 1e-6, vectors / np.maximum(length, 1e-6), fallback)


def _above_floor(direction: np.ndarray, least: np.ndarray) -> np.ndarray:
    """Return unit vectors (N, 3) bent up where they are steeper down than `least` (N,), the lowest y allowed."""
    y = np.maximum(direction[:, 1], least.clip(-1, 1))
    flat = np.sqrt(1 - y**2)[:, None] * _unit(direction[:, ::2], np.array([0.0, 1.0]))
    return np.stack([flat[:, 0], y, flat[:, 1]], axis=1)


def _elbow_above_floor(side_way: np.ndarray, line: np.ndarray, least: np.ndarray) -> np.ndarray:
    """Turn unit vectors across `line` about it, as little as lifts their y to `least`, or as far as that can be."""
    steepest = _unit(np.array([0.0, 1.0, 0.0]) - line[:, 1:2] * line, side_way)
    up = (side_way * steepest).sum(axis=1, keepdims=True)
    across = _unit(side_way - up * steepest, np.cross(line, steepest))
    up = np.maximum(up, (least / np.maximum(steepest[:, 1], 1e-6))[:, None]).clip(-1, 1)
    return up * steepest + np.sqrt(1 - up**2) * across


def _grip(joints, frames, radius, arm, target, palm, height) -> tuple[np.ndarray, np.ndarray]:
    """Return where the wrist goes (N, 3) and where the fingers point (N, 3) to hold each target."""
    row = np.arange(len(joints))
    base = {"chest": JOINT["chest"], "spine": JOINT["spine"], "pelvis": JOINT["pelvis"]}
    spots = [
        joints[:, base[frame]] + along(frames[frame], *(np.array(offset)[:, None] * height))
        for frame, offset in SPOTS.values()
    ]
    finger = joints[:, arm[3]]
    floor = finger * (1.0, 0.0, 1.0)
    places = np.concatenate([joints, np.stack([*spots, floor], axis=1)], axis=1)
    place = places[row, target]
    way = _unit(place - joints[:, arm[0]], np.array([0.0, -1.0, 0.0]))
    on_floor = target == TARGET["floor"]
    flat = _unit((finger - joints[:, arm[2]]) * (1.0, 0.0, 1.0), np.array([0.0, 0.0, 1.0]))
    along_trunk = np.zeros(len(joints))
    is_spot = (target >= len(JOINTS)) & ~on_floor
    along_trunk[is_spot] = SPOT_FINGERS[target[is_spot] - len(JOINTS)]
    fingers = np.where(along_trunk[:, None] != 0, along_trunk[:, None] * frames["chest"][:, :, 1], way)
    fingers = np.where(on_floor[:, None], flat, fingers)
    # The palm, not the wrist or the finger tips, meets the target.
    wrist = place - 0.5 * palm[:, None] * fingers
    low = radius[:, arm[2]]
    wrist[:, 1] = np.where(on_floor, low, np.maximum(wrist[:, 1], low))
    return wrist, fingers
