"""BlazePose: its parts by themselves, and a drawn figure whose landmarks were recorded (needs the weights)."""

from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from blazepose import DETECTOR, Landmarks, landmarks, turn_back
from boxes import Square, anchors, suppress
from hypothesis import given
from hypothesis import strategies as st

from yogalib.synthetic.bodies import pose_bodies
from yogalib.synthetic.poses import load_poses
from yogalib.synthetic.scene import draw_plain

HERE = Path(__file__).parent
WEIGHTS = HERE.parent / "weights"
RECORDED = HERE / "drawn_tree.npz"
needs_weights = pytest.mark.skipif(not (WEIGHTS / DETECTOR).is_file(), reason="python -m yogalib weights blazepose")


def tree():
    """Draw a tree pose, uint8 (320, 320, 3)."""
    postures = load_poses()["Tree_Pose_or_Vrksasana_"].postures.take(np.array([0]))
    return draw_plain(pose_bodies(postures), 0, 0.0, 320)


def test_anchors_are_2254_in_the_unit_square_symmetric_about_its_middle():
    assert anchors().shape == (2254, 2)
    assert 0 < anchors().min() and anchors().max() < 1
    np.testing.assert_allclose(anchors().mean(axis=0), 0.5)


def test_overlapping_detections_become_their_mean_and_others_stay():
    box = np.array([[0.5, 0.5], [0.2, 0.2], *[[0.5, 0.5]] * 4])
    places = np.stack([box, box + [[0.02, 0], [0, 0], *[[0.02, 0]] * 4], box - [[0.4, 0], [0, 0], *[[0.4, 0]] * 4]])
    merged = suppress(places, np.array([0.9, 0.3, 0.5]))
    assert len(merged) == 2
    np.testing.assert_allclose(merged[0][0], [0.505, 0.5])  # (0.9 * 0.50 + 0.3 * 0.52) / 1.2
    np.testing.assert_allclose(merged[1], places[2])
    assert suppress(np.empty((0, 6, 2)), np.empty(0)) == []


def test_square_cuts_out_what_it_is_about_and_upright():
    picture = np.zeros((200, 300, 3), np.uint8)
    picture[95:105, 145:195] = 255  # a bar that points right: its top is to the right
    pixels = Square.about(np.array([150.0, 100.0]), np.array([190.0, 100.0])).cut(picture)
    assert pixels[128 - 60, 128].min() > 200 and pixels[128 + 60, 128].max() < 50


@given(st.integers(0, 3), st.integers(5, 40), st.integers(5, 40), st.integers(0, 99))
def test_turning_back_finds_the_pixel_again(quarter, height, width, seed):
    rng = np.random.default_rng(seed)
    y, x = rng.integers(height), rng.integers(width)
    picture = np.zeros((height, width))
    picture[y, x] = 1
    there = np.argwhere(np.rot90(picture, quarter))[0][::-1] + 0.5
    points, _ = turn_back(there[None].astype(float), np.zeros((1, 3)), quarter, picture.shape)
    np.testing.assert_allclose(points[0], (x + 0.5, y + 0.5))


@needs_weights
def test_drawn_tree_has_the_recorded_landmarks():
    found, recorded = landmarks([tree()], WEIGHTS), np.load(RECORDED)
    assert found.flag[0] > 0.9
    np.testing.assert_allclose(found.points[0, 11:, :2], recorded["points"][11:, :2], atol=3)  # pixels of 320
    np.testing.assert_allclose(found.world[0], recorded["world"], atol=0.03)


@needs_weights
def test_turned_picture_has_the_turned_landmarks():
    upright, flipped = landmarks([tree(), np.ascontiguousarray(np.rot90(tree(), 2))], WEIGHTS).points[:, 11:, :2]
    assert np.abs(320 - flipped - upright).mean() < 12


@needs_weights
def test_nobody_is_found_on_an_empty_wall_and_no_pictures_give_none():
    found = landmarks([np.full((120, 90, 3), 200, np.uint8)], WEIGHTS)
    assert found.flag[0] < 0.5
    empty = landmarks([], WEIGHTS)
    assert isinstance(empty, Landmarks) and empty.points.shape == (0, 33, 5)


@needs_weights
def test_landmarks_are_the_same_in_a_pool_of_processes():
    here = landmarks([tree()], WEIGHTS)
    with ProcessPoolExecutor(1) as pool:
        there = pool.submit(partial(landmarks, weights=WEIGHTS), [tree()]).result()
    np.testing.assert_array_equal(here.points, there.points)
