"""Classifiers of joints: what they answer alike, what nobody found is worth, and how photographs follow written poses."""

import numpy as np
import pytest
import torch
from scipy.special import softmax
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import LogisticRegression
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from torch import nn

from yogalib.models import joints
from yogalib.models.joints import LIBRARY, MarginSVC, both_sides, found_in, kernel_ridge, learn, of_classes
from yogalib.models.probe import by_library
from yogalib.models.skeleton import JOINTS, features, mirror, network, predict
from yogalib.models.written import simulate
from yogalib.profile import Joints
from yogalib.results.metrics import top_k
from yogalib.runs import asks
from yogalib.study import Study
from yogalib.synthetic.poses import read_poses, written_entries
from yogalib.synthetic.world import BODIES

CHANGES = {"data.synthetic.images": 90, "beyond.written.bodies": 20, "beyond.written.epochs": 1}
NETWORK = Joints(method="network", joints="drawn", passes=6, least=200)


@pytest.fixture
def bodies():
    """Thirty bodies of three poses as BlazePose would see them, and thirty more."""
    rng = np.random.default_rng(0)
    poses = read_poses(dict(list(written_entries().values())[:3]))
    (*known, labels), (*asked, _) = (simulate(poses, 10, rng) for _ in range(2))
    return tuple(known), labels, tuple(asked)


def logistic(known, labels, asked, classes):
    """What the way `logistic regression` does."""
    sides = np.concatenate(both_sides(known)), np.tile(labels, 2)
    return by_library(LogisticRegression(), *sides, both_sides(asked), classes)


def test_a_body_and_its_mirror_image_are_answered_alike(bodies):
    known, labels, asked = bodies
    turned = tuple(map(mirror, asked))
    for ask in (kernel_ridge, logistic):
        np.testing.assert_allclose(ask(known, labels, turned, 3), ask(known, labels, asked, 3), atol=1e-5)


def test_kernel_ridge_is_sklearns_with_the_left_one_out_temperature(bodies):
    known, labels, asked = bodies
    sides, (ours, _) = both_sides(known), both_sides(asked)
    every = np.concatenate(sides)
    mean, deviation = every.mean(0), every.std(0)
    deviation[deviation == 0] = 1

    def kernel(first, seconds):
        gamma = 1 / (2 * first.shape[1])
        return sum(rbf_kernel((first - mean) / deviation, (each - mean) / deviation, gamma) for each in seconds)

    targets = np.eye(3)[labels] - 1 / 3
    reference = KernelRidge(alpha=0.02, kernel="precomputed").fit(kernel(sides[0], sides), targets)
    scores = reference.predict(kernel(ours, sides))
    answers = kernel_ridge(known, labels, asked, 3)
    temperature = np.ptp(scores[0]) / np.ptp(np.log(answers[0]))
    np.testing.assert_allclose(answers, softmax(scores / temperature, axis=1), atol=1e-4)
    assert (answers.argmax(1) == labels).mean() > 0.8


@pytest.mark.parametrize("classes", [2, 3])
def test_svc_answers_in_the_order_of_sklearns_margins(bodies, classes):
    known, labels, asked = bodies
    some = labels < classes
    sides, (ours, _) = both_sides(tuple(each[some] for each in known)), both_sides(asked)
    every, answers = np.concatenate(sides), np.tile(labels[some], 2)
    scaler = StandardScaler().fit(every)
    reference = SVC(C=10).fit(scaler.transform(every), answers)
    got = by_library(LIBRARY["SVC"], every, answers, [ours], classes)
    margins = reference.decision_function(scaler.transform(ours))
    margins = margins if classes > 2 else np.stack([-margins, margins], axis=1)
    np.testing.assert_allclose(got, np.exp(margins) / np.exp(margins).sum(1, keepdims=True), rtol=1e-6)
    assert (got.argmax(1) == reference.predict(scaler.transform(ours))).all()
    assert isinstance(LIBRARY["SVC"], MarginSVC)


def test_written_poses_of_some_classes_keep_their_own_logits():
    torch.manual_seed(0)
    model = network(82).eval()
    seen = torch.randn(3, model[0].num_features)
    torch.testing.assert_close(of_classes(model, [3, 40])(seen), model(seen)[:, [3, 40]])


def test_network_goes_on_from_written_poses_and_the_same_seed_learns_the_same(bodies):
    known, labels, asked = bodies
    answers = []
    for _ in range(2):
        torch.manual_seed(1)
        start = network(3)
        before = [each.clone() for each in start.parameters()]
        model, losses = learn(known, labels, [0, 1, 2], NETWORK, start)
        assert model is start
        assert not all(map(torch.equal, before, model.parameters()))
        answers.append(predict([model], *asked))
    np.testing.assert_array_equal(*answers)
    assert losses[-1] < losses[0]
    assert (answers[0].argmax(1) == labels).mean() > 0.8


@pytest.fixture
def study(folders, monkeypatch) -> Study:
    return Study.open("smoke", CHANGES)


def test_drawn_world_keeps_its_bodies(study):
    rows = study.subset("all")
    (study.folder / BODIES).unlink()  # as an earlier version left it
    again = Study.open("smoke", CHANGES)
    assert again.folder == study.folder
    assert again.subset("all")["sha256"].tolist() == rows["sha256"].tolist()
    picture, world = found_in(study.source, rows, "drawn", study.paths.weights)
    assert (picture.shape, world.shape) == ((len(rows), 20, 2), (len(rows), 20, 3))
    assert np.isfinite(features(picture, world)).all()
    head, knee, ankle = (JOINTS.index(name) for name in ("head", "l_knee", "l_ankle"))
    shins = np.linalg.norm(world[:, ankle] - world[:, knee], axis=1)
    assert 0.25 < shins.min() < shins.max() < 0.55
    headstand = rows["path"].str.startswith("Supported_Headstand").to_numpy()
    assert (world[headstand, head, 1] > world[headstand, knee, 1]).all(), "y down"
    corpse = rows["path"].str.startswith("Corpse").to_numpy()
    assert (np.ptp(world[corpse, :, 1], axis=1) < np.ptp(world[headstand, :, 1], axis=1).min()).all()


def test_runs_of_joints_answer_and_nobody_found_is_wrong(study, monkeypatch):
    train, test = study.parts("all")
    written = asks.written(study.paths, settings=study.profile.beyond.written)
    for method in ("logistic regression", "SVC", "kernel ridge", "network"):
        run = study.runs(asks.joints(study, train, test, method))
        assert run.hits.mean() > 0.5, method
    none = study.runs(asks.joints(study, train.head(0), test, "network", of=written))
    assert none.classes.tolist() == sorted(test["class"].unique())
    some = study.runs(asks.joints(study, train, test, "network", of=written, kept=True))
    assert some.hits.mean() > none.hits.mean() > 0.1
    assert (some.folder / "model.safetensors").is_file()
    there = joints.found_in

    def nobody_in_the_first(*given):
        found = there(*given)
        for part in found:
            part[0] = np.nan
        return found

    monkeypatch.setattr(joints, "found_in", nobody_in_the_first)
    for method in ("logistic regression", "network"):
        run = study.runs(asks.joints(study, train.iloc[1:], test, method))
        assert np.isnan(run.probabilities[0]).all()
        assert np.isfinite(run.probabilities[1:]).all()
        assert run.predicted[0] == -1
        assert not run.hits[0]
        assert not top_k(run.probabilities, run.labels, 5)[0]
    monkeypatch.setattr(joints, "found_in", lambda *given: tuple(np.full_like(part, np.nan) for part in there(*given)))
    for method in ("SVC", "kernel ridge", "network"):  # nor anybody to learn from
        assert study.runs(asks.joints(study, train.iloc[2:], test, method)).predicted.tolist() == [-1] * len(test)


def test_network_of_few_photographs_sees_as_many_skeletons_in_an_epoch(monkeypatch):
    sizes = []
    monkeypatch.setattr(joints, "train", lambda model, draw, **_: sizes.append(len(draw()[0])))
    known = np.zeros((3, 20, 2)), np.zeros((3, 20, 3))
    learn(known, np.arange(3), [0, 1, 2], NETWORK, None)
    learn(known, np.arange(3), [0, 1, 2], NETWORK, nn.Sequential(nn.Linear(1, 3)))
    assert sizes == [198, 396]
