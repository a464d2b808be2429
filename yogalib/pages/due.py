"""Which pages are due, and about how long they will take yet."""

import json
import os
import re
from pathlib import Path

from yogalib.pages.inputs import NOTEBOOKS
from yogalib.paths import write_whole
from yogalib.runs.progress import duration, whole_left
from yogalib.runs.questions import asked_by

WORKS = "works.json"


def pages_left(build: Path) -> int:
    """Return how many pages are still due, as make sees it: not there, or older than what they depend on."""
    return sum(_due(build / f"{name}.html") for name in NOTEBOOKS)


def _due(page: Path) -> bool:
    inputs = page.with_suffix(".inputs")
    return not page.is_file() or (inputs.is_file() and page.stat().st_mtime_ns < inputs.stat().st_mtime_ns)


def write_works(study) -> None:
    """Write what work each notebook is (Ask.work), for time_left, where pages are due; the file's time is when this make began."""
    if not pages_left(study.paths.build):
        return
    works = {name: sum(ask.work for ask in asked_by(study, name)) for name in NOTEBOOKS}
    write_whole(study.paths.build / WORKS, lambda path: path.write_text(json.dumps(works), encoding="utf-8"))


def time_left(build: Path) -> str:
    """Return about how long all notebooks that are not done will take yet, in words; nothing where that can't be known.

    It follows from the notebooks that were made since write_works, as long as one of them is.
    """
    file = build / WORKS
    pages = {name: build / f"{name}.html" for name in NOTEBOOKS}
    if not file.is_file() or not pages_left(build):
        return ""
    made = [name for name, page in pages.items() if page.is_file() and page.stat().st_mtime > file.stat().st_mtime]
    seconds = {name: json.loads((build / f"{name}.json").read_text(encoding="utf-8"))["seconds"] for name in made}
    works = json.loads(file.read_text(encoding="utf-8"))
    due = {name: work for name, work in works.items() if name in made or _due(pages[name])}
    jobs = re.search(r"(?:-j|--jobs=) ?(\d+)", os.environ.get("MAKEFLAGS", ""))
    return f", about {duration(whole_left(due, seconds, int(jobs[1]) if jobs else 1))} at most" if made else ""
