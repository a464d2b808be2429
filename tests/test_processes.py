"""Work in processes of its own: it comes back in order, leaves nothing behind, and no process outlives its parent."""

import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from conftest import at_work

from yogalib.processes import in_own_process, in_parallel
from yogalib.synthetic.world import write_world


def wait_for(files: list[Path]) -> list[psutil.Process]:
    """The processes whose numbers stand in files that they write."""
    deadline = time.monotonic() + 60
    while not all(file.exists() and file.read_text().endswith("\n") for file in files):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return [psutil.Process(int(file.read_text())) for file in files]


def test_script_without_a_main_guard_opens_a_drawn_profile(folders):
    script = folders / "script.py"
    script.write_text("""
from yogalib.study import Study
two = {"data.synthetic.images": 12, "data.synthetic.classes": ["Tree_Pose_or_Vrksasana_", "Chair_Pose_or_Utkatasana_"]}
print(len(Study.open("smoke", two).subset("all")))
""")
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= 12


KILLED = """
import os, sys, time
from pathlib import Path
from yogalib.processes import in_own_process, in_parallel

def work(place):
    Path(sys.argv[1], str(place)).write_text(f"{os.getpid()}\\n")
    time.sleep(100)

if sys.argv[2] == "parallel":
    in_parallel(work, [(0,), (1,)], "wait", "piece")
else:
    in_own_process(work, 0, environment={}, log=Path(sys.argv[1], "log"))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="a process keeps its dead parent's number there")
@pytest.mark.parametrize(("how", "count"), [("parallel", 2), ("own", 1)])
def test_workers_end_with_a_killed_parent(tmp_path, monkeypatch, how, count):
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "2")
    started = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path), how], stderr=subprocess.DEVNULL)
    found = wait_for([tmp_path / str(place) for place in range(count)])
    started.kill()
    started.wait()
    _, left = psutil.wait_procs(found, timeout=2)
    assert not list(filter(at_work, left))


def test_answers_come_in_order_and_the_processes_go():
    def work(place: int) -> tuple[int, int]:
        time.sleep(0.2 * (place == 0))
        return place, os.getpid()

    places, processes = zip(*in_parallel(work, [(place,) for place in range(6)], "count", "piece"), strict=True)
    assert places == tuple(range(6))
    assert os.getpid() not in processes
    assert not any(psutil.pid_exists(number) for number in processes)


def test_an_error_reaches_the_caller_at_once_and_ends_the_rest(tmp_path, monkeypatch):
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "2")

    def work(place: int) -> None:
        (tmp_path / str(place)).write_text(f"{os.getpid()}\n")
        while place == 0 and not (tmp_path / "1").exists():
            time.sleep(0.05)
        if place == 0:
            raise ValueError("piece 0 is bad")
        time.sleep(100)

    with pytest.raises(ValueError, match="piece 0 is bad"):
        in_parallel(work, [(0,), (1,)], "wait", "piece")
    assert not any(psutil.pid_exists(int((tmp_path / str(place)).read_text())) for place in range(2))


def test_workers_find_the_environment_that_is_meant_for_them(tmp_path, monkeypatch):
    def work(*names: str) -> list[str | None]:
        print("to the log")
        return [os.environ.get(name) for name in names]

    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    names = ("OMP_NUM_THREADS", "YOLO_OFFLINE")
    assert in_parallel(work, [names], "look", "piece") == [["3", None]]
    told = in_own_process(work, *names, environment={"YOLO_OFFLINE": "true"}, log=tmp_path / "log")
    assert told == ["3", "true"]
    assert "YOLO_OFFLINE" not in os.environ
    assert (tmp_path / "log").read_text() == "to the log\n"


def test_error_of_a_process_of_its_own_is_told_in_words(tmp_path):
    def fail() -> None:
        class Unknown(Exception):  # as of a library that the caller has not imported
            def __init__(self, one, two):
                super().__init__(f"{one} {two}")

        raise Unknown("not", "today")

    def die() -> None:
        os.write(2, b"last words")
        os._exit(9)

    with pytest.raises(RuntimeError, match="Unknown: not today"):
        in_own_process(fail, environment={}, log=tmp_path / "log")
    with pytest.raises(RuntimeError, match="(?s)terminated.*last words"):
        in_own_process(die, environment={}, log=tmp_path / "log")


def test_drawn_world_is_the_same_however_many_draw_it(tmp_path, monkeypatch):
    def digest(count: str) -> str:
        monkeypatch.setenv("LOKY_MAX_CPU_COUNT", count)
        classes = ["Tree_Pose_or_Vrksasana_", "Cobra_Pose_or_Bhujangasana_", "Sitting_pose_1_normal"]
        write_world(tmp_path / count, images=36, seed=1, classes=classes, size=64)
        files = sorted(path for path in (tmp_path / count).rglob("*") if path.is_file())
        return hashlib.sha256(b"".join(path.name.encode() + path.read_bytes() for path in files)).hexdigest()

    assert digest("1") == digest("2")
