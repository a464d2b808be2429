"""Skeletons: what features don't depend on, and what classifiers learn."""

import numpy as np
import torch
from blazepose import Landmarks
from hypothesis import given, settings
from hypothesis import strategies as st
from skeleton import JOINTS, InvariantKernel, features, joints_of, mirror, network, predict, train_on_photographs

rng = np.random.default_rng(0)


def some(n=6, seed=0):
    """Return n random skeletons."""
    draw = np.random.default_rng(seed)
    return 100 * draw.standard_normal((n, 20, 2)), 0.3 * draw.standard_normal((n, 20, 3))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 99), st.floats(0.05, 20), st.floats(-3000, 3000), st.floats(-3000, 3000), st.floats(0.3, 3))
def test_features_do_not_change_with_place_and_size(seed, scale, x, y, height):
    picture, world = some(3, seed)
    moved = features(scale * picture + (x, y), height * world)
    np.testing.assert_allclose(moved, features(picture, world), atol=2e-4)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 99))
def test_mirror_twice_is_the_skeleton_and_answers_are_the_mirror_images(seed):
    picture, world = some(4, seed)
    np.testing.assert_array_equal(mirror(mirror(world)), world)
    torch.manual_seed(0)
    model = network(features(picture, world).shape[1], 5).eval()
    here = predict([model], picture, world)
    np.testing.assert_allclose(predict([model], mirror(picture), mirror(world)), here, atol=1e-5)


def test_distances_are_the_same_in_the_mirror_up_to_order():
    picture, world = some(2)
    here, there = features(picture, world), features(mirror(picture), mirror(world))
    np.testing.assert_allclose(np.sort(here[:, -190:]), np.sort(there[:, -190:]), atol=1e-5)


def test_joints_are_blazeposes():
    points, world = np.arange(33 * 5.0).reshape(1, 33, 5), np.arange(33 * 3.0).reshape(1, 33, 3)
    picture, space = joints_of(Landmarks(points, world, np.ones(1)))
    assert picture.shape == (1, 20, 2) and space.shape == (1, 20, 3)
    assert picture[0, JOINTS.index("l_knee")].tolist() == [25 * 5, 25 * 5 + 1]
    assert space[0, JOINTS.index("head")].tolist() == [(7 * 3 + 8 * 3) / 2 + i for i in range(3)]


def test_nobody_found_is_answered_evenly():
    picture, world = some(3)
    picture[1], world[1] = np.nan, np.nan
    assert np.isfinite(features(picture, world)).all()
    model = network(features(picture, world).shape[1], 4)
    np.testing.assert_allclose(predict([model], picture, world)[1], 0.25)


def test_two_poses_are_learnt_from_photographs_and_the_same_twice():
    picture, world = some(40)
    targets = np.arange(40) % 2
    world[targets == 1, JOINTS.index("l_wrist"), 1] -= 2  # one arm up
    models = [train_on_photographs(picture, world, targets, 2, epochs=15, seed=3) for _ in range(2)]
    answers = [predict([model], picture, world) for model in models]
    assert (answers[0].argmax(1) == targets).mean() > 0.9
    np.testing.assert_array_equal(*answers)


def test_invariant_kernel_answers_alike_for_both_sides_and_is_ridge_regression():
    picture, world = some(30)
    targets = np.arange(30) % 3
    world[:, JOINTS.index("l_wrist"), 1] -= targets
    model = InvariantKernel().fit(picture, world, targets, 3)
    here = model.predict(picture, world)
    np.testing.assert_allclose(model.predict(mirror(picture), mirror(world)), here, atol=1e-6)
    system = model._kernel(model._known[0]) + model.ridge * np.eye(30)
    np.testing.assert_allclose(system @ model._weights, np.eye(3)[targets] - 1 / 3, atol=1e-6)
    assert (here.argmax(1) == targets).mean() > 0.9


def test_left_out_scores_are_those_of_leaving_one_out():
    picture, world = some(12)
    targets = np.arange(12) % 3
    model = InvariantKernel().fit(picture, world, targets, 3)
    kernel, answers = model._kernel(model._known[0]), np.eye(3)[targets] - 1 / 3
    inverse = np.linalg.inv(kernel + model.ridge * np.eye(12))
    closed = answers - (inverse @ answers) / np.diag(inverse)[:, None]
    rest = np.arange(1, 12)
    weights = np.linalg.solve(kernel[np.ix_(rest, rest)] + model.ridge * np.eye(11), answers[rest])
    np.testing.assert_allclose(kernel[0, rest] @ weights, closed[0], atol=1e-8)
