"""What differs from a pose as written, on drawn bodies whose bend is known."""

import numpy as np
import pytest

from yogalib.models.posture import PARTS, angles_of, compare
from yogalib.models.skeleton import JOINTS, mirror
from yogalib.models.written import Spoil, found_on, landmarks_on, see
from yogalib.synthetic.bodies import pose_bodies
from yogalib.synthetic.poses import load_poses
from yogalib.synthetic.skeleton import ANGLE, with_angles

POSES = load_poses()
WARRIOR, TREE = (
    next(pose for name, pose in POSES.items() if name.startswith(start)) for start in ("Warrior_II_", "Tree")
)


def body(pose, variant: str = "plain", azimuth: float | None = None, **changes: float) -> np.ndarray:
    """World joints (20, 3) of an average body in a pose, some of whose angles are changed by so many degrees, seen from its best side."""
    postures = pose.postures.take(np.array([pose.names.index(variant)]))
    angles = postures.angles.copy()
    for name, degrees in changes.items():
        angles[0, ANGLE[name]] += degrees
    joints = landmarks_on(pose_bodies(with_angles(postures, angles)))
    azimuth = postures.view.mean() if azimuth is None else azimuth
    return see(joints, *(np.array([value]) for value in (np.deg2rad(azimuth), 0.1, 0.0, 5.0)))[1][0]


def front_knee(pose) -> str:
    """The knee that is bent in the pose as written, and the other."""
    left, right = (pose.postures.angles[0, ANGLE[f"{side}_knee_flexion"]] for side in "lr")
    return ("l", "r") if left > right else ("r", "l")


@pytest.mark.parametrize("azimuth", [None, -30, 25])
def test_knee_that_is_bent_too_little_is_named_with_its_side_and_degrees(azimuth):
    bent, straight = front_knee(WARRIOR)
    words = compare(body(WARRIOR, azimuth=azimuth, **{f"{bent}_knee_flexion": -40}), WARRIOR).words()
    side = {"l": "left", "r": "right"}
    told = [line for line in words if line.startswith(f"{side[bent]} knee")]
    assert told and told[0].endswith("degrees straighter")
    assert 25 <= int(told[0].split()[2]) <= 50
    assert not any(line.startswith(f"{side[straight]} knee") for line in words)


def test_mirrored_body_is_told_of_its_own_other_knee():
    bent, _ = front_knee(WARRIOR)
    world = body(WARRIOR, **{f"{bent}_knee_flexion": -40})
    plain, turned = compare(world, WARRIOR), compare(mirror(world[None])[0], WARRIOR)
    assert (plain.mirrored, turned.mirrored) == (False, True)
    swap = {"left": "right", "right": "left"}
    assert turned.words() == [" ".join(swap.get(word, word) for word in line.split()) for line in plain.words()]


def test_elbow_and_arm_are_told_apart():
    (bent,) = compare(body(WARRIOR, l_elbow_flexion=70), WARRIOR).words()
    assert bent.startswith("left elbow") and bent.endswith("more bent")
    (lowered,) = compare(body(WARRIOR, l_shoulder_abduction=-60), WARRIOR).words()
    assert lowered.startswith("left arm") and lowered.endswith("closer to the body")
    assert compare(body(WARRIOR, l_elbow_flexion=-5), WARRIOR).words() == []


@pytest.mark.parametrize("pose", [WARRIOR, TREE], ids=["warrior", "tree"])
def test_each_variant_is_held_against_itself_and_nothing_differs(pose):
    for variant in pose.names:
        found = compare(body(pose, variant), pose)
        twins = pose.postures.angles[[pose.names.index(variant), pose.names.index(found.variant)]]
        assert found.variant == variant or abs(np.diff(twins, axis=0)).max() < 45, (
            f"{variant} was taken for {found.variant}"
        )
        assert not found.words()


def test_body_as_written_is_seldom_told_that_anything_differs():
    """The finder's own errors, as they are simulated, make a word of one part in five at most."""
    bodies = WARRIOR.postures.take(np.zeros(60, int))
    found = found_on(bodies, np.random.default_rng(5), Spoil(jitter=0, swapped=0))[1]
    said = [len(compare(world, WARRIOR).words(most=len(PARTS))) for world in found]
    assert np.mean(said) <= 0.22 * len(PARTS)


def test_angles_are_those_of_a_body_drawn_by_hand():
    at = dict.fromkeys(JOINTS, (0.0, 0.0, 0.0))
    at |= {"l_hip": (0.1, 0, 0), "r_hip": (-0.1, 0, 0), "l_shoulder": (0.1, -0.5, 0), "r_shoulder": (-0.1, -0.5, 0)}
    at |= {"l_knee": (0.1, 0.4, 0), "l_ankle": (0.1, 0.8, 0), "r_knee": (-0.1, 0, -0.4), "r_ankle": (-0.1, 0.4, -0.4)}
    at |= {"l_elbow": (0.1, -0.8, 0), "l_wrist": (0.1, -1.1, 0), "r_elbow": (-0.4, -0.5, 0), "r_wrist": (-0.4, -0.2, 0)}
    (angles,) = angles_of(np.array([[at[name] for name in JOINTS]]))
    assert dict(zip(PARTS, angles.round(3).tolist(), strict=True)) == {
        "left knee": 180, "right knee": 90, "left elbow": 180, "right elbow": 90, "left hip": 180, "right hip": 90,
        "left arm": 180, "right arm": 90, "legs": 90, "trunk": 0,
    }  # fmt: skip
