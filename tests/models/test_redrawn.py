"""Photographs redrawn: the drawn body stands as the found one does, and CLIP is asked about it where somebody is found."""

import numpy as np
import pytest
import torch

from yogalib.models import redrawn
from yogalib.models.blazepose import LANDMARKS
from yogalib.models.device import pick_device
from yogalib.models.encoders import open_encoder
from yogalib.models.skeleton import JOINTS as FOUND
from yogalib.models.written import landmarks_on, see
from yogalib.models.zero_shot import classify
from yogalib.runs import asks, questions
from yogalib.study import Study
from yogalib.synthetic.bodies import pose_bodies
from yogalib.synthetic.camera import look_at
from yogalib.synthetic.poses import load_poses
from yogalib.synthetic.skeleton import JOINT

SIZE = 160
STRAIGHT = ("Tree_Pose", "Warrior_II_Pose", "Plank_Pose", "Staff_Pose", "Headstand")


def posed(*starts: str):
    """Bodies in the poses whose folders start so, and the world joints (N, 20, 3) that BlazePose would find, were it without error."""
    wanted = [pose for start in starts for name, pose in load_poses().items() if name.lower().startswith(start.lower())]
    several = [pose_bodies(pose.postures.take(np.array([0]))) for pose in wanted]
    front = np.zeros(1)
    found = [see(landmarks_on(body), front, front, front, front + 5)[1] for body in several]
    return several, np.concatenate(found)


def test_body_drawn_anew_has_its_joints_where_they_were_found():
    bodies, world = posed(*STRAIGHT)
    assert len(bodies) >= 4
    again = redrawn.bodies_of(world)
    for row, body in enumerate(bodies):
        apart = again.joints[row] - body.joints[0]
        apart = np.linalg.norm(apart - apart[JOINT["l_hip"]], axis=1)  # it stands elsewhere on the floor
        known = [JOINT[name] for name in FOUND if name in JOINT]
        np.testing.assert_allclose(apart[known], 0, atol=1e-6)
        assert apart.max() < 0.08, "what nobody finds lies within 8 cm of where it is"
        assert again.radius[row] == pytest.approx(body.radius[0], rel=0.1), "the body is as thick as its height says"
        for name in ("face", "chest_front", "pelvis_front"):
            assert (getattr(again, name)[row] * getattr(body, name)[0]).sum() > 0.9
    np.testing.assert_allclose((again.joints[..., 1] - again.radius).min(axis=1), 0, atol=1e-9)


@pytest.mark.parametrize("look", redrawn.REDRAWN_STYLES)
def test_redrawn_figures_joints_land_where_the_joints_are(look):
    _, world = posed("Warrior_II_Pose", "Tree_Pose")
    bodies = redrawn.bodies_of(world)
    for row in range(len(world)):
        picture = redrawn.redraw(bodies, row, look, SIZE)
        xy = look_at(bodies.joints[row], bodies.radius[row], redrawn.CAMERA, SIZE, SIZE).xy
        limbs = [name for name in FOUND if name.endswith(("elbow", "wrist", "hip", "knee", "ankle"))]
        places = xy[[JOINT[name] for name in limbs]]
        for axis in (0, 1):  # as in the photograph: neither mirrored nor upside down
            assert np.corrcoef(places[:, axis], world[row, [FOUND.index(name) for name in limbs], axis])[0, 1] > 0.99
        paper = picture[0, 0].astype(int)
        for x, y in places.round().astype(int):
            # of a sketch only the lines, half a limb away
            assert abs(picture[y - 6 : y + 7, x - 6 : x + 7].astype(int) - paper).max() > 60, "there is a body"


@pytest.fixture
def study(photos, folders, monkeypatch) -> Study:
    monkeypatch.setenv("DATA", str(photos))
    monkeypatch.setattr("yogalib.models.blazepose.BlazePose", None)  # whoever asks it, fails
    return Study.open("photos", {"fine_tuning.encoder": "CLIP-mini-RN"})


def test_looks_are_averaged_drawings_are_kept_and_nobody_is_no_answer(study, monkeypatch):
    _, test = study.parts("all")
    world = np.resize(posed("Tree_Pose")[1], (len(test), 20, 3)).copy()
    world[0] = np.nan
    monkeypatch.setattr(redrawn, "found_in", lambda *_: (world[..., :2], world))
    ask = asks.redrawn(study, test)
    (answers,) = redrawn.answer(ask, study.workshop, None)
    assert np.isnan(answers[0]).all()
    np.testing.assert_allclose(answers[1:].sum(axis=1), 1, rtol=1e-5)

    encoder, body = open_encoder("CLIP-mini-RN", study.paths.weights), redrawn.bodies_of(world[1:2])
    by_look = [
        classify(encoder, redrawn.redraw(body, 0, look, encoder.resolution)[None], ask.prompts, study.device)[0][0]
        for look in redrawn.REDRAWN_STYLES
    ]
    expected = np.exp(np.log(by_look).mean(axis=0))
    np.testing.assert_allclose(answers[1], expected / expected.sum(), atol=1e-5)

    monkeypatch.setattr(redrawn, "redraw", None)
    np.testing.assert_array_equal(redrawn.answer(ask, study.workshop, None)[0], answers)


def test_one_photograph_at_a_time_is_answered_as_many_are(tmp_path, monkeypatch):
    landmarks = np.zeros((), LANDMARKS)
    landmarks["world"] = np.random.default_rng(0).normal(0, 0.3, (33, 3))
    monkeypatch.setattr(redrawn, "landmarks_of", lambda content, *_: landmarks)
    encoder, prompts = open_encoder("CLIP-mini-RN", tmp_path), ["a person standing", "a person lying down"]
    look, say = redrawn.redrawing(
        encoder, prompts, pick_device("cpu", "fp32", torch.get_num_threads()), tmp_path, tmp_path
    )
    several = say([look(b""), look(b"")])
    np.testing.assert_allclose(several, np.repeat(say([look(b"")]), 2, axis=0), atol=1e-5)


@pytest.mark.parametrize(("profile", "joints"), [("mini", "drawn"), ("yoga82", "blazepose"), ("photos", "blazepose")])
def test_only_photographs_are_redrawn(profile, joints, folders, monkeypatch):
    monkeypatch.setattr("yogalib.study.missing", lambda *_, **__: {})
    study = Study.open(profile, planned=True)
    assert study.profile.beyond.joints == joints
    assert ("CLIP, redrawn" in questions.beyond(study)["ways"]["words alone"]) == (joints == "blazepose")
