"""Every number opens its pictures: which test pictures stand behind a cell, and the answers that a page holds to show them."""

import html
import json
from collections.abc import Iterable
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from PIL import Image

from yogalib.dataset.pixels import Source
from yogalib.results.metrics import at_level, top_k
from yogalib.results.show import webp_uri
from yogalib.runs.store import Run

SIDE = 72  # pixels of a small picture
ROW = 48  # small pictures side by side in the one image that holds them all


@dataclass(frozen=True)
class Answers:
    """What a model answered to each test picture, and where the pictures are.

    model : its name, as tables have it. pictures : whether a page may hold them; else their paths stand for them.
    """

    run: Run
    source: Source
    model: str
    pictures: bool

    def opens(self, which: np.ndarray, what: str) -> "Opener":
        """Return what opens some of the pictures, bool (N,), under a heading."""
        return Opener(self, tuple(np.flatnonzero(which).tolist()), what)

    def accuracy(self, hits: np.ndarray | None = None, what: str = "right") -> dict[str, "Opener"]:
        """Return what a row of accuracies opens, by column: those that are right, bool (N,), and all of them."""
        hits = self.run.hits if hits is None else hits
        whole = self.opens(np.ones(len(hits), bool), f"{self.model}: all test pictures")
        return {"accuracy": self.opens(hits, f"{self.model}: {what}"), "n": whole}


@dataclass(frozen=True)
class Opener:
    """Test pictures behind a number, by their places in the run's predictions, under a heading."""

    answers: Answers
    places: tuple[int, ...]
    what: str

    def around(self, text: str) -> str:
        """Return a cell's HTML with the pictures that it opens; without a script it is simply the text."""
        if not self.places:
            return text
        places, what = " ".join(map(str, self.places)), html.escape(self.what, quote=True)
        run = self.answers.run.folder.name
        return f'<span class="opens" data-run="{run}" data-places="{places}" data-what="{what}">{text}</span>'


def level_openers(answers: Answers) -> dict[str, list[Opener]]:
    """Return what the rows of Table 8 open (metrics.accuracy_by_level): pictures that are right at a level, among the first k."""
    rows, run = [], answers.run
    for level in (1, 2, 3):
        mapped, targets, _ = at_level(run.probabilities, run.labels, run.classes, level)
        for k in (1, 5):
            first = "" if k == 1 else f" among the first {k}"
            rows.append(answers.accuracy(top_k(mapped, targets, k), f"right at level {level}{first}"))
    return by_column(rows)


def by_column(rows: list[dict[str, Opener]]) -> dict[str, list[Opener | None]]:
    """Return what cells open by column, row by row, from what each row opens by column."""
    return {column: [row.get(column) for row in rows] for column in dict.fromkeys(key for row in rows for key in row)}


def only(place: int, rows: int, opens: dict[str, Opener]) -> dict[str, list[Opener | None]]:
    """Return what cells open by column, where one row alone, of so many, opens anything."""
    return by_column([opens if row == place else dict.fromkeys(opens) for row in range(rows)])


def embedded(known: Iterable[Answers]) -> str:
    """Return the HTML that a page holds for its openers: each run's answers as JSON, and all small pictures as one image."""
    known, tiles, pixels = list(known), {}, []
    for answers in known:
        rows = answers.run.predictions[["path", "sha256"]]
        new = rows[~rows["sha256"].isin(tiles.keys())].drop_duplicates("sha256") if answers.pictures else rows.head(0)
        tiles |= {sha256: len(tiles) + place for place, sha256 in enumerate(new["sha256"])}
        pixels += answers.source.thumbnails(new, SIDE)
    blocks = [
        f'<script type="application/json" class="answers" data-run="{answers.run.folder.name}">{_json(answers, tiles)}</script>'
        for answers in known
    ]
    return _sprite(pixels) + "".join(blocks)


def _json(answers: Answers, tiles: dict[str, int]) -> str:
    """Return a run's answers as the script reads them: model, poses (Sanskrit, English) and pictures.

    Of each picture: path, digits of its sha256, column and row of its small picture (-1 where there is none), its true pose, and five
    poses, each with its probability in per mille.
    """
    run, pictures = answers.run, []
    best = np.argsort(-run.probabilities, axis=1, kind="stable")[:, :5]
    for place, row in enumerate(run.predictions[["path", "sha256"]].itertuples()):
        tile = divmod(tiles[row.sha256], ROW)[::-1] if answers.pictures else (-1, -1)
        odds = run.probabilities[place]
        told = (
            [] if np.isnan(odds).any() else [int(x) for pose in best[place] for x in (pose, round(1000 * odds[pose]))]
        )
        pictures.append([row.path, row.sha256[:8], *tile, int(run.labels[place]), told])
    known = {"model": answers.model, "poses": run.poses[["sanskrit", "english"]].values.tolist(), "pictures": pictures}
    return json.dumps(known, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")


def _sprite(pixels: list[np.ndarray]) -> str:
    """Return the style of a small picture: all of them in one image, ROW side by side."""
    if not pixels:
        return ""
    rows = -(-len(pixels) // ROW)
    whole = np.full((rows * SIDE, ROW * SIDE, 3), 255, np.uint8)
    for place, each in enumerate(pixels):
        row, column = divmod(place, ROW)
        whole[row * SIDE : (row + 1) * SIDE, column * SIDE : (column + 1) * SIDE] = each
    packed = BytesIO()
    Image.fromarray(whole).save(packed, "WEBP", quality=55, method=6)
    return f'<style>.tile {{ background-image: url("{webp_uri(packed.getvalue())}"); --across: {ROW}; }}</style>'
