"""One environment, said in three files that must agree."""

import itertools
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from conftest import ROOT
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCK = (ROOT / "requirements.lock").read_text()
PINS = [Requirement(line.rstrip(" \\")) for line in LOCK.splitlines() if re.match(r"[a-zA-Z0-9]", line)]


def pinned() -> dict[str, str]:
    """Name to version, of the pins that hold on this machine."""
    here = [pin for pin in PINS if pin.marker is None or pin.marker.evaluate()]
    return {canonicalize_name(pin.name): str(pin.specifier).removeprefix("==") for pin in here}


def test_lock_satisfies_every_declared_requirement():
    declared = [
        *PROJECT["project"]["dependencies"],
        *itertools.chain(*PROJECT["project"]["optional-dependencies"].values()),
    ]
    for text in declared:
        requirement = Requirement(text)
        version = pinned().get(canonicalize_name(requirement.name))
        assert version, f"{requirement.name} is declared but not locked: run make lock"
        assert requirement.specifier.contains(version), f"{requirement.name} {version} is locked, {text} is declared"


def test_lock_is_exact_hashed_and_names_no_index():
    assert all(re.fullmatch(r"==[^*]+", str(pin.specifier)) for pin in PINS)
    assert LOCK.count("--hash=sha256:") > len(PINS)
    assert "://" not in LOCK
    assert "index-url" not in LOCK
    assert "find-links" not in LOCK


def test_headless_opencv_alone_is_installed():
    assert "opencv-python-headless" in pinned()
    assert "opencv-python" not in pinned()


def test_environment_yml_installs_from_the_lock():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    by_pip = next(entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict))
    assert by_pip == ["--requirement requirements.lock"]
    python = next(entry for entry in environment["dependencies"] if str(entry).startswith("python"))
    assert python.removeprefix("python") == PROJECT["project"]["requires-python"]


def test_this_environment_is_the_locked_one():
    from importlib.metadata import version

    for name in ("torch", "clip-anytorch", "papermill", "nbconvert", "numpy"):
        assert version(name).removesuffix("+cpu") == pinned()[name], f"{name} differs from the lock: run make setup"
    assert sys.version_info >= (3, 11)


UV = """#!/bin/sh
echo "$@" >> {log}
case "$*" in *--dry-run*) exit {reachable};; esac
exit 0
"""


def setup(folder: Path, *words: str, reachable: bool = True, card: bool = False) -> tuple[list[list[str]], str]:
    """Run `make setup` with a uv that only notes what it is asked: return those lines, and what make says."""
    shutil.rmtree(folder, ignore_errors=True)
    tools = folder / ".venv" / "bin"
    tools.mkdir(parents=True)
    for name in ("Makefile", "requirements.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    scripts = {"uv": UV.format(log=folder / "asked", reachable=int(not reachable)), "python": "#!/bin/sh\n"}
    scripts |= {"nvidia-smi": "#!/bin/sh\n"} if card else {}
    for name, text in scripts.items():
        (tools / name).write_text(text)
        (tools / name).chmod(0o755)
    path = f"{tools}:/usr/bin:/bin" if card else "/usr/bin:/bin"
    done = subprocess.run(
        ["make", "setup", *words], cwd=folder, env={"PATH": path}, capture_output=True, text=True, check=True
    )
    return [line.split() for line in (folder / "asked").read_text().splitlines()], done.stdout


SMALL = ["--torch-backend", "cpu", *(f"{name}=={pinned()[name]}" for name in ("torch", "torchvision"))]
on_linux = pytest.mark.skipif(
    sys.platform != "linux", reason="elsewhere the package index has torch without CUDA alone"
)


@on_linux
def test_setup_takes_the_small_torch_by_the_locks_versions_and_all_else_by_the_locks_hashes(tmp_path):
    asked, said = setup(tmp_path / "here", "TORCH=cpu")
    assert [words[1] for words in asked] == ["install", "sync", "install", "install"]
    assert asked[2][-4:] == asked[0][-4:] == SMALL
    assert asked[1][-1] == ".venv/cpu.lock"
    assert said == ""
    kept = (tmp_path / "here" / ".venv" / "cpu.lock").read_text()
    named = {line.split("==")[0] for line in kept.splitlines() if line[0].isalpha()}
    every = {line.split("==")[0] for line in LOCK.splitlines() if line[0].isalpha()}
    left_out = every - named
    assert {"torch", "torchvision", "triton", "nvidia-cublas", "cuda-toolkit"} <= left_out
    assert "nvidia-ml-py" in named
    assert all(name.startswith(("torch", "triton", "nvidia-", "cuda-")) for name in left_out)
    assert kept.count("--hash=sha256:") > len(named)


@on_linux
def test_setup_says_in_one_line_that_it_takes_the_large_torch_where_the_small_cannot_be_had(tmp_path):
    asked, said = setup(tmp_path / "here", "TORCH=cpu", reachable=False)
    assert [words[1] for words in asked] == ["install", "sync", "install"]
    assert asked[1] == ["pip", "sync", "--quiet", "requirements.lock"]
    assert said.count("\n") == 1
    assert "PyTorch's index" in said


@on_linux
def test_setup_takes_the_lock_as_it_is_where_there_is_a_card_or_when_told(tmp_path):
    for words, card in (([], True), (["TORCH=gpu"], False)):
        asked, said = setup(tmp_path / "here", *words, card=card)
        assert next(line[1:] for line in asked) == ["sync", "--quiet", "requirements.lock"]
        assert said == ""


@on_linux
def test_setup_replaces_a_small_torch_when_the_large_one_is_asked_for(tmp_path):
    setup(tmp_path / "here", "TORCH=cpu")
    (tmp_path / "here" / ".venv/lib/python3.11/site-packages/torch-2.15.0+cpu.dist-info").mkdir(parents=True)
    subprocess.run(["make", "setup", "TORCH=gpu"], cwd=tmp_path / "here", env={"PATH": "/usr/bin:/bin"}, check=True)
    last = (tmp_path / "here" / "asked").read_text().splitlines()[-2]
    assert last == "pip sync --quiet --reinstall-package torch --reinstall-package torchvision requirements.lock"
