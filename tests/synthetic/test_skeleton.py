"""The posed figures: bones, floor, left and right, and the 82 poses."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yogalib.synthetic.bodies import pose_bodies
from yogalib.synthetic.poses import load_poses, random_angles, sample_angles
from yogalib.synthetic.skeleton import (
    ANGLE,
    ANGLES,
    JOINT,
    JOINTS,
    LIMITS,
    PARENTS,
    SUPPORT,
    SUPPORTS,
    TARGET,
    TARGETS,
    Bodies,
    Postures,
    average_proportions,
    mirror,
    sample_proportions,
)

LINK_LISTS = Path(__file__).resolve().parents[3] / "shared" / "yoga82" / "yoga_dataset_links"
NOTHING = np.array([[-1, -1]])


def stand(**angles: float) -> Postures:
    """Return one neutral standing body but for the angles named."""
    values = np.zeros((1, len(ANGLES)))
    for name, value in angles.items():
        values[0, ANGLE[name]] = value
    return Postures(values, NOTHING, NOTHING, np.array([[-180.0, 180.0]]))


def place(bodies: Bodies, name: str) -> np.ndarray:
    return bodies.joints[0, JOINT[name]]


def bones(bodies: Bodies) -> np.ndarray:
    """Return (N, bones) lengths."""
    ends = np.array([(JOINT[child], JOINT[parent]) for child, parent in PARENTS.items()]).T
    return np.linalg.norm(bodies.joints[:, ends[0]] - bodies.joints[:, ends[1]], axis=2)


def all_plain() -> tuple[list[str], Postures]:
    """Return the 82 folders and their plain postures."""
    poses = load_poses()
    parts = [pose.postures.take(np.array([0])) for pose in poses.values()]
    names = ("angles", "reach", "support", "view")
    return list(poses), Postures(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


@st.composite
def any_posture(draw: st.DrawFn) -> Postures:
    angles = [draw(st.floats(low, high)) for low, high in LIMITS.values()]
    reach = [draw(st.integers(-1, len(TARGETS) - 1)) for _ in range(2)]
    support = [draw(st.integers(-1, len(SUPPORTS) - 1)) for _ in range(2)]
    return Postures(np.array([angles]), np.array([reach]), np.array([support]), np.array([[-30.0, 60.0]]))


@settings(max_examples=150, deadline=None)
@given(any_posture())
def test_no_posture_stretches_a_bone(posture):
    np.testing.assert_allclose(bones(pose_bodies(posture)), bones(pose_bodies(stand())), atol=1e-6)


@settings(max_examples=100, deadline=None)
@given(any_posture())
def test_every_posture_rests_on_the_floor_over_the_origin(posture):
    bodies = pose_bodies(posture)
    assert np.isfinite(bodies.joints).all()
    assert (bodies.joints[:, :, 1] - bodies.radius).min() == pytest.approx(0, abs=1e-6)
    np.testing.assert_allclose(place(bodies, "pelvis")[::2], 0, atol=1e-9)


@settings(max_examples=100, deadline=None)
@given(any_posture())
def test_fronts_are_unit_vectors(posture):
    bodies = pose_bodies(posture)
    for front in (bodies.face, bodies.chest_front, bodies.pelvis_front):
        assert np.linalg.norm(front) == pytest.approx(1)


def reflected(bodies: Bodies) -> np.ndarray:
    """Return the joints in a mirror, left and right renamed."""
    other = [JOINT[{"l_": "r_", "r_": "l_"}.get(name[:2], name[:2]) + name[2:]] for name in JOINTS]
    return bodies.joints[:, other] * (-1, 1, 1)


def test_mirrored_posture_makes_the_mirrored_body():
    _, postures = all_plain()
    np.testing.assert_allclose(pose_bodies(mirror(postures)).joints, reflected(pose_bodies(postures)), atol=1e-6)


def test_mirroring_twice_changes_nothing():
    _, postures = all_plain()
    twice = mirror(mirror(postures))
    for name in ("angles", "reach", "support", "view"):
        np.testing.assert_array_equal(getattr(twice, name), getattr(postures, name))


def test_neutral_body_stands_on_its_soles_facing_z_with_its_left_at_x():
    bodies = pose_bodies(stand())
    assert place(bodies, "crown")[1] == pytest.approx(1.70, abs=0.03)
    for name in ("l_toe", "r_toe", "l_heel", "r_heel"):
        assert place(bodies, name)[1] - bodies.radius[0, JOINT[name]] == pytest.approx(0, abs=1e-6)
    np.testing.assert_allclose(bodies.face[0], [0, 0, 1], atol=1e-9)
    assert place(bodies, "l_hip")[0] > 0 > place(bodies, "r_hip")[0]
    assert place(bodies, "l_toe")[2] > place(bodies, "l_heel")[2]


@pytest.mark.parametrize(
    ("angles", "joint", "anchor", "direction"),
    [
        ({"l_shoulder_flexion": 90}, "l_wrist", "l_shoulder", (0, 0, 1)),
        ({"l_shoulder_flexion": 180}, "l_wrist", "l_shoulder", (0, 1, 0)),
        ({"l_shoulder_abduction": 90}, "l_wrist", "l_shoulder", (1, 0, 0)),
        ({"r_shoulder_abduction": 90, "r_shoulder_flexion": 70}, "r_wrist", "r_shoulder", (-1, 0, 0)),
        ({"l_elbow_flexion": 90}, "l_wrist", "l_elbow", (0, 0, 1)),
        ({"l_elbow_flexion": 90, "l_shoulder_rotation": 90}, "l_wrist", "l_elbow", (1, 0, 0)),
        ({"r_elbow_flexion": 90, "r_shoulder_rotation": 90}, "r_wrist", "r_elbow", (-1, 0, 0)),
        ({"l_wrist_extension": 90, "l_forearm_pronation": 90}, "l_hand", "l_wrist", (0, 0, 1)),
        ({"l_hip_flexion": 90}, "l_knee", "l_hip", (0, 0, 1)),
        ({"r_hip_abduction": 90}, "r_knee", "r_hip", (-1, 0, 0)),
        ({"l_knee_flexion": 90}, "l_ankle", "l_knee", (0, 0, -1)),
        ({"l_hip_flexion": 90, "l_hip_rotation": 90, "l_knee_flexion": 90}, "l_ankle", "l_knee", (-1, 0, 0)),
        ({"pitch": 90}, "chest", "pelvis", (0, 0, 1)),
        ({"pitch": -90}, "chest", "pelvis", (0, 0, -1)),
        ({"roll": 90}, "chest", "pelvis", (1, 0, 0)),
        ({"lumbar_side": 30}, "chest", "spine", (0.5, 0.866, 0)),
    ],
)
def test_angles_mean_what_the_anatomy_book_says(angles, joint, anchor, direction):
    bodies = pose_bodies(stand(**angles))
    bone = place(bodies, joint) - place(bodies, anchor)
    np.testing.assert_allclose(bone / np.linalg.norm(bone), direction, atol=2e-3)


@pytest.mark.parametrize("angle", ["yaw", "thoracic_rotation"])
def test_turning_left_turns_the_chest_to_x(angle):
    bodies = pose_bodies(stand(**{angle: 40}))
    assert bodies.chest_front[0, 0] == pytest.approx(np.sin(np.deg2rad(40)))


def test_hands_in_reach_hold_what_they_are_told_to():
    posture = stand(pitch=80, l_hip_flexion=80, r_hip_flexion=80)
    posture = Postures(posture.angles, np.array([[TARGET["l_knee"], TARGET["r_knee"]]]), NOTHING, posture.view)
    bodies = pose_bodies(posture)
    palm = (place(bodies, "l_wrist") + place(bodies, "l_hand")) / 2
    np.testing.assert_allclose(palm, place(bodies, "l_knee"), atol=0.02)


def test_two_supports_come_down_to_one_level():
    posture = stand(pitch=50, l_shoulder_flexion=90, r_shoulder_flexion=90)
    posture = Postures(posture.angles, NOTHING, np.array([[SUPPORT["hands"], SUPPORT["feet"]]]), posture.view)
    bodies = pose_bodies(posture)
    height = bodies.joints[0, :, 1] - bodies.radius[0]
    assert min(height[JOINT[name]] for name in SUPPORTS["hands"]) == pytest.approx(0, abs=0.01)
    assert min(height[JOINT[name]] for name in SUPPORTS["feet"]) == pytest.approx(0, abs=0.01)


def test_a_body_is_the_same_alone_and_in_a_batch():
    _, postures = all_plain()
    together = pose_bodies(postures).joints
    alone = np.concatenate([pose_bodies(postures.take(np.array([row]))).joints for row in range(len(postures))])
    np.testing.assert_allclose(together, alone, atol=1e-9)


def test_taller_people_are_taller():
    proportions = average_proportions(1)
    proportions[:, 0] = 1.87
    crown = JOINT["crown"]
    assert pose_bodies(stand(), proportions).joints[0, crown, 1] == pytest.approx(
        1.1 * pose_bodies(stand()).joints[0, crown, 1]
    )


def test_poses_are_the_official_82():
    if not LINK_LISTS.is_dir():
        pytest.skip(f"the official link lists are not at {LINK_LISTS}")
    official = {path.read_text(encoding="utf-8").split("/", 1)[0] for path in LINK_LISTS.glob("*.txt")}
    assert set(load_poses()) == official


def test_there_are_82_poses_and_no_two_are_the_same():
    folders, postures = all_plain()
    assert len(folders) == 82
    assert len(np.unique(postures.angles, axis=0)) == 82


def test_poses_of_the_feet_have_the_feet_on_the_floor():
    folders, postures = all_plain()
    bodies = pose_bodies(postures)
    toes = bodies.joints[:, [JOINT["l_toe"], JOINT["r_toe"]], 1]
    for start in (
        "Chair",
        "Warrior_I_",
        "Warrior_II_",
        "Plank",
        "Downward",
        "Standing_Forward",
        "Garland",
        "Upward_Bow",
    ):
        row = next(row for row, folder in enumerate(folders) if folder.startswith(start))
        assert toes[row].max() < 0.06, folders[row]


def plain(start: str) -> Bodies:
    folders, postures = all_plain()
    return pose_bodies(
        postures.take(np.array([next(row for row, name in enumerate(folders) if name.startswith(start))]))
    )


def apart(bodies: Bodies, one: str, other: str) -> float:
    return float(np.linalg.norm(place(bodies, one) - place(bodies, other)))


def test_hands_meet_in_eagle_and_hold_the_toe_in_anantasana():
    assert apart(plain("Eagle"), "l_hand", "r_hand") < 0.1
    assert apart(plain("Side-Reclining"), "r_hand", "r_toe") < 0.05


def test_hips_rest_on_the_heels_and_head_and_knees_on_the_floor_in_child():
    child = plain("Child")
    assert apart(child, "l_hip", "l_heel") < 0.1
    clear = child.joints[0, :, 1] - child.radius[0]
    assert max(clear[JOINT[name]] for name in ("l_knee", "l_toe", "head")) < 0.03


def test_arms_go_through_the_lotus_in_cockerel():
    cockerel = plain("Cockerel")
    for side in "lr":  # hips, arms, shins, from the back to the front
        assert (
            place(cockerel, f"{side}_hip")[2]
            < place(cockerel, f"{side}_elbow")[2]
            < place(cockerel, f"{side}_ankle")[2]
        )


def pose_distance(bodies: Bodies) -> np.ndarray:
    """Return (N, N) mean distances between joints, each pair in the better of the two mirror images."""
    here, there = bodies.joints, reflected(bodies)
    straight = np.linalg.norm(here[:, None] - here[None], axis=3).mean(axis=2)
    crossed = np.linalg.norm(here[:, None] - there[None], axis=3).mean(axis=2)
    return np.minimum(straight, crossed)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Dolphin_Plank", "Four-Limbed"),
        ("Dolphin_Plank", "Plank"),
        ("Warrior_I_", "Low_Lunge"),
        ("Warrior_II_", "viparita"),
        ("Seated_Forward", "Head-to-Knee"),
        ("Standing_Forward", "Intense_Side"),
        ("Handstand", "Feathered"),
        ("Downward", "Dolphin_Pose"),
        ("Upward_Bow", "Upward_Facing"),
        ("Scale", "Cockerel"),
    ],
)
def test_near_twins_in_life_are_near_twins_here(one, other):
    folders, postures = all_plain()
    distance = pose_distance(pose_bodies(postures))
    row, column = (next(i for i, folder in enumerate(folders) if folder.startswith(start)) for start in (one, other))
    others = distance[row][np.arange(82) != row]
    # Among the nearest tenth of the other classes, and no closer than can be told apart.
    assert 0.005 < distance[row, column] < np.median(others) / 2
    assert (others < distance[row, column]).sum() < 12


def test_same_seed_gives_the_same_bodies():
    pose = next(iter(load_poses().values()))
    for draw in (lambda rng: sample_angles(pose, rng, 20), lambda rng: random_angles(rng, 20)):
        first, second = (draw(np.random.default_rng(7)) for _ in range(2))
        np.testing.assert_array_equal(first.angles, second.angles)
        np.testing.assert_array_equal(pose_bodies(first).joints, pose_bodies(second).joints)


def test_samples_stay_within_the_joints_limits_and_near_their_pose():
    rng = np.random.default_rng(0)
    low, high = np.array(list(LIMITS.values())).T
    for pose in load_poses().values():
        sample = sample_angles(pose, rng, 30, jitter=3.0)
        assert ((sample.angles >= low) & (sample.angles <= high)).all()
        both = np.concatenate([pose.postures.angles, mirror(pose.postures).angles])
        assert np.abs(sample.angles[:, None] - both[None]).mean(axis=2).min(axis=1).max() < 6


def test_random_bodies_spread_wider_than_the_poses():
    rng = np.random.default_rng(0)
    sample = random_angles(rng, 1000)
    low, high = np.array(list(LIMITS.values())).T
    assert ((sample.angles >= low) & (sample.angles <= high)).all()
    _, postures = all_plain()
    assert sample.angles.std(axis=0).mean() > postures.angles.std(axis=0).mean()
    bodies = pose_bodies(sample, sample_proportions(rng, 1000))
    assert np.isfinite(bodies.joints).all()


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("base: flying\n  view: front", "Tree: unknown base flying"),
        ("base: standing\n  view: front\n  left: {knees: 30}", "unknown angle knees"),
        ("base: standing\n  view: front\n  both: {knee: 200}", "beyond the joint's limits: l_knee_flexion"),
        ("base: standing\n  view: front\n  reach: {hands: moon}", "unknown target moon"),
        ("base: standing\n  view: front\n  suport: [feet, hands]", "unknown key suport"),
    ],
)
def test_mistakes_in_the_pose_file_are_named(tmp_path, entry, message):
    path = tmp_path / "poses.yaml"
    path.write_text(f"Tree:\n  {entry}\n", encoding="utf-8")
    with pytest.raises(ValueError, match=message.replace("Tree:", r"Tree \(plain\):")):
        load_poses(path)
