"""Nothing of ours outlives make: whatever is stopped, and however, kernels, trainings and workers are gone two seconds later."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path

import nbformat
import psutil
import pytest
import yaml
from conftest import ROOT, at_work, own_profile, write_photos

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="make and its signals")
SECONDS = 4 if os.environ.get("CI") else 2
HOW = [] if sys.platform == "win32" else [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP]
WARM = 3  # seconds of a processor: imports are over

# the members of the tree, from the outermost make to YOLO's worker, by their command lines
MEMBERS: dict[str, Callable[[str], bool]] = {
    "make": lambda command: command.startswith("make") and "reproduce" in command,
    "recipe's shell": lambda command: "make --question" in command,
    "inner make": lambda command: command.startswith("make") and command.endswith("report"),
    "notebook": lambda command: command.endswith(".yaml") and "yogalib notebook 07" in command,
    "kernel": lambda command: "ipykernel_launcher" in command,
    "worker": lambda command: "popen_loky" in command,
    "ray's task": lambda command: command.startswith("ray::") and "IDLE" not in command,
}


def left_of(look: Callable[[], list]) -> list:
    """What `look` still finds after SECONDS."""
    deadline = time.monotonic() + SECONDS
    while (found := look()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


class Home:
    """A folder for all outputs, and the processes that write there: the environment tells them from all others."""

    def __init__(self, folder: Path):
        self.folders = {f"{name}_DIR": str(folder / name.lower()) for name in ("DATA", "RUNS", "REPORTS", "WEIGHTS")}
        kept = {
            key: value for key, value in os.environ.items() if key not in ("DATA", "LISTS", "MAKEFLAGS", "MAKELEVEL")
        }
        self.environment = kept | self.folders

    def start(self, *words: str) -> subprocess.Popen:
        """Start make in a session of its own, as a terminal would."""
        command = ["make", f"PY={sys.executable}", f"REPORTS_DIR={self.folders['REPORTS_DIR']}", "reproduce", *words]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "start_new_session": True}
        before = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # under nohup all that is started would ignore it, too
        try:
            return subprocess.Popen(command, cwd=ROOT, env=self.environment, **quiet)
        finally:
            signal.signal(signal.SIGHUP, before)

    def processes(self) -> dict[psutil.Process, str]:
        """The living ones, and their command lines."""
        found = {}
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.environ().get("RUNS_DIR") == self.folders["RUNS_DIR"] and process.status() != "zombie":
                    found[process] = " ".join(process.cmdline())
        return found

    def members(self, name: str) -> list[psutil.Process]:
        return [process for process, command in self.processes().items() if MEMBERS[name](command)]

    def wait_for(self, *counts: tuple[str, int]) -> None:
        """Wait until so many of these are there and at work: what merely starts, and looks after nobody yet, takes seconds."""
        deadline = time.monotonic() + 900
        while True:
            found = {name: self.members(name) for name, _ in counts}
            busy = all(each.cpu_times().user > WARM for members in found.values() for each in members)
            if busy and all(len(found[name]) == count for name, count in counts):
                return
            assert self.members("make"), "make ended by itself"
            assert time.monotonic() < deadline
            time.sleep(0.1)

    def left(self) -> list[str]:
        """What still lives after SECONDS."""
        return left_of(lambda: list(self.processes().values()))


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    here = Home(tmp_path)
    yield here
    for process in here.processes():
        with contextlib.suppress(psutil.NoSuchProcess):  # it was about to end
            process.kill()


def test_killed_make_takes_a_drawing_and_its_workers_along(home):
    make = home.start("PROFILE=mini")
    while (
        len(list(Path(home.folders["DATA_DIR"]).glob(".synthetic-*.partial/*"))) < 4
    ):  # both are at their second class
        assert make.poll() is None
        time.sleep(0.05)
    make.kill()  # and nobody waits for it: a zombie keeps its number
    assert not home.left()
    assert not list(Path(home.folders["DATA_DIR"]).glob("synthetic-*")), "the kill came too late to tell"


def test_killed_notebook_takes_its_kernel_along(home, tmp_path):
    book = nbformat.v4.new_notebook(metadata={"language_info": {"name": "python"}})
    book.cells = [
        nbformat.v4.new_code_cell('profile = "photos"', metadata={"tags": ["parameters"]}),
        nbformat.v4.new_code_cell("from pathlib import Path; Path('begun').touch(); import time; time.sleep(100)"),
    ]
    (tmp_path / "notebooks").mkdir()
    nbformat.write(book, tmp_path / "notebooks" / "01_sleeps.ipynb")
    script = f"""
from pathlib import Path
from yogalib.pages import notebook
notebook.ROOT = Path({str(tmp_path)!r})
notebook.run_notebook("01_sleeps", "photos", notebook.ROOT)
"""
    started = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, env=home.environment)
    while not (tmp_path / "begun").exists():
        assert started.poll() is None
        time.sleep(0.1)
    assert len(home.members("kernel")) == 1
    started.kill()
    assert not home.left()


@pytest.fixture
def training(home, tmp_path) -> Home:
    """A small study with a fine-tuning and a training of YOLO at work side by side, both of which would take an hour."""
    write_photos(tmp_path / "photos", per_class=15)
    profile = own_profile(tmp_path / "tiny.yaml", epochs=3000)
    values = yaml.safe_load(profile.read_text())
    values["yolo"]["epochs"] = 3000
    profile.write_text(yaml.safe_dump(values))
    home.make = home.start(f"PROFILE={profile}", f"DATA={tmp_path / 'photos'}", "JOBS=2")
    home.wait_for(("worker", 1), ("kernel", 2))
    return home


# GNU make, when it alone is told to hang up, waits for its children; only Linux shows that, and only the outermost is looked at
WAITS = {("inner make", "SIGHUP")} | (set() if Path("/proc").is_dir() else {("make", "SIGHUP")})


@pytest.mark.slow
@pytest.mark.parametrize(
    ("member", "how"),
    [pair for pair in product(["make", "recipe's shell", "inner make"], HOW) if (pair[0], pair[1].name) not in WAITS],
    ids=lambda value: getattr(value, "name", value),
)
def test_nothing_outlives_make(training, member, how):
    (victim,) = training.members(member)
    victim.send_signal(how)
    assert not training.left()


@pytest.mark.slow
def test_killed_make_takes_rays_tasks_and_servers_along(home, tmp_path):
    write_photos(tmp_path / "photos", per_class=15)
    profile = own_profile(tmp_path / "tiny.yaml", epochs=3000)
    make = home.start(f"PROFILE={profile}", f"DATA={tmp_path / 'photos'}", "EXECUTOR=ray")
    home.wait_for(("ray's task", os.cpu_count()))
    make.kill()
    assert not home.left()


@pytest.mark.slow
def test_closed_terminal_takes_all_along(training):
    os.killpg(training.make.pid, signal.SIGHUP)
    assert not training.left()


@pytest.mark.slow
@pytest.mark.parametrize("how", HOW, ids=lambda how: how.name)
@pytest.mark.parametrize("member", ["notebook", "kernel", "worker"])
def test_what_a_killed_process_started_ends_with_it(training, member, how):
    """Make itself waits for the other notebook then, and says what failed at the end."""
    (worker,) = training.members("worker")
    victim = next(each for each in [*worker.parents(), worker] if each in training.members(member))
    below = [*victim.children(recursive=True), victim]
    victim.send_signal(how)
    assert not left_of(lambda: [each for each in below if at_work(each)])
    training.make.kill()
    assert not training.left()
