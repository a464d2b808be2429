"""Every command of the README is run by a test, and its marked snippets are run here."""

import json
import os
import re
import runpy
import shlex
import shutil
import signal
import subprocess
import sys
import time
from io import StringIO
from pathlib import Path

import httpx
import numpy as np
import pandas as pd
import pytest
import yaml
from conftest import ROOT, draw

from yogalib.__main__ import _parser, main
from yogalib.dataset.index import build_index
from yogalib.dataset.lists import NAMES
from yogalib.dataset.subsets import POSES as SIX
from yogalib.facts.taxonomy import class_of, load_taxonomy
from yogalib.profile import FOLDER, Written, read_profile
from yogalib.synthetic.poses import read_poses, written_entries

README = (ROOT / "README.md").read_text(encoding="utf-8")
# what a command begins with -> the test that runs it, in a small setting; a new command needs a line, so a test
RUN_BY = {
    r"make( help)?$": "test_reproduce.py::test_make_alone_prints_the_targets",
    r"(RAY_ADDRESS=\S+ )?make (reproduce .*EXECUTOR=ray|runs)\b": "tools/test_executor.py::test_cluster_that_loses_a_node_makes_the_same_runs_to_the_byte",
    r"\S*ray start\b": "tools/test_executor.py::test_cluster_that_loses_a_node_makes_the_same_runs_to_the_byte",
    r"make reproduce\b": "test_reproduce.py::test_reproduce_leaves_all_that_the_contract_lists",
    r"make plan\b": "runs/test_plan.py::test_plan_says_it_all_in_one_page_and_leaves_its_pace_alone",
    r"make rehearse\b": "tools/test_rehearse.py::test_every_page_of_the_paper_profile_is_made_and_says_on_top_that_it_is_a_rehearsal",
    r"make doctor\b": "test_reproduce.py::test_doctor_says_for_each_profile_what_is_missing",
    r"make test(-full)?\b": "test_readme.py::test_make_test_collects_the_tests",
    r"make lab\b": "test_readme.py::test_lab_opens_on_the_notebooks_with_this_environments_kernel",
    r"make clean\b": "test_readme.py::test_clean_removes_what_was_made_and_nothing_else",
    r"make pretrain-lite\b": "tools/test_pretrain_lite.py::test_killed_lite_goes_on_to_the_same_weights",
    r"make pretrain-yolo\b": "tools/test_pretrain_yolo.py::test_killed_yolo_goes_on_to_the_same_weights",
    r"make pretrain\b": "tools/test_pretrain.py::test_killed_run_goes_on_to_the_same_weights",
    r"(make|\S*python -m yogalib) bench\b": "tools/test_bench.py::test_make_bench_prints_every_row_and_keeps_it_when_asked",
    r"make (setup|lint|lock)\b": "test_environment.py::test_this_environment_is_the_locked_one",
    r"\S*python -m yogalib predict\b": "test_reproduce.py::test_predict_and_evaluate_use_the_finished_run",
    r"\S*python -m yogalib evaluate\b": "test_reproduce.py::test_predict_and_evaluate_use_the_finished_run",
    r"\S*python -m yogalib written\b": "models/test_written.py::test_written_run_answers_for_photographs_and_names_a_pose_of_ones_own",
    r"\S*python -m yogalib weights blazepose\b": "models/test_blazepose.py::test_weights_are_unpacked_from_the_wheel_and_nothing_is_installed",
    r"\S*python -m yogalib download\b": "dataset/test_download.py::test_every_kind_of_bad_answer_has_its_status",
    r"\S*python -m yogalib weights\b": "test_readme.py::test_weights_are_asked_for_by_the_names_that_the_readme_gives",
    r"\.venv/bin/python mine\.py": "test_readme.py::test_snippets_of_the_readme_run_as_printed",
    r"cp \S+ my-clip.safetensors": "test_readme.py::test_snippets_of_the_readme_run_as_printed",
    r"\S*python -m yogalib synthesize\b": "test_readme.py::test_synthesize_draws_a_folder_that_the_index_takes_whole",
}


def commands(text: str) -> list[str]:
    """Return the commands of a document: the lines of its sh blocks, and what stands in the text between backticks."""
    blocks = re.findall(r"^```(?:sh|bash|console)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    spans = [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", prose)]
    spans = [span for span in spans if re.match(r"make( |$)|\S*python -m yogalib \w|\.venv/bin/", span)]
    found = [re.sub(r"\s+#.*", "", line).strip() for line in [*lines, *spans]]
    return sorted({line.removeprefix("$ ") for line in found if line})


COMMANDS = commands(README)


def test_commands_are_found_in_blocks_and_in_the_text():
    text = "a `make lab\nDATA=x` b\n```sh\nmake test    # the tests\n.venv/bin/python -m yogalib \\\n  doctor\n```\n`makes` `-m`"
    assert commands(text) == [".venv/bin/python -m yogalib    doctor", "make lab DATA=x", "make test"]
    assert len(COMMANDS) > 10


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_of_the_readme_is_run_by_a_test(command):
    tests = [test for pattern, test in RUN_BY.items() if re.match(pattern, command)]
    assert tests, f"no test runs '{command}': write one and name it in RUN_BY"
    file, _, name = tests[0].partition("::")
    assert f"def {name}(" in (ROOT / "tests" / file).read_text(), f"{tests[0]} is not there"


@pytest.mark.parametrize("command", [each for each in COMMANDS if " -m yogalib " in each])
def test_options_in_the_readme_are_the_command_lines_own(command):
    words = shlex.split(command)
    _parser().parse_args([word for word in words[words.index("yogalib") + 1 :] if word != "..."])


@pytest.mark.parametrize("file", ["README.md", "CONTRIBUTING.md"])
def test_make_knows_every_target_that_the_documents_name(file):
    found = {
        each for command in commands((ROOT / file).read_text()) for each in re.findall(r"^make ([a-z-]+)", command)
    }
    known = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert found <= known
    variables = {name for command in COMMANDS for name in re.findall(r" ([A-Z_]+)=", command)}
    assert all(re.search(rf"\b{name}\b", (ROOT / "Makefile").read_text()) for name in variables), variables


def test_make_test_collects_the_tests(tmp_path):
    small = {"PYTEST_ADDOPTS": "--collect-only tests/test_environment.py tests/dataset/test_download.py"}
    said = {}
    for target in ("test", "test-full"):
        done = subprocess.run(
            ["make", f"PY={sys.executable}", target],
            cwd=ROOT, env=os.environ | small, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        said[target] = done.stdout
    assert "test_twenty_kills" in said["test-full"]
    assert "test_twenty_kills" not in said["test"]


def test_clean_removes_what_was_made_and_nothing_else(tmp_path):
    shutil.copy(ROOT / "Makefile", tmp_path)
    for folder in (".venv", "data", "runs", "reports/.build", "reports/mini", "notebooks"):
        (tmp_path / folder).mkdir(parents=True)
    subprocess.run(["make", "clean"], cwd=tmp_path, check=True, env={"PATH": os.environ["PATH"]})
    assert {path.name for path in tmp_path.iterdir()} == {"Makefile", "reports", "notebooks"}
    assert {path.name for path in (tmp_path / "reports").iterdir()} == {"mini"}


def test_weights_are_asked_for_by_the_names_that_the_readme_gives(folders, monkeypatch, capsys):
    line = next(command for command in COMMANDS if "yogalib weights" in command)
    names = line.partition(" weights ")[2].split()
    paper = read_profile("paper")
    assert set(names) == {*paper.encoders, paper.yolo.model}
    monkeypatch.setattr("yogalib.models.published.bring_weights", lambda name, weights, source: weights / name)
    assert main(["weights", *names]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(names)


@pytest.mark.slow
def test_synthesize_draws_a_folder_that_the_index_takes_whole(tmp_path):
    assert main(["synthesize", "--out", str(tmp_path / "drawn"), "--images", "82", "--seed", "0", "--size", "64"]) == 0
    index = build_index(tmp_path / "drawn", 48)
    assert (index["status"] == "kept").all()
    assert index["class"].nunique() == 82


@pytest.mark.slow
def test_lab_opens_on_the_notebooks_with_this_environments_kernel(tmp_path):
    (tmp_path / "jupyter_server_config.json").write_text('{"ServerApp": {"allow_root": true}}')  # as containers need
    own = {"JUPYTER_CONFIG_DIR": str(tmp_path), "JUPYTER_RUNTIME_DIR": str(tmp_path)}
    command = ["make", f"PY={sys.executable}", "lab", f"DATA={tmp_path / 'photos'}"]
    lab = subprocess.Popen(
        command, cwd=ROOT, env=os.environ | own | {"BROWSER": "true"}, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        for _ in range(600):
            if found := list(tmp_path.glob("jpserver-*.json")):
                break
            time.sleep(0.2)
        server = json.loads(found[0].read_text())
        ask = httpx.Client(base_url=server["url"], headers={"Authorization": f"token {server['token']}"}, timeout=60)
        for _ in range(150):  # the file is there a moment before the server answers
            try:
                names = {item["name"] for item in ask.get("api/contents").json()["content"]}
                break
            except httpx.TransportError:
                time.sleep(0.2)
        assert {"00_try_it.ipynb", "01_dataset.ipynb", "08_summary.ipynb"} <= names
        assert ask.get("api/kernelspecs").json()["default"] == "python3"
        kernel = ask.post("api/kernels", json={"name": "python3"}).json()
        assert kernel["name"] == "python3"
        assert "/lab/tree/00_try_it.ipynb" in ask.get("").headers["location"]
        page = ask.get("lab")
        assert page.status_code == 200
        assert re.search(r'"disabledExtensions": \[[^]]*announcements"', page.text)  # no question about news pops up
    finally:
        os.killpg(lab.pid, signal.SIGTERM)
        lab.wait(timeout=60)


def snippets() -> dict[str, list[tuple[str, str]]]:
    """Return language and text of each fenced block after a line such as <!-- tested: extend-encoder -->, by that name, in order."""
    found = re.findall(r"^<!-- tested: ([\w-]+) -->\n+```(\w+)\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    return {name: [block[1:] for block in found if block[0] == name] for name, _, _ in found}


@pytest.fixture
def after_reproduce(folders, monkeypatch):
    """A checkout whose profile mini draws six poses alone, and a picture of one's own."""
    values = yaml.safe_load((FOLDER / "mini.yaml").read_text())
    six = load_taxonomy().set_index("sanskrit")["folder"][list(SIX)].tolist()
    values["data"]["synthetic"] |= {"images": 96, "classes": six, "size": 64}
    values["small_runs"]["repeats"] = 2
    (folders / "profiles").mkdir()
    (folders / "profiles" / "mini.yaml").write_text(yaml.safe_dump(values))
    (folders / "yogalib").symlink_to(ROOT / "yogalib")
    draw("line", np.random.default_rng(0)).save(folders / "picture.jpg")
    monkeypatch.setattr("yogalib.profile.FOLDER", folders / "profiles")
    monkeypatch.setattr("yogalib.runs.asks.Written", lambda: Written(bodies=2, epochs=1))
    monkeypatch.chdir(folders)
    return folders


@pytest.mark.parametrize("name", snippets())
def test_snippets_of_the_readme_run_as_printed(name, after_reproduce, capsys):
    """One after the other, as they are typed after a make reproduce, in a small world; each table has its n and its interval."""
    for language, text in snippets()[name]:
        {"python": run_script, "sh": run_commands, "csv": take_names, "yaml": learn_poses}[language](
            text, after_reproduce
        )
        said = capsys.readouterr().out
        if language == "python" and "print" in text:
            heading, *rows = said.splitlines()
            assert "n" in heading.split()
            assert "95 % interval" in heading
            assert len(rows) >= 3
            assert all(re.search(r"[\d.]+ to [\d.]+ .*\b\d+\b", row) for row in rows), said
        if language == "sh" and "predict" in text:
            assert "(last, last-mini-changed): my-clip.safetensors fine-tuned, 6 poses, profile mini-changed" in said
            assert "it has seen no photograph" in said
            assert "picture.jpg" in said
        if language == "yaml":
            assert re.search(r"83 poses learnt, [\d.]+% \(95 %: [\d.]+% to [\d.]+%\) of 1660 other drawn bodies", said)


def run_script(text: str, folder: Path) -> None:
    (folder / "script.py").write_text(text)
    found = runpy.run_path(str(folder / "script.py"))
    if "overrides" in found:
        read_profile("mini", found["overrides"])


def run_commands(text: str, folder: Path) -> None:
    for line in commands(f"```sh\n{text}```\n"):
        words = shlex.split(line)
        if "yogalib" in words:
            assert main(words[words.index("yogalib") + 1 :]) == 0
        else:
            subprocess.run(words, cwd=folder, check=True)


def take_names(text: str, folder: Path) -> None:
    rows = pd.read_csv(StringIO(text))
    for row in rows.itertuples():
        (folder / "own" / row.folder).mkdir(parents=True)
        draw("line", np.random.default_rng(0)).save(folder / "own" / row.folder / "1.png")
    (folder / "own" / NAMES).write_text(text)
    index = build_index(folder / "own", 64)
    assert (index["status"] == "kept").all()
    assert set(index["class"]) == {class_of(pose) for pose in rows["pose"]}


def learn_poses(text: str, folder: Path) -> None:
    (folder / "my_poses.yaml").write_text(text)
    assert main(["written", "--poses", "my_poses.yaml"]) == 0
    entries = written_entries(folder / "my_poses.yaml")
    assert list(entries)[82:] == [82]
    assert len(read_poses(dict([entries[82]]))[entries[82][0]].names) == 2
