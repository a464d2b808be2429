"""The whole thing as a user types it: make, notebooks, pages, and what happens when something is wrong."""

import contextlib
import html.parser
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest
from conftest import POSES, ROOT, own_profile, run_interactively, write_photos
from opened import check_openings

from yogalib.__main__ import main
from yogalib.pages.inputs import NOTEBOOKS
from yogalib.runs.plan import planned_runs
from yogalib.study import Study

TREE = next(iter(POSES))


def run(*command: str, home: Path, **variables: str) -> subprocess.CompletedProcess:
    """Run a command in the checkout with all outputs sent to `home`."""
    folders = {f"{name}_DIR": str(home / name.lower()) for name in ("DATA", "RUNS", "REPORTS", "WEIGHTS")}
    kept = {key: value for key, value in os.environ.items() if key not in ("DATA", "LISTS", "MAKEFLAGS", "MAKELEVEL")}
    environment = kept | folders | {"PY": sys.executable} | variables
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=1500, check=False)


def make(*words: str, home: Path) -> subprocess.CompletedProcess:
    """Run make with this very Python."""
    return run("make", f"PY={sys.executable}", f"REPORTS_DIR={home / 'reports'}", *words, home=home)


@dataclass
class Told:
    """What a command said."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def tell(capsys, monkeypatch):
    """Run a command of yogalib in this process: as a user would, less the seconds that a new Python takes."""

    def run_here(*words: str, home: Path, **variables: str) -> Told:
        for name in ("DATA", "LISTS"):
            monkeypatch.delenv(name, raising=False)
        for name in ("DATA", "RUNS", "REPORTS", "WEIGHTS"):
            monkeypatch.setenv(f"{name}_DIR", str(home / name.lower()))
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        code = main(list(words))
        said = capsys.readouterr()
        return Told(code, said.out, said.err)

    return run_here


@pytest.fixture(scope="module")
def reproduced(tmp_path_factory):
    """One whole run on drawn pictures: its home folder, its make words, and what make said."""
    home = tmp_path_factory.mktemp("reproduced")
    write_photos(home / "photos", per_class=15)
    (home / "photos" / TREE / "page.jpg").write_text("<html>404")
    words = ("reproduce", f"PROFILE={own_profile(home / 'tiny.yaml')}", f"DATA={home / 'photos'}")
    done = make(*words, home=home)
    assert done.returncode == 0, done.stdout + done.stderr
    return home, words, done


def test_reproduce_leaves_all_that_the_contract_lists(reproduced):
    home, _, done = reproduced
    report = home / "reports" / "tiny"
    numbers = ("01_dataset", "02_zero_shot", "03_syntax", "04_hyperparameters", "05_fine_tuning", "06_frugality")
    pages = [*numbers, "07_yolo_benchmark", "09_beyond", "10_atlas", "index"]
    assert {path.name for path in report.iterdir()} == {f"{page}.html" for page in pages} | {
        "tables",
        "figures",
        "summary.json",
    }
    for name in ("table_04", "table_07", "table_08", "table_09", "table_10", "table_a1", "table_a5", "table_benchmark"):
        assert len(pd.read_csv(report / "tables" / f"{name}.csv"))
    for name in ("figure_01", "figure_05", "figure_08", "figure_09", "figure_a2", "figure_a3"):
        assert (report / "figures" / f"{name}.svg").stat().st_size > 1000
        assert (report / "figures" / f"{name}.png").stat().st_size > 1000
    summary = json.loads((report / "summary.json").read_text())
    assert {"profile", "data", "versions", "machine", "seconds", "claims"} <= set(summary)
    assert {"id", "what", "paper", "ours", "low", "high", "n", "verdict", "why"} <= set(summary["claims"][0])
    assert summary["data"]["files"] == {"kept": 45, "not_an_image": 1}
    last = home / "runs" / "last"
    assert {path.name for path in last.iterdir()} == {
        "config.json",
        "history.csv",
        "predictions.parquet",
        "model.safetensors",
        "cost.json",
        "origin.json",
    }
    assert "1 not_an_image" in done.stdout


def test_plan_names_just_the_runs_that_reproduce_makes(reproduced, monkeypatch):
    home, words, _ = reproduced
    monkeypatch.setenv("DATA_DIR", str(home / "data"))
    monkeypatch.setenv("DATA", str(home / "photos"))
    planned = planned_runs(Study.open(words[1].removeprefix("PROFILE="), planned=True))
    made = [json.loads(path.read_text()) for path in (home / "runs").glob("[0-9a-f]*/config.json")]
    assert planned["kind"].value_counts().to_dict() == Counter(config["kind"] for config in made)
    assert planned.loc[planned["kind"] == "finetune", "model"].value_counts().to_dict() == Counter(
        config["encoder"] for config in made if config["kind"] == "finetune"
    )


def test_runs_made_ahead_are_just_those_that_the_notebooks_ask_for(reproduced, monkeypatch, tell):
    home, words, _ = reproduced
    told = tell("runs", words[1].removeprefix("PROFILE="), home=home, DATA=str(home / "photos"))
    assert told.returncode == 0
    made = [json.loads(path.read_text()) for path in (home / "runs").glob("[0-9a-f]*/config.json")]
    first = [config for config in made if not {"of", "parts"} & set(config)]
    assert f"runs: 0 made, {len(first)} in the store already, 0 failed" in told.stdout


def finished_runs(home: Path) -> dict[str, int]:
    """Each finished run, and when it was finished."""
    return {path.parent.name: path.stat().st_mtime_ns for path in (home / "runs").glob("[0-9a-f]*/config.json")}


@pytest.mark.slow
def test_ten_kills_change_no_number_and_train_nothing_twice(tmp_path):
    """`kill -9` of make, notebooks and workers at ten random moments, and again and again from there."""
    start = time.monotonic()
    whole = make("reproduce", "PROFILE=smoke", home=tmp_path / "whole")
    assert whole.returncode == 0, whole.stdout + whole.stderr
    span, home, rng = time.monotonic() - start, tmp_path / "killed", np.random.default_rng()
    folders = {f"{name}_DIR": str(home / name.lower()) for name in ("DATA", "RUNS", "REPORTS", "WEIGHTS")}
    command, known = ["make", f"PY={sys.executable}", "reproduce", "PROFILE=smoke"], {}
    for _ in range(10):
        started = subprocess.Popen(
            command, cwd=ROOT, env=os.environ | folders, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        time.sleep(rng.uniform(1, 0.3 * span))
        family = [*psutil.Process(started.pid).children(recursive=True), started]
        for process in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(family)
        assert known.items() <= finished_runs(home).items(), "a finished run was made anew"
        known = finished_runs(home)
    last = make("reproduce", "PROFILE=smoke", home=home)
    assert last.returncode == 0, last.stdout + last.stderr
    assert known.items() <= finished_runs(home).items()
    assert finished_runs(home).keys() == finished_runs(tmp_path / "whole").keys()
    reports = [place / "reports" / "smoke" for place in (home, tmp_path / "whole")]
    timed = {f"table_{name}.csv" for name in ("setting", "cost", "inference", "claims")}
    for name in {path.name for path in (reports[1] / "tables").iterdir()} - timed:
        killed, undisturbed = (pd.read_csv(report / "tables" / name, dtype=str) for report in reports)
        clocks = [column for column in undisturbed if name == "table_ways.csv" and column in ("seconds", "ms")]
        pd.testing.assert_frame_equal(killed.drop(columns=clocks), undisturbed.drop(columns=clocks), obj=name)
    claims = [json.loads((report / "summary.json").read_text())["claims"] for report in reports]
    assert untimed(claims[0]) == untimed(claims[1])


def untimed(claims: list[dict]) -> list[dict]:
    """The claims that do not tell of time."""
    return [claim for claim in claims if claim["unit"] not in ("min", "ms", "x")]


@pytest.mark.slow
@pytest.mark.parametrize("notebook", NOTEBOOKS)
def test_each_notebook_runs_by_itself_from_a_fresh_kernel(reproduced, notebook, tmp_path, monkeypatch):
    """As a person opens it in JupyterLab: in its own folder, none of the other pages made."""
    home, _, _ = reproduced
    for name in ("DATA", "RUNS", "WEIGHTS"):
        monkeypatch.setenv(f"{name}_DIR", str(home / name.lower()))
    monkeypatch.setenv("REPORTS_DIR", str(tmp_path))
    monkeypatch.setenv("DATA", str(home / "photos"))
    run_interactively(notebook, {"profile": str(home / "tiny.yaml")})
    handed = json.loads((tmp_path / ".build" / "tiny" / f"{notebook}.json").read_text())
    assert handed["tables"]
    for name in handed["tables"]:
        table = pd.read_csv(tmp_path / ".build" / "tiny" / "tables" / f"{name}.csv")
        # of conflicts and confused poses there may be none; the claims are the other pages', and none is made here
        assert len(table) or name in ("table_conflicts", "table_confused", "table_claims"), name


class Page(html.parser.HTMLParser):
    """What a page refers to."""

    def __init__(self):
        super().__init__()
        self.links, self.scripts, self.images = [], [], []

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.scripts += [attributes] * (tag == "script")
        if tag == "img":
            self.images.append(attributes)
        if tag in ("a", "link") and attributes.get("href"):
            self.links.append(attributes["href"])


def test_pages_stand_alone_and_their_links_resolve(reproduced):
    report = reproduced[0] / "reports" / "tiny"
    for file in report.glob("*.html"):
        page = Page()
        text = file.read_text()
        page.feed(text)
        # the template's own, and answers, which are data; none comes from elsewhere
        assert [script for script in page.scripts if script.get("type") != "application/json"] == [{}]
        assert len(text) < 3_000_000
        assert "Stand-in." in text
        assert "Traceback (most recent" not in text
        for link in page.links:
            assert link.startswith("#") or (report / link.partition("#")[0]).is_file(), f"{file.name}: {link}"
        for image in page.images:
            assert image["src"].startswith("data:image/webp;base64,")
            assert image["alt"]


def test_every_number_opens_as_many_pictures_as_it_says_and_photographs_stay_out(reproduced):
    home, _, _ = reproduced
    for name in ("02_zero_shot", "05_fine_tuning", "07_yolo_benchmark"):
        page = (home / "reports" / "tiny" / f"{name}.html").read_text()
        assert check_openings(page, home / "runs") >= 8, name
        assert 'class="tile"' not in page and ".tile { background-image" not in page  # photographs: the profile says no


def test_second_reproduce_does_nothing_and_says_so(reproduced):
    home, words, _ = reproduced
    before = {path: path.stat().st_mtime_ns for path in (home / "reports").rglob("*") if path.is_file()}
    again = make(*words, home=home)
    assert again.returncode == 0
    assert "nothing to do" in again.stdout
    assert {path: path.stat().st_mtime_ns for path in (home / "reports").rglob("*") if path.is_file()} == before


@pytest.mark.slow
def test_two_runs_with_one_seed_give_the_same_numbers(reproduced):
    home, words, _ = reproduced
    report = home / "reports" / "tiny" / "summary.json"
    first = json.loads(report.read_text())["claims"]
    for folder in ("reports", "runs"):
        shutil.move(home / folder, home / f"first_{folder}")
    try:
        assert make(*words, home=home).returncode == 0
        assert untimed(json.loads(report.read_text())["claims"]) == untimed(first)
    finally:
        for folder in ("reports", "runs"):
            shutil.rmtree(home / folder)
            shutil.move(home / f"first_{folder}", home / folder)


def test_failed_notebook_stops_the_run_and_leaves_the_old_report(reproduced):
    home, words, _ = reproduced
    report = home / "reports" / "tiny"
    before = (report / "index.html").read_bytes()
    taken = next((home / "photos" / TREE).glob("3.jpg"))
    run_folder = home / "runs"
    content = taken.read_bytes()
    taken.unlink()  # another data set: all notebooks are due
    shutil.move(run_folder, home / "aside")
    run_folder.write_text("in the way")
    try:
        done = make(*words, home=home)
        assert done.returncode == 2
        assert re.search(r"yogalib: 0[57]_\w+, cell \d+", done.stderr)  # the two that make starts first
        assert "Error" in done.stderr
        assert "[08_summary] running" not in done.stdout
        assert (report / "index.html").read_bytes() == before
        assert list((home / "reports" / ".build" / "tiny").glob("*.failed.ipynb"))
    finally:
        run_folder.unlink()
        shutil.move(home / "aside", run_folder)
        taken.write_bytes(content)


def test_dead_kernel_is_a_failure_whatever_the_saved_notebook_says(tmp_path, monkeypatch):
    import nbformat

    from yogalib.pages import notebook

    book = nbformat.v4.new_notebook(metadata={"language_info": {"name": "python"}})
    book.cells = [
        nbformat.v4.new_markdown_cell("# Dies"),
        nbformat.v4.new_code_cell('profile = "photos"', metadata={"tags": ["parameters"]}),
        nbformat.v4.new_code_cell("import os, signal; os.kill(os.getpid(), signal.SIGKILL)"),
    ]
    (tmp_path / "notebooks").mkdir()
    nbformat.write(book, tmp_path / "notebooks" / "09_dies.ipynb")
    book.cells[2] = nbformat.v4.new_code_cell("1 + 1")
    nbformat.write(book, tmp_path / "notebooks" / "10_stops_early.ipynb")
    monkeypatch.setattr(notebook, "ROOT", tmp_path)
    with pytest.raises(notebook.NotebookFailed, match="kernel died"):
        notebook.run_notebook("09_dies", "photos", tmp_path)
    with pytest.raises(notebook.NotebookFailed, match="did not reach its last cell"):
        notebook.run_notebook("10_stops_early", "photos", tmp_path)
    assert not list(tmp_path.glob("*.html"))


def test_predict_and_evaluate_use_the_finished_run(reproduced, tell):
    home, words, _ = reproduced
    told = tell("predict", str(home / "photos" / TREE / "0.jpg"), "--run", "last", "--top", "2", home=home)
    assert told.returncode == 0
    card, answer = told.stdout.split("\n\n")
    assert f"(last, last-{words[1].removeprefix('PROFILE=').rpartition('/')[2].removesuffix('.yaml')})" in card
    assert f"learnt from {json.loads((home / 'runs/last/origin.json').read_text())['pictures']} photographs" in card
    assert len(answer.splitlines()) == 3
    told = tell("predict", str(home / "photos"), "--run", "last", "--json", home=home)
    assert told.returncode == 2  # one file is a web page
    assert "page.jpg: not readable as a picture" in told.stderr
    answers = json.loads(told.stdout)
    assert len(answers) == 45
    assert sum(pose["probability"] for pose in answers[0]["poses"]) == pytest.approx(1)
    told = tell("evaluate", str(home / "photos"), "--run", "last", "--json", home=home)
    assert told.returncode == 0
    result = json.loads(told.stdout)
    assert set(result) == {"n", "top1", "top5", "low", "high", "sure", "per_class", "run"}
    assert result["run"]["photographs"] is True
    assert result["sure"]["n"] == sum(answer["sure"] for answer in answers)
    assert result["n"] == 45
    assert set(result["per_class"]) == set(POSES)
    assert result["low"] <= result["top1"] <= result["high"]
    by_hand = [answer["poses"][0]["folder"] == Path(answer["path"]).parent.name for answer in answers]
    assert sum(by_hand) / 45 == pytest.approx(result["top1"])
    assert "left out: 1 not_an_image" in told.stderr


def test_stored_predictions_are_what_the_stored_model_says(reproduced):
    home, _, _ = reproduced
    from yogalib.runs.store import find_run
    from yogalib.tools.predict import probabilities_of

    run = find_run("last", home / "runs")
    probabilities, good, bad = probabilities_of(run, [home / "photos" / path for path in run.predictions["path"]])
    assert len(good) == len(run.labels)
    assert not bad
    assert probabilities == pytest.approx(run.probabilities, abs=1e-5)


def test_mirrored_answers_do_not_change_when_the_picture_is_turned_over(reproduced, tmp_path):
    home, _, _ = reproduced
    from PIL import Image, ImageOps

    from yogalib.runs.store import find_run
    from yogalib.tools.predict import probabilities_of

    run, files = find_run("last", home / "runs"), {True: [], False: []}
    for number, path in enumerate(run.predictions["path"][:4]):
        with Image.open(home / "photos" / path) as picture:
            for turned, group in files.items():
                file = tmp_path / f"{number} {turned}.png"
                (ImageOps.mirror(picture) if turned else picture).convert("RGB").save(file)
                group.append(file)
    answers = {
        way: [probabilities_of(run, group, mirrored=way)[0] for group in files.values()] for way in (True, False)
    }
    assert answers[True][0] == pytest.approx(answers[True][1], abs=1e-4)
    assert answers[False][0] != pytest.approx(answers[False][1], abs=1e-4)


BAD = [
    ({}, "photo", "photos", "profile 'photo' is unknown: choose"),
    ({}, "photos", None, "needs a folder of images: add DATA=<folder>"),
    ({}, "photos", "nowhere", "nowhere is not there"),
    ({"encoder": "ViT-B/31"}, "own", "photos", "encoder 'ViT-B/31' is unknown"),
    ({"prompt": {"template": "Yoga", "names": "sanskrit"}}, "own", "photos", "must contain <category>"),
    ({"subset": "subset_ii"}, "own", "photos", "subset_ii needs a hand-picked list"),
    ({}, "own", "few", "leaves a class without test images"),
    ({"device": "cuda"}, "own", "photos", "no GPU is visible"),
]


@pytest.mark.parametrize(("change", "profile", "data", "message"), BAD)
def test_bad_input_is_one_clear_line_before_any_work(tmp_path, tell, change, profile, data, message):
    import torch

    if "device" in change and torch.cuda.is_available():
        pytest.skip("this machine has the GPU that the test does without")
    write_photos(tmp_path / "photos", per_class=5)
    write_photos(tmp_path / "few", per_class=1)
    own = own_profile(tmp_path / "own.yaml", **{key: value for key, value in change.items() if key != "device"})
    if "device" in change:
        own.write_text(own.read_text().replace("device: auto", "device: cuda"))
    variables = {"DATA": str(tmp_path / data)} if data else {}
    told = tell("prepare", str(own) if profile == "own" else profile, home=tmp_path, **variables)
    assert told.returncode == 2
    (line,) = [line for line in told.stderr.splitlines() if line.startswith("yogalib:")]
    assert message in line
    assert not (tmp_path / "runs").exists()


def test_make_stops_at_bad_input_with_code_2_and_no_traceback(tmp_path):
    done = make("reproduce", "PROFILE=photo", home=tmp_path)
    assert done.returncode == 2
    assert "yogalib: profile 'photo' is unknown" in done.stderr
    assert "Traceback" not in done.stderr
    assert "running" not in done.stdout


def test_raw_scrape_ends_in_a_message_that_names_what_was_dropped(shared, tmp_path):
    done = make("reproduce", "PROFILE=photos", f"DATA={shared / 'scraped-raw'}", home=tmp_path)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("yogalib:")]
    assert re.search(r"no usable image among the 231 files.*not_an_image.*too_small.*unknown_class", line)
    assert len(pd.read_csv(tmp_path / "data" / "photos" / "dropped.csv")) == 231


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["predict", "nowhere.jpg"], "nowhere.jpg is not there"),
        (["predict", ".", "--run", "last"], "run 'last' not found"),
        (["evaluate", ".", "--run", "no/such/run"], "not found"),
        (["weights", "ViT-X"], "no weights named 'ViT-X' are published"),
    ],
)
def test_commands_refuse_in_one_line(tmp_path, tell, words, message):
    told = tell(*words, home=tmp_path)
    assert told.returncode == 2
    assert message in told.stderr
    assert len(told.stderr.splitlines()) == 1


def test_doctor_says_for_each_profile_what_is_missing(tmp_path, tell, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    told = tell("doctor", home=tmp_path)
    assert told.returncode == 0
    lines = {line.split()[0]: line for line in told.stdout.splitlines()}
    assert "add DATA=<folder>" in lines["photos"]
    assert re.search(
        r"python -m yogalib weights RN50 .*ViT-L/14@336px'", lines["paper"]
    )  # all that is missing, at once
    assert "ready: make reproduce PROFILE=smoke" in lines["smoke"]
    write_photos(tmp_path / "photos")
    told = tell("doctor", home=tmp_path, DATA=str(tmp_path / "photos"))
    assert "ready: make reproduce PROFILE=photos DATA=... (36 images)\n" in told.stdout
    shutil.copytree(tmp_path / "photos" / TREE, tmp_path / "photos" / "half_moom")
    told = tell("doctor", home=tmp_path, DATA=str(tmp_path / "photos"))
    assert re.search(
        r"\(36 images\); 12 images lie in folders .* 12 in 'half_moom' \(nearest: Half Moon.*names.csv", told.stdout
    )


def test_make_alone_prints_the_targets(tmp_path):
    done = make(home=tmp_path)
    for target in ("reproduce", "test", "lab", "bench", "doctor", "clean"):
        assert re.search(rf"^{target} +\S", done.stdout, re.MULTILINE)


def test_committed_notebooks_carry_no_output():
    for file in sorted((ROOT / "notebooks").glob("*.ipynb")):
        for cell in json.loads(file.read_text())["cells"]:
            assert not cell.get("outputs"), file.name
            assert not cell.get("execution_count"), file.name
