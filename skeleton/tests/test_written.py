"""Written poses: cameras, errors, and an 83rd pose by yaml alone."""

import numpy as np
import pytest
import yaml
from skeleton import JOINTS, predict
from written import Spoil, landmarks_of, see, simulate, train_on_writing

from yogalib.synthetic.bodies import pose_bodies
from yogalib.synthetic.camera import Camera, look_at
from yogalib.synthetic.poses import POSES_FILE, load_poses, random_angles

CLEAN = Spoil(jitter=0, stiff=0, slack=0, across=0, depth=0, hidden=0, swapped=0, squash=(1, 1), around=0, spread=0)
NEW = {
    "base": "standing",
    "view": "front",
    "both": {"hip": {"abduction": 30}, "shoulder": {"flexion": 180, "abduction": 35}},
    "support": ["l_foot", "r_foot"],
}


def test_cameras_see_what_the_renderers_camera_sees():
    bodies = pose_bodies(random_angles(np.random.default_rng(0), 4))
    azimuth, elevation, roll, distance = np.array([[0.3], [0.2], [0.05], [4.0]]).repeat(4, 1)
    picture, world = see(bodies.joints, azimuth, elevation, roll, distance)
    for row in range(4):
        camera = Camera(*np.rad2deg([0.3, 0.2, 0.05]), 4.0, 0.9, 0.0, 0.0)
        seen = look_at(bodies.joints[row], bodies.radius[row], camera, 200, 200)
        scale = seen.scale / 4.0
        np.testing.assert_allclose(scale * picture[row] + seen.shift, seen.xy, atol=1e-6)
        np.testing.assert_allclose(world[row, :, 2], seen.depth - 4.0, atol=1e-9)


def test_left_of_a_body_seen_from_the_front_is_at_the_right_of_the_picture():
    poses = {"tree": load_poses()["Tree_Pose_or_Vrksasana_"]}
    bodies = pose_bodies(poses["tree"].postures)
    zero = np.zeros(len(bodies.joints))
    picture, world = see(landmarks_of(bodies), zero, zero, zero, zero + 4)
    left, right, head = (JOINTS.index(name) for name in ("l_shoulder", "r_shoulder", "head"))
    assert (picture[:, left, 0] > picture[:, right, 0]).all() and (picture[:, head, 1] < picture[:, left, 1]).all()
    assert (world[:, JOINTS.index("nose"), 2] < world[:, head, 2]).all(), "the nose is nearer than the ears"


def test_swaps_exchange_whole_limbs_in_both_views():
    poses = dict(list(load_poses().items())[:3])
    clean = simulate(poses, 40, np.random.default_rng(0), CLEAN)
    picture, world, numbers = simulate(poses, 40, np.random.default_rng(0), Spoil(**{**vars(CLEAN), "swapped": 1.0}))
    assert picture.shape == (120, 20, 2) and world.shape == (120, 20, 3) and numbers.tolist() == clean[2].tolist()
    np.testing.assert_allclose(np.sort(world, axis=1), np.sort(clean[1], axis=1), atol=1e-9)


@pytest.mark.parametrize("seed", [0])
def test_an_83rd_pose_is_found_by_yaml_alone(tmp_path, seed):
    written = yaml.safe_load(POSES_FILE.read_text(encoding="utf-8"))
    chosen = ["Tree_Pose_or_Vrksasana_", "Warrior_II_Pose_or_Virabhadrasana_II_", "Chair_Pose_or_Utkatasana_"]
    path = tmp_path / "poses.yaml"
    path.write_text(yaml.safe_dump({**{name: written[name] for name in chosen}, "Star": NEW}), encoding="utf-8")
    poses = load_poses(path)
    model = train_on_writing(poses, each=150, rounds=1, epochs=6, seed=seed)
    picture, world, numbers = simulate(poses, 25, np.random.default_rng(9))
    right = predict([model], picture, world).argmax(1) == numbers
    assert right[numbers == 3].mean() > 0.9 and right.mean() > 0.9
