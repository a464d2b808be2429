"""The fit `person`: whom BlazePose finds decides what a picture's square holds, in a study and for a kept run at work."""

import pickle

import numpy as np
import pytest

from yogalib.dataset.images import decode
from yogalib.dataset.pixels import to_pixels
from yogalib.errors import BadInput
from yogalib.models import blazepose
from yogalib.models.blazepose import LANDMARKS, finder, person_in
from yogalib.models.kept import at_work
from yogalib.runs import asks, questions
from yogalib.study import Study

CHANGES = {"fine_tuning.encoder": "CLIP-mini-RN", "fine_tuning.epochs": 1, "data.fit": "person"}


def landmarks(low: float, high: float, flag: float) -> np.ndarray:
    """Landmarks on the diagonal between two places."""
    found = np.zeros((), LANDMARKS)
    found["points"][:, :2], found["flag"] = np.linspace(low, high, 33)[:, None], flag
    return found


@pytest.mark.parametrize(("flag", "box"), [(0.9, (20, 20, 60, 60)), (0.2, None)])
def test_box_is_of_all_landmarks_and_of_nobody_where_hardly_anybody_is_seen(flag, box, tmp_path, monkeypatch):
    monkeypatch.setattr(blazepose, "landmarks_of", lambda *_: landmarks(20, 60, flag))
    assert person_in(b"", tmp_path, tmp_path) == box
    shipped = pickle.loads(
        pickle.dumps(finder("person", tmp_path, tmp_path))
    )  # to another process, as an ask's source is
    assert shipped(b"") == box
    assert finder("pad", tmp_path, tmp_path) is None


@pytest.fixture
def at_hand(photos, folders, monkeypatch):
    monkeypatch.setenv("DATA", str(photos))
    monkeypatch.setattr("yogalib.study.missing", lambda *_, **__: {})
    monkeypatch.setattr(blazepose, "landmarks_of", lambda *_: landmarks(20, 60, 1))


def test_kept_run_crops_to_the_person_as_it_learnt_to(at_hand, photos, monkeypatch):
    study = Study.open("photos", CHANGES)
    run = study.runs(asks.finetune(study, kept=True))
    assert run.config["fit"] == "person"
    see, say = at_work(run, study.paths.weights, study.source.cache)
    files = [photos / path for path in run.predictions["path"]]
    seen = [see(file.read_bytes()) for file in files]
    cut = to_pixels(decode(files[0].read_bytes()), seen[0].shape[0], "person", (20, 20, 60, 60))
    np.testing.assert_array_equal(seen[0], cut)
    np.testing.assert_allclose(say(seen), run.probabilities, atol=1e-4)


def test_row_of_cropped_photographs_is_asked_where_the_profile_does_not_crop_already(at_hand):
    for fit, expected in (("person", False), ("pad", True)):
        study = Study.open("photos", CHANGES | {"data.fit": fit}, planned=True)
        ways = questions.beyond(study)["ways"]["frozen CLIP"]
        assert ("linear probe, person cropped" in ways) == expected
        assert {ask.source.fit for way, ask in ways.items() if "cropped" not in way} == {fit}
    train, test = study.parts("all")
    cropped, plain = (asks.probe(study, train, test, "linear probe", fit=fit) for fit in ("person", None))
    assert cropped.name != plain.name


def test_fine_tuning_alone_crops_where_the_profile_says_so_and_so_does_what_is_held_against_it(at_hand):
    changes = CHANGES | {"data.fit": "pad", "fine_tuning.fit": "person"}
    study = Study.open("photos", changes, planned=True)
    fits = {
        notebook: {(ask.kind, ask.source.fit) for ask in questions.asked_by(study, notebook)}
        for notebook in questions.QUESTIONS
    }
    assert {fit for asked in fits.values() for kind, fit in asked if kind in ("finetune", "wise")} == {"person"}
    assert {fit for kind, fit in fits["02_zero_shot"]} == {"pad"}
    asked = questions.fine_tuning(study)
    similar = asked["similarity"]
    assert {ask.source.fit for ask in (*similar.values(), asked["mirrored"])} == {"person"}, (
        "before and after on the same pixels"
    )
    first, whole = (
        asks.finetune(Study.open("photos", CHANGES | {"data.fit": fit}, planned=True)) for fit in ("person", "pad")
    )
    assert asks.finetune(study).name == first.name != whole.name, "however the profile says it"


def test_without_blazepose_the_fit_is_refused_in_one_line(photos, folders, monkeypatch):
    monkeypatch.setenv("DATA", str(photos))
    monkeypatch.setattr("yogalib.study.without_blazepose", lambda *_, **__: "no index to fetch BlazePose from")
    with pytest.raises(BadInput, match="the fit person needs BlazePose, or take pad: no index") as refused:
        Study.open("photos", CHANGES).subset("all")
    assert "\n" not in str(refused.value)
    with pytest.raises(BadInput, match="the fit person needs"):
        Study.open("photos", CHANGES | {"data.fit": "pad", "fine_tuning.fit": "person"}).subset("all")
    assert len(Study.open("photos", CHANGES | {"data.fit": "pad"}).subset("all"))
