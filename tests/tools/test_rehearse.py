"""The rehearsal of the paper's profile: official lists, dead links, published names and formats, every page; small in size alone."""

import json
import os
import subprocess
import sys
from types import SimpleNamespace

import pandas as pd
import pytest
import torch
from conftest import ROOT

from yogalib.dataset.download import JOURNAL
from yogalib.errors import BadInput
from yogalib.models.checkpoints import STAND_INS, open_archive, sha256_of
from yogalib.models.encoders import OPENAI, open_encoder
from yogalib.models.published import archive_name
from yogalib.pages.inputs import NOTEBOOKS
from yogalib.profile import read_profile
from yogalib.study import Study
from yogalib.tools.rehearse import SHORT, rehearse, rehearsed, small_shape, write_archive


def leaves(values: dict, above: str = "") -> dict:
    """Dotted key to value."""
    found = {}
    for key, value in values.items():
        found |= leaves(value, f"{above}{key}.") if isinstance(value, dict) else {f"{above}{key}": value}
    return found


def test_rehearsed_profile_is_the_real_one_cut_in_length_and_says_so():
    real, short = (leaves(profile.model_dump()) for profile in (read_profile("paper"), rehearsed("paper")))
    assert {key for key in real | short if real.get(key) != short.get(key)} == {*SHORT, "name", "stand_in"}
    assert short["stand_in"].startswith("This is a rehearsal of profile 'paper'")


def test_drawn_profile_is_rehearsed_without_a_folder_of_images(tmp_path):
    words = dict(word.split("=") for word in rehearse("smoke", tmp_path / "smoke"))
    assert set(words) == {"PROFILE", "DATA_DIR", "RUNS_DIR", "REPORTS_DIR", "WEIGHTS_DIR", STAND_INS}
    assert {(ROOT / value).resolve().relative_to(tmp_path).parts[0] for value in words.values()} == {"smoke"}
    assert read_profile(ROOT / words["PROFILE"]) == rehearsed("smoke")
    assert STAND_INS not in os.environ


def test_stand_ins_take_the_published_ones_prompts_and_smaller_images():
    for name, published in OPENAI.items():
        small = small_shape(name)
        assert {key for key in published if small[key] == published[key]} >= {
            "vision_patch_size",
            "context_length",
            "vocab_size",
        }
        assert 48 <= small["image_resolution"] <= 128
    assert len({small_shape(name)["image_resolution"] for name in OPENAI}) > 3, "caches of several sizes"


@pytest.mark.parametrize("name", ["RN50x16", "ViT-L/14"])
def test_archive_of_a_rehearsal_opens_as_a_published_one_and_in_a_rehearsal_alone(name, tmp_path, monkeypatch):
    file, side = tmp_path / archive_name(name), small_shape(name)["image_resolution"]
    write_archive(name, file, seed=0)
    tensors = open_archive(file)
    assert (tensors["input_resolution"].item(), tensors["context_length"].item()) == (side, 77)
    assert tensors["visual.conv1.weight"].dtype == torch.float16
    with pytest.raises(BadInput, match="not the file that OpenAI published"):
        open_encoder(name, tmp_path)
    (tmp_path / "stand_ins.json").write_text(json.dumps({file.name: sha256_of(file)}))
    monkeypatch.setenv(STAND_INS, str(tmp_path / "stand_ins.json"))
    assert open_encoder(name, tmp_path).resolution == side
    with file.open("ab") as content:
        content.write(b"more")
    with pytest.raises(BadInput, match="not the file that OpenAI published"):
        open_encoder(name, tmp_path)


@pytest.fixture(scope="module")
def rehearsal(tmp_path_factory):
    """What `make rehearse PROFILE=paper` said and left: its folder, its report, its profile's file, its words."""
    home = tmp_path_factory.mktemp("home")
    ours = ("DATA", "LISTS", "VALIDATION", "RUNS_DIR", "REPORTS_DIR", "WEIGHTS_DIR", "MAKEFLAGS", "MAKELEVEL")
    environment = {key: value for key, value in os.environ.items() if key not in ours}
    command = ["make", f"PY={sys.executable}", "rehearse", "PROFILE=paper", f"DATA_DIR={home}"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    folder = home / "rehearsal" / "paper"
    profile, report = folder / "paper-rehearsal.yaml", folder / "reports" / "paper-rehearsal"
    return SimpleNamespace(folder=folder, profile=profile, report=report, said=done.stdout)


@pytest.mark.slow
def test_every_page_of_the_paper_profile_is_made_and_says_on_top_that_it_is_a_rehearsal(rehearsal):
    pages = {path.stem for path in rehearsal.report.glob("*.html")}
    assert pages == {*NOTEBOOKS, "index"} - {"08_summary"}
    for page in rehearsal.report.glob("*.html"):
        text = page.read_text()
        assert (
            "This is a rehearsal of profile &#39;paper&#39;" in text or "This is a rehearsal of profile 'paper'" in text
        )
    summary = json.loads((rehearsal.report / "summary.json").read_text())
    assert {claim["verdict"] for claim in summary["claims"]} - {"not comparable"}, "nothing was held against the paper"
    table = pd.read_csv(rehearsal.report / "tables" / "table_04.csv")
    assert set(table["encoder"]) == set(OPENAI)


@pytest.mark.slow
def test_rehearsal_meets_dead_links_the_official_split_and_yopos_folders(rehearsal, monkeypatch):
    images = rehearsal.folder / "images"
    told = pd.read_csv(images / "yoga82" / JOURNAL)["status"].value_counts(normalize=True)
    assert set(told.index) == {"ok", "http_404"}
    assert told["http_404"] == pytest.approx(1 / 3, abs=0.01)
    for name, value in (
        ("DATA", images / "yoga82"),
        ("LISTS", images / "lists"),
        ("DATA_DIR", rehearsal.folder / "data"),
    ):
        monkeypatch.setenv(name, str(value))
    study = Study.open(str(rehearsal.profile), {"split.method": "official"})
    assert set(study.index["status"]) == {"kept", "missing"}
    train, test = study.split(study.subset("all"))
    assert (train["split"] == "train").all()
    assert (test["split"] == "test").all()
    assert train["class"].nunique() == 82
    assert "of 107 folders are 78 of the 82 poses" in rehearsal.said
