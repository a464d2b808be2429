"""The notebooks that are tools: they run without a person, and what the widgets do is what a person would see."""

import base64
import os
import subprocess
import sys
from io import BytesIO

import nbformat
import numpy as np
import pandas as pd
import pytest
from conftest import ROOT, draw, own_profile, run_interactively, write_photos
from PIL import Image

from yogalib.dataset.lists import PICKED
from yogalib.dataset.subsets import POSES as SIX
from yogalib.errors import BadInput
from yogalib.facts.taxonomy import load_taxonomy
from yogalib.study import Study
from yogalib.tools.explore import Explorer


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
    book = run_interactively("00_try_it", {"profile": str(finished[1])}, TYPED_TEMPLATE)
    pictures = [base64.b64decode(image["buffers"][0]["data"]) for image in widgets_of(book, "ImageModel")]
    assert len(pictures) == 4
    assert all(min(Image.open(BytesIO(content)).size) > 100 for content in pictures)
    # the last cell's template has no place for the pose
    words = {each["value"] for each in widgets_of(book, "HTMLModel")}
    assert words == {
        "",
        "<b>a prompt must contain &lt;category&gt;, such as &#x27;Yoga pose &lt;category&gt;&#x27;</b>",
    }
    assert "uploaded: own.png" in book.cells[-1].outputs[-1]["text"]


TYPED_TEMPLATE = """
from pathlib import Path
template.value = "no place"
content = explorer.pictures()[0][1].read_bytes()
upload.set_trait("value", ({"name": "own.png", "type": "image/png", "size": 1, "content": memoryview(content),
                            "last_modified": __import__("datetime").datetime.now()},))
print("uploaded:", picture.label)
"""


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
    from yogalib.pages.report import NOTEBOOKS

    assert len(NOTEBOOKS) == 10
    assert not any(name.startswith("00") for name in NOTEBOOKS)
    done = subprocess.run(
        ["make", f"PY={sys.executable}", f"REPORTS_DIR={tmp_path}", "--dry-run", "--always-make", "report"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout.count("yogalib notebook") == 10
    assert "00_" not in done.stdout
