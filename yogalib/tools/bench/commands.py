"""Rows of the commands that are to be light: the processor's time, from the first keystroke to the last line."""

import os
import subprocess
import sys

from yogalib.tools.bench.setting import Bench
from yogalib.tools.bench.turns import Row

COMMANDS = {
    "predict of a missing file": ["predict", "/nowhere/there.jpg"],
    "doctor": ["doctor"],
    "plan of the paper profile": ["plan", "paper"],
}


def command_rows(bench: Bench) -> list[Row]:
    """Time each command in a process of its own, in turns with one that loads torch and does nothing."""
    places = {name: str(bench.folder / "commands") for name in ("DATA_DIR", "RUNS_DIR", "REPORTS_DIR")}
    environment = os.environ | places
    environment.pop("DATA", None)
    calls = {what: [sys.executable, "-m", "yogalib", *command] for what, command in COMMANDS.items()}
    calls["torch"] = [sys.executable, "-c", "import torch"]
    taken = {what: [] for what in calls}
    for _ in range(1 + bench.sizes.runs):  # the first does not count: the plan measures the machine
        for what, call in calls.items():
            taken[what].append(processor_time(call, environment))
    yardstick = taken.pop("torch")[1:]
    return [
        Row(f"{what}, processor's time", "", {"naive": yardstick, "ours": seconds[1:]}, note="against: import torch")
        for what, seconds in taken.items()
    ]


def processor_time(call: list[str], environment: dict[str, str]) -> float:
    """Return the seconds that the processor works for a process and its children."""
    before = os.times()
    subprocess.run(call, env=environment, capture_output=True, check=False)  # a missing file is no success
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system
