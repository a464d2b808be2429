"""The drawn world: looks like a download of Yoga-82, and is the same for one seed."""

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from yogalib.dataset.index import build_index
from yogalib.dataset.lists import read_split_lists
from yogalib.errors import BadInput
from yogalib.synthetic.look import STYLES
from yogalib.synthetic.poses import load_poses, random_angles, sample_angles
from yogalib.synthetic.render import LABEL
from yogalib.synthetic.scene import draw_picture
from yogalib.synthetic.skeleton import pose_bodies
from yogalib.synthetic.world import FEWEST, PLANTED, class_sizes, write_world
from yogalib.taxonomy import load_taxonomy

FOUR = [
    "Tree_Pose_or_Vrksasana_",
    "Cobra_Pose_or_Bhujangasana_",
    "Sitting_pose_1_normal",
    "Bharadvaja's_Twist_pose_or_Bharadvajasana_I_",
]


def digest(folder: Path) -> str:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return hashlib.sha256(b"".join(path.name.encode() + path.read_bytes() for path in files)).hexdigest()


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("worlds") / "first"
    write_world(folder, images=240, seed=1, classes=FOUR)
    return folder


def test_same_seed_gives_the_same_bytes_and_another_seed_others(world, tmp_path):
    write_world(tmp_path / "again", images=240, seed=1, classes=FOUR)
    write_world(tmp_path / "other", images=240, seed=2, classes=FOUR)
    assert digest(tmp_path / "again") == digest(world) != digest(tmp_path / "other")


def test_it_reads_like_a_download(world):
    index = build_index(world, minimum_side=64)
    assert (index["status"] == "kept").all()
    assert set(index["path"].str.partition("/")[0]) == set(FOUR)
    lists = read_split_lists(world)
    assert set(lists["path"]) == set(index["path"])
    assert set(index["split"]) == {"train", "test"}
    assert 0.2 < (index["split"] == "test").mean() < 0.32


def test_class_sizes_follow_appendix_a():
    sizes = class_sizes(3000, list(range(82)))
    taxonomy = load_taxonomy()
    assert abs(sum(sizes.values()) - 3000) < 60
    assert min(sizes.values()) == FEWEST
    assert taxonomy["sanskrit"][max(sizes, key=sizes.get)] == "Bhujangasana"


def test_planted_copies_are_near_their_originals(world, tmp_path):
    planted = pd.read_csv(world / PLANTED)
    index = build_index(world, 64).set_index("path")
    assert len(planted) >= 3
    for copy in planted.itertuples():
        bits = int(index["phash"][copy.path], 16) ^ int(index["phash"][copy.original], 16)
        assert bits.bit_count() <= (0 if copy.kind == "exact" else 16), copy
        assert (index["sha256"][copy.path] == index["sha256"][copy.original]) == (copy.kind == "exact")


def test_folder_that_is_there_and_class_that_is_none_are_refused(world, tmp_path):
    with pytest.raises(BadInput, match="is there already"):
        write_world(world, 100, 0)
    with pytest.raises(BadInput, match="unknown class Tree"):
        write_world(tmp_path / "x", 100, 0, classes=["Tree"])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("style", STYLES)
def test_every_pose_can_be_drawn_in_every_style(style):
    rng = np.random.default_rng(3)
    for pose in load_poses().values():
        postures = sample_angles(pose, rng, 1)
        picture = draw_picture(pose_bodies(postures), 0, postures.view[0], rng, (72, 56), style, with_parts=True)
        assert picture.pixels.shape == (56, 72, 3)
        assert picture.pixels.dtype == np.uint8
        assert np.isfinite(picture.joints).all()
        assert picture.pixels.std() > 2, "nothing to see"


def test_parts_lie_where_their_joints_are():
    rng = np.random.default_rng(0)
    pose = load_poses()["Warrior_II_Pose_or_Virabhadrasana_II_"]
    postures = pose.postures.take(np.array([0]))
    found = 0
    for _ in range(20):
        picture = draw_picture(pose_bodies(postures), 0, postures.view[0], rng, (96, 96), with_parts=True)
        assert set(np.unique(picture.parts)) <= {0, *LABEL.values()}
        assert 0.02 < (picture.parts > 0).mean() < 0.7
        x, y = (picture.joints[0, :2] * 96).astype(int)  # the pelvis
        if 0 <= x < 96 and 0 <= y < 96:
            found += picture.parts[y, x] > 0
    assert found >= 18


def test_random_bodies_are_drawn_too():
    rng = np.random.default_rng(5)
    postures = random_angles(rng, 30)
    bodies = pose_bodies(postures)
    pictures = [draw_picture(bodies, row, postures.view[row], rng, (64, 64)).pixels for row in range(30)]
    assert np.stack(pictures).shape == (30, 64, 64, 3)
