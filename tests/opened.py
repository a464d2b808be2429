"""Reads a page as its script does: what each number opens, and the answers that the page holds."""

import html.parser
import json
import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from yogalib.runs.store import Run

# in a browser: what a page's numbers say that do not open so many pictures
OPEN_EACH = """() => [...document.querySelectorAll("button.opens")].filter((button) => {
    button.click();
    const dialog = document.querySelector("dialog[open]");
    const count = dialog ? dialog.querySelectorAll("article").length : 0;
    dialog?.close();
    return count !== button.parentElement.dataset.places.split(" ").length;
}).map((button) => button.getAttribute("aria-label"))"""
# and what cells are shown, but not wholly on the screen
OFF_SCREEN = """(cells) => cells.filter((cell) => {
    const place = cell.getBoundingClientRect();
    return place.width > 0 && (place.left < 0 || place.right > document.documentElement.clientWidth + 1);
}).map((cell) => `${cell.closest("[id]").id}: ${cell.dataset.label} ${cell.textContent}`)"""


@dataclass
class Opening:
    """A number that opens pictures."""

    run: str
    places: list[int]
    what: str
    text: str = ""


@dataclass
class Opened(html.parser.HTMLParser):
    """The openings of a page, and its answers by run."""

    page: str
    openings: list[Opening] = field(default_factory=list)
    answers: dict[str, dict] = field(default_factory=dict)

    def __post_init__(self):
        super().__init__()
        self.inside, self.block = None, ""
        self.feed(self.page)

    def handle_starttag(self, tag, attrs):
        told = dict(attrs)
        if told.get("class") == "opens":
            self.inside = Opening(
                told["data-run"], [int(place) for place in told["data-places"].split()], told["data-what"]
            )
            self.openings.append(self.inside)
        self.block = told["data-run"] if tag == "script" and told.get("class") == "answers" else ""

    def handle_data(self, data):
        if self.inside:
            self.inside.text += data
        if self.block:
            self.answers[self.block] = json.loads(data)

    def handle_endtag(self, tag):
        self.inside, self.block = None, ""


def check_openings(page: str, runs: Path) -> int:
    """Hold a page's openings and answers against the runs' predictions; return how many numbers open something."""
    opened = Opened(page)
    known = {name: Run(runs / name) for name in opened.answers}
    assert {opening.run for opening in opened.openings} <= set(known)
    for name, run in known.items():
        same_answers(opened.answers[name], run)
    for opening in opened.openings:
        run, places = known[opening.run], opening.places
        if "%" in opening.text or "." in opening.text:
            assert opening.text == f"{100 * len(places) / len(run.labels):.1f}", opening
        else:
            assert int(opening.text.replace(",", "")) == len(places) > 0, opening
        right = set(np.flatnonzero(run.hits))
        if re.search(", named right$", opening.what):
            assert set(places) <= right
        if " taken for " in opening.what:
            assert not opening.what.startswith("Other poses") or not set(places) & right
            names = run.poses["sanskrit"].tolist()
            said = {names[run.predicted[place]] for place in places}
            assert said == {opening.what.partition("taken for ")[2]} or "another superclass" in opening.what, opening
    return len(opened.openings)


def same_answers(told: dict, run: Run) -> None:
    """Assert that a page tells of each picture what the run answered."""
    assert told["poses"] == run.poses[["sanskrit", "english"]].values.tolist()
    assert len(told["pictures"]) == len(run.predictions)
    for place, (path, digest, _, _, truth, flat) in enumerate(told["pictures"]):
        row = run.predictions.iloc[place]
        assert path == row["path"] and row["sha256"].startswith(digest) and truth == run.labels[place]
        odds = run.probabilities[place]
        if np.isnan(odds).any():
            assert flat == []
            continue
        poses, permille = flat[::2], flat[1::2]
        assert poses[0] == run.predicted[place]
        assert permille == [round(1000 * odds[pose]) for pose in poses] == sorted(permille, reverse=True)
        assert sorted(odds[poses]) == sorted(odds)[-len(poses) :]
