"""The notebooks that are tools: they run without a person, and what the widgets do is what a person would see."""

import base64
import os
import re
import shutil
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
from conftest import ROOT, draw, own_profile, run_interactively, write_photos
from matplotlib.pyplot import close
from PIL import Image

from yogalib.dataset.lists import PICKED
from yogalib.dataset.subsets import POSES as SIX
from yogalib.errors import BadInput
from yogalib.facts.taxonomy import load_taxonomy
from yogalib.models.blazepose import LANDMARKS
from yogalib.models.posture import SIDES
from yogalib.models.written import landmarks_on, see
from yogalib.study import Study
from yogalib.synthetic.bodies import pose_bodies
from yogalib.synthetic.poses import load_poses
from yogalib.synthetic.skeleton import ANGLE, with_angles
from yogalib.tools.explore import Explorer, study_of
from yogalib.tools.try_it import TryIt

TREE = 68


def widgets_of(book: nbformat.NotebookNode, model: str) -> list[dict]:
    """Return the states of the notebook's widgets of one kind, each with its buffers."""
    saved = book.metadata["widgets"]["application/vnd.jupyter.widget-state+json"]["state"].values()
    return [each["state"] | {"buffers": each.get("buffers", [])} for each in saved if each["model_name"] == model]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A small finished run in a home of its own: its study, its profile's file, and the environment that finds it."""
    home = tmp_path_factory.mktemp("finished")
    write_photos(home / "photos", per_class=8)
    environment = {f"{name}_DIR": str(home / name.lower()) for name in ("DATA", "RUNS", "REPORTS", "WEIGHTS")}
    environment["DATA"] = str(home / "photos")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        profile = own_profile(home / "tiny.yaml", epochs=3)
        study = Study.open(str(profile))
        study.fine_tune(kept=True)
        yield study, profile


def test_try_it_shows_a_first_answer_without_a_person(finished):
    book = run_interactively("00_try_it", {"profile": str(finished[1])}, TYPED)
    pictures = [base64.b64decode(image["buffers"][0]["data"]) for image in widgets_of(book, "ImageModel")]
    assert len(pictures) == 3
    width, height = Image.open(BytesIO(pictures[0])).size
    assert 1.5 * height < width < 1300, "picture, answers and map stand side by side"
    words = {each["value"] for each in widgets_of(book, "HTMLModel")}
    # the last cell's template has no place for the pose
    assert "<b>a prompt must contain &lt;category&gt;, such as &#x27;Yoga pose &lt;category&gt;&#x27;</b>" in words
    (card,) = [each for each in words if ">run " in each]
    assert "(last, last-tiny): CLIP-mini-RN fine-tuned, 3 poses, profile tiny" in card
    study = finished[0]
    assert f"learnt from {len(study.parts('all')[0])} photographs; " in card
    (answer,) = [each for each in words if "line-height" in each and each != card]
    assert re.search(r"<b>(Unsure\.</b> Perhaps )?\w[\w ]+ \([\w -]+\), \d+%", answer)
    assert "python -m yogalib weights blazepose" in answer
    assert "first: own.png" in book.cells[-1].outputs[-1]["text"]


TYPED = """
app.meant.value = 68
app.in_other_words.children[0].children[0].value = "no place"
content = app.explorer.pictures()[0][1].read_bytes()
app.upload.set_trait("value", ({"name": "own.png", "type": "image/png", "size": 1, "content": memoryview(content),
                                "last_modified": __import__("datetime").datetime.now()},))
print("first:", app.picture.label)
"""


def test_try_it_opens_on_its_screen_with_the_code_folded_away():
    book = nbformat.read(ROOT / "notebooks" / "00_try_it.ipynb", as_version=4)
    code = [cell for cell in book.cells if cell.cell_type == "code"]
    assert all(cell.metadata["jupyter"]["source_hidden"] for cell in code)
    assert code[1].source.endswith("app.screen")
    assert [cell.cell_type for cell in book.cells[:3]] == ["markdown", "code", "code"], "the screen stands at the top"


def test_folding_outlives_the_commit_hook(tmp_path):
    copy = shutil.copy(ROOT / "notebooks" / "00_try_it.ipynb", tmp_path)
    subprocess.run([sys.executable, "-m", "nbstripout", "--keep-id", copy], check=True)
    assert Path(copy).read_bytes() == (ROOT / "notebooks" / "00_try_it.ipynb").read_bytes()


def test_what_differs_is_said_of_the_answer_when_sure_or_of_the_pose_that_is_chosen(finished, monkeypatch):
    """BlazePose's place is taken by known joints: of a tree pose whose standing knee is bent by 50 degrees."""
    study, _ = finished
    explorer = Explorer.open(study)
    picture = explorer.pictures()[0][1]
    with pytest.raises(BadInput, match="python -m yogalib weights blazepose"):
        explorer.differences(picture, TREE)
    postures = load_poses()["Tree_Pose_or_Vrksasana_"].postures.take(np.array([0]))
    angles = postures.angles.copy()
    straight = min("lr", key=lambda side: angles[0, ANGLE[f"{side}_knee_flexion"]])
    angles[0, ANGLE[f"{straight}_knee_flexion"]] += 50
    joints = see(landmarks_on(pose_bodies(with_angles(postures, angles))), *np.array([[0.0], [0.1], [0.0], [5.0]]))
    monkeypatch.setattr("yogalib.tools.explore.blazepose_is_here", lambda weights: True)
    monkeypatch.setattr("yogalib.models.blazepose.landmarks_of", lambda *_: np.zeros((), LANDMARKS))
    monkeypatch.setattr("yogalib.tools.explore.joints_of", lambda found: joints)
    said = explorer.differences(picture, TREE)
    assert any(re.fullmatch(rf"{SIDES[straight]} knee \d+ degrees more bent", line) for line in said)
    app = TryIt(explorer)
    monkeypatch.setitem(app.card.__dict__, "sure_from", 1.1)
    words, figure = app._answer(picture, None)
    assert "<b>Unsure.</b> Perhaps" in words and "compare with" in words
    close(figure)
    words, figure = app._answer(picture, TREE)
    assert f"Beside Vrksasana (Tree) as it is written: {'; '.join(said)}." in words
    close(figure)
    monkeypatch.setattr("yogalib.tools.explore.joints_of", lambda found: tuple(np.nan * each for each in joints))
    assert app._beside(picture, TREE).startswith("BlazePose finds nobody")


def test_profile_is_the_one_that_made_the_run(finished):
    with pytest.raises(BadInput, match="profile 'tiny' is unknown"):  # its file lies elsewhere: only a path finds it
        study_of("last", "", {})
    assert study_of("last", str(finished[1]), {}).profile.name == "tiny"
    with pytest.raises(BadInput, match="run 'nobodys' not found"):
        study_of("nobodys", "", {})


def test_explorer_answers_as_the_stored_run_did(finished):
    study, _ = finished
    explorer = Explorer.open(study)
    row = explorer.run.predictions.iloc[0]
    pixels = explorer.read(study.folder / row["path"])
    assert explorer.probabilities(pixels) == pytest.approx(explorer.run.probabilities[0], abs=1e-5)
    best = explorer.best(pixels, top=2)
    assert len(best) == 2
    assert best["probability"].is_monotonic_decreasing
    assert pixels.tolist() == explorer.read((study.folder / row["path"]).read_bytes()).tolist()
    heat = explorer.activation_map(pixels)
    assert heat.shape == pixels.shape[:2]
    assert 0 <= heat.min() < heat.max() <= 1


def test_nearest_training_picture_of_a_training_picture_is_itself(finished):
    study, _ = finished
    explorer = Explorer.open(study)
    row = explorer.train.iloc[3]
    nearest = explorer.nearest(explorer.read(study.folder / row["path"]), count=4)
    assert nearest["path"].iloc[0] == row["path"]
    assert nearest["cosine"].iloc[0] == pytest.approx(1, abs=1e-4)
    assert nearest["cosine"].is_monotonic_decreasing
    assert set(nearest["path"]) <= set(explorer.train["path"])


def test_same_words_change_nothing_and_other_words_do(finished):
    study, _ = finished
    explorer = Explorer.open(study)
    pixels = explorer.read(explorer.pictures()[0][1])
    prompt = study.profile.fine_tuning.prompt
    same = explorer.in_other_words(pixels, prompt.template, prompt.names)
    assert same["this prompt"].tolist() == pytest.approx(same["the run's own prompt"].tolist())
    other = explorer.in_other_words(pixels, "<category>", "number")
    assert other["this prompt"].tolist() != pytest.approx(other["the run's own prompt"].tolist(), abs=1e-3)
    assert other["this prompt"].sum() == pytest.approx(1)  # three poses, all of them shown


def test_explorer_refuses_what_it_cannot_work_with(finished, tmp_path):
    study, profile = finished
    explorer = Explorer.open(study)
    with pytest.raises(BadInput, match="not readable as a picture.*JPEG"):
        explorer.read(b"<html>404")
    with pytest.raises(BadInput, match="was not trained on the pictures of profile 'tiny-changed'"):
        Explorer.open(Study.open(str(profile), {"split.seed": 1}))
    with pytest.raises(BadInput, match="run 'last' not found.*make reproduce"):
        Explorer.open(Study(study.profile, study.paths.__class__(**vars(study.paths) | {"runs": tmp_path})))


def test_notebooks_show_a_mistake_of_the_user_in_one_line(tmp_path):
    code = "from yogalib.study import Study; Study.open('photo')"
    done = subprocess.run(
        [sys.executable, "-m", "IPython", "--no-banner", "-c", code],
        cwd=tmp_path, env=os.environ | {"IPYTHONDIR": str(tmp_path)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "yogalib: profile 'photo' is unknown: choose" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_curation_by_keys_writes_the_list_that_subset_ii_reads(tmp_path, monkeypatch):
    rng, taxonomy = np.random.default_rng(0), load_taxonomy().set_index("sanskrit")
    for pose in SIX:
        (tmp_path / "six" / taxonomy.loc[pose, "folder"]).mkdir(parents=True)
        for number in range(3):
            draw("cross", rng).save(tmp_path / "six" / taxonomy.loc[pose, "folder"] / f"{number}.png")
    for name in ("DATA", "RUNS", "REPORTS", "WEIGHTS"):
        monkeypatch.setenv(f"{name}_DIR", str(tmp_path / name.lower()))
    monkeypatch.setenv("DATA", str(tmp_path / "six"))
    listed = tmp_path / "six" / PICKED
    book = run_interactively(
        "00_curate_subset_ii", {"profile": "photos"}, 'keys.value = "k"; keys.value = "kkx"; keys.value = "kk"'
    )
    assert "written at the first decision" in str(book)  # the cells before the last wrote nothing
    assert "No other list lies beside" in str(book)
    decisions = pd.read_csv(listed)
    assert list(decisions) == ["path", "class", "sha256", "phash", "decision", "by"]
    assert decisions["by"].tolist() == ["person"] * 2 + ["proposal"] * 16
    assert decisions["decision"].tolist()[:2] == ["keep", "keep"]


def test_make_and_report_leave_the_tools_out(tmp_path):
    from yogalib.pages.inputs import NOTEBOOKS

    assert len(NOTEBOOKS) == 10
    assert not any(name.startswith("00") for name in NOTEBOOKS)
    done = subprocess.run(
        ["make", f"PY={sys.executable}", f"REPORTS_DIR={tmp_path}", "--dry-run", "--always-make", "report"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout.count("yogalib notebook") == 10
    assert "00_" not in done.stdout
