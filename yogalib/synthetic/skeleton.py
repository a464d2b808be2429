"""Forward kinematics of a 3-D human skeleton, for many bodies at once.

World: metres, y up, floor at y = 0. A standing body looks along +z and has its left at +x.

Angles are degrees, zero in the neutral stance: upright, arms hanging, palms to the thighs. A hip or a shoulder is read in
this order, which leaves nothing open behind the back or overhead:

1. flexion swings the straight limb in the sagittal plane: 0 down, 90 forward, 180 overhead, negative behind;
2. abduction lifts it out of that plane: 90 is straight to the side, whatever the flexion; negative is across the body;
3. rotation turns it about its own length, positive outward (external): it says where a bent knee or elbow points.

The trunk works alike: flexion forward, side to the left, rotation to the left. Of the whole body, pitch tips forward
(90 prone, -90 supine, 180 upside down), roll tips to the left, yaw turns to the left, roll first, then pitch, then yaw.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

SPINE_JOINTS = ("pelvis", "spine", "chest", "neck", "head", "crown")
ARM_JOINTS = ("shoulder", "elbow", "wrist", "hand")
LEG_JOINTS = ("hip", "knee", "ankle", "toe", "heel")
JOINTS = (
    *SPINE_JOINTS,
    *(f"{side}_{joint}" for joints in (ARM_JOINTS, LEG_JOINTS) for side in "lr" for joint in joints),
)
JOINT = {name: index for index, name in enumerate(JOINTS)}
PARENTS = {
    "spine": "pelvis", "chest": "spine", "neck": "chest", "head": "neck", "crown": "head",
    **{f"{side}_{joint}": parent.replace("*", side) for side in "lr" for joint, parent in (
        ("shoulder", "chest"), ("elbow", "*_shoulder"), ("wrist", "*_elbow"), ("hand", "*_wrist"),
        ("hip", "pelvis"), ("knee", "*_hip"), ("ankle", "*_knee"), ("toe", "*_ankle"), ("heel", "*_ankle"))},
}  # fmt: skip

# Half the thickness of the body at each joint, as a share of the height: what keeps flesh, not bones, on the floor.
_RADIUS = {
    "pelvis": 0.055, "spine": 0.055, "chest": 0.050, "neck": 0.035, "head": 0.055, "crown": 0.010,
    "shoulder": 0.035, "elbow": 0.022, "wrist": 0.017, "hand": 0.010,
    "hip": 0.050, "knee": 0.030, "ankle": 0.022, "toe": 0.012, "heel": 0.014,
}  # fmt: skip
RADIUS = np.array([_RADIUS[name.split("_")[-1]] for name in JOINTS])

TRUNK_LIMITS = {
    "pitch": (-180, 180), "roll": (-180, 180), "yaw": (-180, 180),
    "lumbar_flexion": (-55, 60), "lumbar_side": (-35, 35), "lumbar_rotation": (-40, 40),
    "thoracic_flexion": (-55, 60), "thoracic_side": (-40, 40), "thoracic_rotation": (-55, 55),
    "neck_flexion": (-85, 80), "neck_side": (-50, 50), "neck_rotation": (-90, 90),
}  # fmt: skip
LIMB_LIMITS = {
    "hip_flexion": (-70, 170), "hip_abduction": (-60, 105), "hip_rotation": (-70, 110),
    "knee_flexion": (0, 165), "ankle_plantarflexion": (-45, 90),
    "shoulder_flexion": (-100, 230), "shoulder_abduction": (-70, 180), "shoulder_rotation": (-110, 120),
    "elbow_flexion": (0, 155), "forearm_pronation": (-100, 100), "wrist_extension": (-90, 105),
}  # fmt: skip
# What a practised yogi's joints allow, in degrees.
LIMITS = {**TRUNK_LIMITS, **{f"{side}_{name}": limit for side in "lr" for name, limit in LIMB_LIMITS.items()}}
ANGLES = tuple(LIMITS)
ANGLE = {name: index for index, name in enumerate(ANGLES)}

# Body proportions: metres, then ratios to the average body.
PROPORTIONS = {"height": 1.70, "torso": 1.0, "arms": 1.0, "legs": 1.0, "head": 1.0, "shoulders": 1.0, "hips": 1.0}
PROPORTION_SPREAD = np.array([0.09, 0.03, 0.03, 0.03, 0.05, 0.06, 0.06])

# Points a hand may reach for besides the joints: frame, then offset (left, up, front) as a share of the height.
SPOTS = {
    "heart": ("chest", (0.0, -0.09, 0.14)),
    "overhead": ("chest", (0.0, 0.40, 0.0)),
    "back": ("chest", (0.0, -0.11, -0.075)),
    "l_waist": ("spine", (0.06, -0.03, -0.055)),
    "r_waist": ("spine", (-0.06, -0.03, -0.055)),
    "lap": ("pelvis", (0.0, 0.03, 0.10)),
    "sacrum": ("pelvis", (0.0, 0.04, -0.085)),
}
# A hand that rests on a spot points along the trunk (up or down) or along its own forearm (0).
SPOT_FINGERS = np.array([1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0])
TARGETS = (*JOINTS, *SPOTS, "floor")
TARGET = {name: index for index, name in enumerate(TARGETS)}

# Parts of the body that may bear it together.
SUPPORTS = {
    "feet": ("l_toe", "l_heel", "r_toe", "r_heel"),
    "l_foot": ("l_toe", "l_heel"),
    "r_foot": ("r_toe", "r_heel"),
    "hands": ("l_hand", "l_wrist", "r_hand", "r_wrist"),
    "l_hand": ("l_hand", "l_wrist"),
    "r_hand": ("r_hand", "r_wrist"),
    "forearms": ("l_elbow", "l_wrist", "l_hand", "r_elbow", "r_wrist", "r_hand"),
    "elbows": ("l_elbow", "r_elbow"),
    "knees": ("l_knee", "r_knee"),
    "l_knee": ("l_knee",),
    "r_knee": ("r_knee",),
    "seat": ("pelvis", "l_hip", "r_hip"),
    "shoulders": ("chest", "l_shoulder", "r_shoulder"),
    "head": ("head", "crown"),
}
SUPPORT = {name: index for index, name in enumerate(SUPPORTS)}


@dataclass(frozen=True)
class Postures:
    """What N bodies do, without saying whose bodies they are.

    angles : (N, A) float array, degrees, in the order of `ANGLES`.
    reach : (N, 2) int array, what the left and the right hand take hold of, an index into `TARGETS`, -1 for nothing.
    support : (N, 2) int array, two parts that both bear on the floor, indices into `SUPPORTS`, -1 for none.
    view : (N, 2) float array, the range of camera azimuths in degrees that a photographer would choose: 0 at +z, in
        front of a standing body; 90 at +x, at its left.
    """

    angles: np.ndarray
    reach: np.ndarray
    support: np.ndarray
    view: np.ndarray

    def __len__(self) -> int:
        """Return the number of bodies."""
        return len(self.angles)

    def take(self, rows: np.ndarray) -> Postures:
        """Return the given rows."""
        return Postures(self.angles[rows], self.reach[rows], self.support[rows], self.view[rows])


@dataclass(frozen=True)
class Bodies:
    """N bodies in space.

    joints : (N, J, 3), metres, in the order of `JOINTS`. radius : (N, J), half the body's thickness there, metres.
    face, chest_front, pelvis_front : (N, 3) unit vectors, where the nose, the sternum and the navel point.
    """

    joints: np.ndarray
    radius: np.ndarray
    face: np.ndarray
    chest_front: np.ndarray
    pelvis_front: np.ndarray


def average_proportions(n: int) -> np.ndarray:
    """Return (n, P) average proportions, in the order of `PROPORTIONS`."""
    return np.tile(list(PROPORTIONS.values()), (n, 1))


def sample_proportions(rng: np.random.Generator, n: int) -> np.ndarray:
    """Draw (n, P) plausible proportions, within two standard deviations of the average."""
    return average_proportions(n) + PROPORTION_SPREAD * rng.standard_normal((n, len(PROPORTIONS))).clip(-2, 2)


def mirror(postures: Postures) -> Postures:
    """Swap left and right."""
    sign = np.array(
        [-1.0 if name.endswith(("side", "roll", "yaw")) or name in _TRUNK_TURNS else 1.0 for name in ANGLES]
    )
    order = [ANGLE[_other(name)] for name in ANGLES]
    targets = np.array([TARGET[_other(name)] for name in TARGETS] + [-1])
    supports = np.array([SUPPORT[_other(name)] for name in SUPPORTS] + [-1])
    return Postures(
        postures.angles[:, order] * sign,
        targets[postures.reach[:, ::-1]],
        supports[postures.support],
        -postures.view[:, ::-1],
    )


_TRUNK_TURNS = ("lumbar_rotation", "thoracic_rotation", "neck_rotation")


def _other(name: str) -> str:
    """Return the name of the same thing on the other side."""
    return {"l_": "r_", "r_": "l_"}.get(name[:2], name[:2]) + name[2:]


def _turn(axis: int, angle: np.ndarray) -> np.ndarray:
    """Return (N, 3, 3) rotations by `angle` radians about a coordinate axis."""
    i, j = (axis + 1) % 3, (axis + 2) % 3
    turns = np.zeros((len(angle), 3, 3))
    turns[:, axis, axis] = 1.0
    turns[:, i, i] = turns[:, j, j] = np.cos(angle)
    turns[:, j, i] = np.sin(angle)
    turns[:, i, j] = -turns[:, j, i]
    return turns


def _tilt(x: np.ndarray, z: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return (N, 3, 3) rotations about y, then z, then x: twist, then sideways, then forward or back."""
    return _turn(0, x) @ _turn(2, z) @ _turn(1, y)


def along(frame: np.ndarray, x: float | np.ndarray, y: float | np.ndarray, z: float | np.ndarray) -> np.ndarray:
    """Return (N, 3): the offset (x left, y up, z front) of `frame` in world axes."""
    offset = np.stack(np.broadcast_arrays(x, y, z, frame[:, 0, 0])[:3], axis=1)
    return (frame @ offset[:, :, None])[:, :, 0]


def bend(radians: np.ndarray, proportions: np.ndarray) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return joints (N, J, 3) about a pelvis at the origin, and the frames (N, 3, 3) of the trunk and upper arms."""
    angle = {name: radians[:, index] for name, index in ANGLE.items()}
    size = dict(zip(PROPORTIONS, proportions.T, strict=True))
    points, frames = _bend_trunk(angle, size)
    for side, sign in (("l", 1.0), ("r", -1.0)):
        limb = {name: angle[f"{side}_{name}"] for name in LIMB_LIMITS}
        arm, frames[f"{side}_arm"] = _bend_arm(limb, sign, points["chest"], frames["chest"], size)
        leg = _bend_leg(limb, sign, points["pelvis"], frames["pelvis"], size)
        points |= {f"{side}_{name}": point for name, point in (arm | leg).items()}
    return np.stack([points[name] for name in JOINTS], axis=1), frames


def _bend_trunk(angle: dict, size: dict) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return the points from pelvis to crown and the frames of pelvis, spine, chest and head."""

    def fold(part: str, share: float = 1.0) -> np.ndarray:
        flexion, side, rotation = (share * angle[f"{part}_{name}"] for name in ("flexion", "side", "rotation"))
        return _tilt(flexion, -side, rotation)

    pelvis = _turn(1, angle["yaw"]) @ _turn(0, angle["pitch"]) @ _turn(2, -angle["roll"])
    spine = pelvis @ fold("lumbar")
    chest = spine @ fold("thoracic")
    neck = chest @ fold("neck", 0.5)  # the neck bends along its length: half at its root, half under the skull
    head = neck @ fold("neck", 0.5)
    torso, skull = size["height"] * size["torso"], size["height"] * size["head"]
    points = {"pelvis": np.zeros((len(pelvis), 3))}
    steps = (("spine", spine, 0.125 * torso), ("chest", chest, 0.14 * torso), ("neck", neck, 0.045 * torso),
             ("head", head, 0.065 * skull), ("crown", head, 0.065 * skull))  # fmt: skip
    parent = "pelvis"
    for name, frame, length in steps:
        points[name] = points[parent] + along(frame, 0.0, length, 0.0)
        parent = name
    return points, {"pelvis": pelvis, "spine": spine, "chest": chest, "head": head}


def _bend_arm(limb: dict, sign: float, chest: np.ndarray, frame: np.ndarray, size: dict) -> tuple[dict, np.ndarray]:
    """Return the points from shoulder to finger tip and the frame of the upper arm."""
    length = size["height"] * size["arms"]
    flexion, abduction = limb["shoulder_flexion"], sign * limb["shoulder_abduction"]
    upper = frame @ _tilt(-flexion, abduction, sign * limb["shoulder_rotation"])
    lower = upper @ _turn(0, -limb["elbow_flexion"])
    hand = lower @ _turn(1, -sign * limb["forearm_pronation"]) @ _turn(2, sign * limb["wrist_extension"])
    # The collar bone follows the arm: a raised arm lifts the shoulder, an arm in front or across draws it forward.
    raised = along(np.swapaxes(frame, 1, 2) @ upper, 0.0, -1.0, 0.0)
    lift, draw = 0.35 * (raised[:, 1] + 1.0), 0.35 * raised[:, 2]
    collar = frame @ _turn(2, sign * lift) @ _turn(1, -sign * draw)
    shoulder = chest + along(collar, sign * 0.11 * size["height"] * size["shoulders"], -0.02 * size["height"], 0.0)
    elbow = shoulder + along(upper, 0.0, -0.186 * length, 0.0)
    wrist = elbow + along(lower, 0.0, -0.146 * length, 0.0)
    finger = wrist + along(hand, 0.0, -0.100 * length, 0.0)
    return {"shoulder": shoulder, "elbow": elbow, "wrist": wrist, "hand": finger}, upper


def _bend_leg(limb: dict, sign: float, pelvis: np.ndarray, frame: np.ndarray, size: dict) -> dict[str, np.ndarray]:
    """Return the points from hip to toe and heel."""
    length = size["height"] * size["legs"]
    upper = frame @ _tilt(-limb["hip_flexion"], sign * limb["hip_abduction"], sign * limb["hip_rotation"])
    lower = upper @ _turn(0, limb["knee_flexion"])
    foot = lower @ _turn(0, limb["ankle_plantarflexion"])
    hip = pelvis + along(frame, sign * 0.052 * size["height"] * size["hips"], -0.02 * size["height"], 0.0)
    knee = hip + along(upper, 0.0, -0.245 * length, 0.0)
    ankle = knee + along(lower, 0.0, -0.246 * length, 0.0)
    toe = ankle + along(foot, 0.0, -0.027 * size["height"], 0.115 * length)
    heel = ankle + along(foot, 0.0, -0.025 * size["height"], -0.032 * length)
    return {"hip": hip, "knee": knee, "ankle": ankle, "toe": toe, "heel": heel}


def with_angles(postures: Postures, angles: np.ndarray) -> Postures:
    """Return the postures with other angles, clipped to `LIMITS`."""
    low, high = np.array(list(LIMITS.values()), dtype=float).T
    return replace(postures, angles=angles.clip(low, high))
