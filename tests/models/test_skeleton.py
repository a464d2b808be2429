"""Skeletons: what features don't depend on, and what a network learns of them."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import pdist

from yogalib.models.blazepose import LANDMARKS
from yogalib.models.skeleton import JOINTS, features, joints_of, mirror, network, predict, train


def some(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return n random skeletons."""
    draw = np.random.default_rng(seed)
    return 100 * draw.standard_normal((n, 20, 2)), 0.3 * draw.standard_normal((n, 20, 3))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 99), st.floats(0.05, 20), st.floats(-3000, 3000), st.floats(-3000, 3000), st.floats(0.3, 3))
def test_features_do_not_change_with_place_and_size(seed, scale, x, y, height):
    picture, world = some(3, seed)
    moved = features(scale * picture + (x, y), height * world)
    np.testing.assert_allclose(moved, features(picture, world), atol=2e-4)


def test_features_end_in_the_distances_of_all_joints_over_the_bodys_spread():
    picture, world = some(1)
    spread = np.sqrt(((world[0] - world[0].mean(0)) ** 2).sum(1).mean())
    np.testing.assert_allclose(features(picture, world)[0, -190:], pdist(world[0]) / spread, rtol=1e-5)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 99))
def test_a_body_and_its_mirror_image_are_answered_alike(seed):
    picture, world = some(4, seed)
    np.testing.assert_array_equal(mirror(mirror(world)), world)
    torch.manual_seed(0)
    model = network(5).eval()
    here = predict([model], picture, world)
    np.testing.assert_allclose(predict([model], mirror(picture), mirror(world)), here, atol=1e-5)


def test_joints_are_blazeposes():
    found = np.zeros(1, LANDMARKS)
    found["points"], found["world"] = np.arange(33 * 5).reshape(33, 5), np.arange(33 * 3).reshape(33, 3)
    picture, space = joints_of(found)
    assert picture.shape == (1, 20, 2)
    assert space.shape == (1, 20, 3)
    assert picture[0, JOINTS.index("l_knee")].tolist() == [25 * 5, 25 * 5 + 1]
    assert space[0, JOINTS.index("head")].tolist() == [(7 * 3 + 8 * 3) / 2 + i for i in range(3)]


def test_nobody_found_has_no_answer():
    picture, world = some(3)
    picture[1], world[1] = np.nan, np.nan
    assert np.isfinite(features(picture, world)).all()
    answers = predict([network(4)], picture, world)
    assert np.isnan(answers).any(axis=1).tolist() == [False, True, False]
    np.testing.assert_allclose(answers[[0, 2]].sum(1), 1, rtol=1e-6)


def test_two_poses_are_learnt_and_the_same_seed_learns_the_same():
    picture, world = some(40)
    targets = np.arange(40) % 2
    for side in "lr":  # both arms up
        world[targets == 1, JOINTS.index(f"{side}_wrist"), 1] -= 2
    answers = []
    for _ in range(2):
        torch.manual_seed(3)
        model = network(2)
        losses = train(model, lambda: (features(picture, world), targets), epochs=30, seed=3, batch=20)
        assert losses[-1] < losses[0] == pytest.approx(np.log(2), abs=0.3)
        answers.append(predict([model], picture, world))
    assert (answers[0].argmax(1) == targets).mean() > 0.9
    np.testing.assert_array_equal(*answers)
