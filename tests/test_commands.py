"""What a person waits for: a light command loads nothing heavy, arguments are looked at first, and a long wait is explained."""

import json
import time

import pytest
from conftest import run_python

from yogalib.__main__ import main
from yogalib.models import counting, meter
from yogalib.runs.progress import patience

HEAVY = ("torch", "clip", "torchvision", "sklearn", "scipy", "statsmodels", "matplotlib", "ultralytics")


def loaded_by(*command: str) -> tuple[int, list[str]]:
    """Return a command's exit code and which libraries it loaded, of the heavy ones, numpy and pandas."""
    told = run_python(
        f"import sys; from yogalib.__main__ import main\ncode = main({list(command)!r})\n"
        f"import json; print(json.dumps([code, [name for name in {(*HEAVY, 'numpy', 'pandas')!r} if name in sys.modules]]))"
    )
    return tuple(json.loads(told.splitlines()[-1]))


def test_process_beside_each_notebooks_kernel_is_light():
    told = run_python(
        "import sys; import yogalib.pages.notebook, yogalib.pages.due\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    assert told.splitlines()[-1] == "[]"


@pytest.mark.parametrize("command", ["predict", "evaluate"])
def test_missing_file_is_said_before_anything_is_loaded(command, folders):
    assert loaded_by(command, "/nowhere/there.jpg") == (2, [])


def test_missing_run_is_said_before_torch_is_loaded(photos, folders):
    assert loaded_by("predict", str(photos), "--run", "nobodys") == (2, ["numpy", "pandas"])


@pytest.mark.skipif(meter.gpu_name() is not None, reason="where there is a GPU, the doctor asks torch about it")
def test_doctor_does_without_torch(folders, photos, monkeypatch):
    monkeypatch.setenv("DATA", str(photos))
    # scipy's cosine transform hashes the photos for their index
    assert loaded_by("doctor") == (0, ["scipy", "numpy", "pandas"])


def test_plan_measures_the_machine_once_and_then_does_without_torch(folders, monkeypatch, capsys):
    measured = []
    monkeypatch.setattr(counting, "pace", lambda *_: measured.append(1) or 2e12)
    assert main(["plan", "paper"]) == 0
    first, said = capsys.readouterr()
    assert "2 T/s" in first
    assert "measuring this machine's pace in training steps of ViT-B/32, once ..." in said
    assert [file.name for file in folders.rglob("*") if file.is_file()] == ["pace.json"]
    assert main(["plan", "paper"]) == 0
    second, said = capsys.readouterr()
    assert second == first
    assert "measuring" not in said
    assert len(measured) == 1
    assert loaded_by("plan", "paper") == (0, ["numpy", "pandas"])


def test_long_wait_is_explained_and_a_short_one_is_not(capsys):
    with patience("thinking", seconds=0.05):
        time.sleep(0.3)
    assert capsys.readouterr().err == "thinking ...\n"
    with patience("thinking", seconds=0.3):
        pass
    time.sleep(0.4)
    assert capsys.readouterr().err == ""
