"""One environment, said in three files that must agree."""

import itertools
import re
import sys
import tomllib

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
        assert version(name) == pinned()[name], f"{name} differs from the lock: run make setup"
    assert sys.version_info >= (3, 11)
