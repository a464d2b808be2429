"""What `make reproduce` says while it works: plain lines, which read as well in a log as on a terminal."""

import json
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from time import perf_counter

PLAN = "YOGALIB_PLAN"  # for the kernel of a notebook that make runs: how much work each run is that it will ask for


@dataclass
class Progress:
    """Counts the runs that a notebook asks for; the time left follows from those that were made, by the work that was planned for them."""

    planned: list[int]
    asked: set[str] = field(default_factory=set)
    seconds: float = 0.0
    worked: int = 0

    @contextmanager
    def making(self, run: str, what: str) -> Iterator[None]:
        """Say which run is being made, of how many, and about how long the notebook's runs will take yet."""
        place, start = len(self.asked - {run}), perf_counter()
        of = f" of {len(self.planned)}" if place < len(self.planned) else ""
        _say(f"run {place + 1}{of}: {what}{self._left(place)}")
        yield
        self.seconds += perf_counter() - start
        self.worked += sum(self.planned[place : place + 1])

    def _left(self, place: int) -> str:
        if not self.worked or place >= len(self.planned):
            return ""
        return f"; about {duration(self.seconds / self.worked * sum(self.planned[place:]))} left"


@cache
def progress() -> Progress | None:
    """Return the progress of the notebook that runs in this process; None when nobody planned it."""
    return Progress(json.loads(os.environ[PLAN])) if os.environ.get(PLAN) else None


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def planned_work(notebook: str, profile: str) -> list[int]:
    """Return for each run that a notebook will ask for, in its order, how many pictures it goes through.

    Going back through the network takes twice as long as going forth, so that a training picture counts three times.
    """
    from yogalib.runs.plan import NOTEBOOKS, Plan

    plan = Plan.open(profile)
    NOTEBOOKS.get(notebook, lambda _: None)(plan)
    return [note["epochs"] * (3 * note["train"] + note["test"]) for note in plan.notes.values()]


def duration(seconds: float) -> str:
    """Return a time in the unit that suits it."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"


def quiet_papermill(notebook: str) -> None:
    """Let through, of all that papermill says, what the notebook's runs and progress bars print, a line each."""
    handler = logging.StreamHandler()
    handler.terminator = ""
    handler.addFilter(_Told())
    handler.setFormatter(_Lines(f"[{notebook}] "))
    logger = logging.getLogger("papermill")
    logger.handlers, logger.propagate = [handler], False
    logger.setLevel(logging.INFO)


class _Told(logging.Filter):
    """What a kernel prints as an error, and a progress bar twice a minute at most, less the full ones."""

    def __init__(self):
        super().__init__()
        self.last_bar = perf_counter()

    def filter(self, record: logging.LogRecord) -> bool:
        text = record.getMessage().strip()
        if record.levelno < logging.WARNING or not text or "100%|" in text:
            return False
        if "%|" not in text:
            return True
        due = perf_counter() - self.last_bar >= 30
        self.last_bar = perf_counter() if due else self.last_bar
        return due


class _Lines(logging.Formatter):
    """One line of the terminal per message, also for progress bars, which redraw theirs."""

    def __init__(self, prefix: str):
        super().__init__()
        self.prefix = prefix

    def format(self, record: logging.LogRecord) -> str:
        text = record.getMessage().strip().rpartition("\r")[2]
        return "".join(f"{self.prefix}{line}\n" for line in text.splitlines())
