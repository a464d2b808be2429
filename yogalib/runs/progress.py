"""What is said to whoever waits, such as for the runs of `make reproduce`: plain lines, which read as well in a log as on a terminal."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Timer
from time import perf_counter

PLAN = "YOGALIB_PLAN"  # for the kernel of a notebook that make runs: how much work each run is that it will ask for


@dataclass
class Progress:
    """Counts the runs that a notebook asks for; the time left follows from those that were made, by the work that was planned for them."""

    planned: list[int]
    asked: set[str] = field(default_factory=set)
    seconds: float = 0.0
    worked: int = 0

    @classmethod
    def from_environment(cls) -> "Progress | None":
        """Return the progress of the notebook that make runs in this process; None when nobody planned it."""
        return cls(json.loads(os.environ[PLAN])) if os.environ.get(PLAN) else None

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


def whole_left(works: dict[str, int], seconds: dict[str, float], at_once: int) -> float:
    """Return about how many seconds the notebooks take yet that are not done: more than that only if the machine gets slower.

    works : planned work by notebook (Ask.work). seconds : of those done, at least one. at_once : how many run side by side.
    Those under way count whole, and a run that two notebooks ask for counts twice.
    """
    page = min(seconds.values())  # what a notebook takes that has hardly a run to make
    pace = sum(took - page for took in seconds.values()) / max(1, sum(works[name] for name in seconds))
    return sum(page + pace * work for name, work in works.items() if name not in seconds) / at_once


@contextmanager
def patience(what: str, seconds: float = 1.0) -> Iterator[None]:
    """Say what is being done if it takes longer than a second: nobody should wait and wonder."""
    timer = Timer(seconds, _say, [f"{what} ..."])
    timer.daemon = True  # an error ends the program at once
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def duration(seconds: float) -> str:
    """Return a time in the unit that suits it."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"
