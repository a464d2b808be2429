"""The drawn world: looks like a download of Yoga-82, and is the same for one seed."""

import hashlib
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from conftest import ROOT
from PIL import Image

from yogalib.dataset.index import build_index
from yogalib.dataset.lists import read_split_lists
from yogalib.dataset.subsets import POSES, select_subset
from yogalib.errors import BadInput
from yogalib.facts.taxonomy import class_of, load_taxonomy
from yogalib.synthetic.bodies import pose_bodies
from yogalib.synthetic.effects import WORDS
from yogalib.synthetic.look import STYLES, sample_look
from yogalib.synthetic.poses import load_poses, random_angles, sample_angles
from yogalib.synthetic.render import LABEL
from yogalib.synthetic.scene import draw, draw_picture
from yogalib.synthetic.sheets import banner, contact_sheet, sheets_of, variation_sheet
from yogalib.synthetic.skeleton import JOINT
from yogalib.synthetic.world import FEWEST, PLANTED, class_sizes, write_world

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


def test_files_differ_in_size_shape_and_kind(world):
    index = build_index(world, minimum_side=64)
    aspect = index["width"] / index["height"]
    assert (aspect > 1.2).any() and (aspect < 0.85).any() and aspect.between(0.97, 1.03).any()
    assert index["path"].str.endswith(".png").any() and index["path"].str.endswith(".jpg").any()
    numbers = [int(Path(path).stem) for path in index["path"] if path.startswith("Cobra")]
    assert max(numbers) > len(numbers), "numbered without a gap, unlike the link lists"


def test_list_of_subset_ii_names_clean_pictures_of_its_poses(tmp_path):
    folders = load_taxonomy().set_index("sanskrit")["folder"]
    write_world(tmp_path / "six", images=60, seed=1, classes=[folders[pose] for pose in POSES], size=64)
    index = build_index(tmp_path / "six", 64)
    chosen, six = select_subset(index, "subset_ii", tmp_path / "six"), select_subset(index, "subset_i")
    assert 0.5 < len(chosen) / len(six) < 1
    assert set(chosen["path"]) < set(six["path"])
    assert chosen["class"].nunique() == 6


def test_class_sizes_follow_appendix_a():
    sizes = class_sizes(3000, list(range(82)))
    taxonomy = load_taxonomy()
    assert abs(sum(sizes.values()) - 3000) < 60
    assert min(sizes.values()) == FEWEST
    assert taxonomy["sanskrit"][max(sizes, key=sizes.get)] == "Bhujangasana"


def test_every_class_has_pictures_however_few_are_asked_for():
    assert set(class_sizes(10, list(range(82))).values()) == {FEWEST}


def test_planted_copies_are_near_their_originals(world):
    planted = pd.read_csv(world / PLANTED)
    index = build_index(world, 64).set_index("path")
    assert len(planted) >= 3
    for copy in planted.itertuples():
        bits = int(index["phash"][copy.path], 16) ^ int(index["phash"][copy.original], 16)
        assert bits.bit_count() <= (0 if copy.kind == "exact" else 16), copy
        assert (index["sha256"][copy.path] == index["sha256"][copy.original]) == (copy.kind == "exact")
    leaked = index["split"][planted["path"]].to_numpy() != index["split"][planted["original"]].to_numpy()
    assert leaked.any(), "no copy stands across the split, so the audit has nothing to warn of"


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


def test_all_styles_come_up():
    rng = np.random.default_rng(0)
    seen = [sample_look(rng).style for _ in range(400)]
    assert set(seen) == set(STYLES)
    assert seen.count("photo") > 200


def test_no_word_on_a_poster_names_a_pose():
    assert not [word for word in WORDS if class_of(word) is not None or "asana" in word.lower()]


def test_parts_lie_where_their_joints_are():
    rng = np.random.default_rng(0)
    pose = load_poses()["Warrior_II_Pose_or_Virabhadrasana_II_"]
    bodies = pose_bodies(pose.postures.take(np.array([0])))
    ends = {"torso": "spine", "head": "head", "l_forearm": "l_wrist", "r_forearm": "r_wrist", "l_shin": "l_ankle"}
    found = dict.fromkeys(ends, 0)
    for _ in range(40):
        picture = draw_picture(bodies, 0, pose.postures.view[0], rng, (96, 96), with_parts=True)
        assert set(np.unique(picture.parts)) <= {0, *LABEL.values()}
        assert 0.01 < (picture.parts > 0).mean() < 0.7
        for part, joint in ends.items():
            x, y = (picture.joints[JOINT[joint], :2] * 96).astype(int)
            around = picture.parts[max(y - 3, 0) : y + 4, max(x - 3, 0) : x + 4]
            found[part] += LABEL[part] in around
    assert min(found.values()) >= 32, found  # the rest is out of the picture, or behind something


def test_body_is_drawn_where_the_parts_say():
    rng = np.random.default_rng(1)
    postures = random_angles(rng, 12)
    bodies = pose_bodies(postures)
    for row in range(12):
        picture = draw_picture(bodies, row, postures.view[row], rng, (96, 96), "silhouette", with_parts=True)
        mask = picture.parts > 0
        inner = cv2.erode(mask.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
        grey = picture.pixels.astype(float).mean(2)
        assert grey[inner].std() < grey.std(), "a silhouette is of one colour"


def test_asking_for_parts_changes_no_pixel():
    postures = random_angles(np.random.default_rng(2), 4)
    bodies = pose_bodies(postures)
    for row in range(4):
        first, second = (
            draw_picture(bodies, row, postures.view[row], np.random.default_rng(9), (64, 64), with_parts=parts)
            for parts in (True, False)
        )
        assert np.array_equal(first.pixels, second.pixels)
        assert second.parts is None


def test_random_bodies_are_drawn_too():
    pictures = draw(random_angles(np.random.default_rng(5), 30), np.random.default_rng(6), 64)
    again = draw(random_angles(np.random.default_rng(5), 30), np.random.default_rng(6), 64)
    assert pictures.shape == (30, 64, 64, 3)
    assert np.array_equal(pictures, again)


def test_contact_sheets_hold_every_pose():
    sheet = contact_sheet(size=48, columns=10)
    height, rest = divmod(sheet.shape[0], 9)
    assert (sheet.shape[1], rest) == (480, 0) and height > 48 + 16, "names under the pictures"
    rows = sheet[: 8 * height].reshape(8, height, 10, 48, 3)
    assert (rows[:, :48].std(axis=(1, 3, 4)) > 10).all(), "an empty cell"
    assert (rows[:, 48:].std(axis=(1, 3, 4)) > 10).all(), "a cell without a name"
    poses = list(load_poses().values())[:2]
    assert variation_sheet(poses, np.random.default_rng(0), each=10, size=40).shape[1] == 400
    assert not list(sheets_of(None)), "a sheet of drawn poses in a report on photographs"


def test_readmes_first_picture_is_as_yogalib_draws_it_now():
    """Stale after a change of the drawings: python -m yogalib.synthetic.sheets reports/poses.webp."""
    file = ROOT / "reports" / "poses.webp"
    assert file.stat().st_size < 60_000
    with Image.open(file) as picture:
        kept = np.asarray(picture.convert("RGB")).astype(int)
    drawn = banner()
    assert kept.shape == drawn.shape
    assert abs(kept - drawn).mean() < 3  # WebP's loss
