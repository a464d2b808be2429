"""Curating Subset II: a first proposal by simple measures, and one person's decisions on it, each saved at once.

The paper picked 543 clean pictures of six poses by hand (section 3.1, Table 3) and did not publish the list. The measures stand for what
a curator sees at a glance; none of them knows a body. They propose, a person decides.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from html import escape
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from tqdm import tqdm

from yogalib.dataset.images import open_image, text_share
from yogalib.dataset.lists import PICKED
from yogalib.dataset.subsets import read_list
from yogalib.dataset.twins import find_twins
from yogalib.errors import BadInput
from yogalib.facts.prompts import class_names
from yogalib.paths import write_whole
from yogalib.results.metrics import wilson

SIDE = 160  # pixels of the shorter side when measured: scores must not depend on the file's size
KEYS = {"k": "keep", "d": "drop", "a": None}  # a: as the table has it


@dataclass(frozen=True)
class Score:
    """What a score says of a picture, and between which values the proposal keeps it."""

    meaning: str
    least: float = -np.inf
    most: float = np.inf


# The limits were chosen on 600 drawn pictures of another seed than any profile's, for precision at a recall above 70 %.
SCORES = {
    "side": Score("size: shorter side of the file in pixels", least=64),
    "busy": Score("background: share of edge pixels in the outer eighth of the picture", most=0.25),
    "text": Score("posters: share of the picture under lines of text (images.text_share)", most=0.01),
    "tones": Score("sketches and silhouettes have few colours: bits of colour in the picture's middle", least=3.0),
    "skin": Score("somebody is there: share of skin-coloured pixels (Chai and Ngan 1999); 0 in grey pictures", least=0.01),
    "one_piece": Score("one person: share of the largest connected piece in what differs from the border", least=0.2),
    "twin": Score("1 when a picture above it in the table is the same (perceptual hash)", most=0),
}  # fmt: skip


def content_scores(pixels: np.ndarray) -> dict[str, float]:
    """Return what the content of one picture, uint8 (height, width, 3), scores: busy, tones, skin and one_piece."""
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    height, width = grey.shape
    outer = np.ones(grey.shape, bool)
    outer[height // 8 : -(height // 8), width // 8 : -(width // 8)] = False
    middle = pixels[height // 5 : -(height // 6), width // 5 : -(width // 5)]
    shares = np.unique(_coarse(middle), return_counts=True)[1] / middle[..., 0].size
    return {
        "busy": float((cv2.Canny(grey, 60, 150) > 0)[outer].mean()),
        "tones": float(-(shares * np.log2(shares)).sum()),
        "skin": float((cv2.inRange(cv2.cvtColor(pixels, cv2.COLOR_RGB2YCrCb), (0, 133, 77), (255, 173, 127)) > 0).mean()),
        "one_piece": _largest_piece(_coarse(cv2.medianBlur(pixels, 5)), outer),
    }  # fmt: skip


def _coarse(pixels: np.ndarray) -> np.ndarray:
    """Return the number of each pixel's cell in L*a*b*, 16 cells a side."""
    lab = cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGB2LAB).astype(int) // 16
    return lab @ [1, 16, 256]


def _largest_piece(colours: np.ndarray, outer: np.ndarray) -> float:
    cells, counts = np.unique(colours[outer], return_counts=True)
    background = cells[counts > 0.01 * outer.sum()]
    other = ~np.isin(colours, background)
    pieces = cv2.connectedComponentsWithStats(other.astype(np.uint8))[2][1:, 4]
    return float(pieces.max() / pieces.sum()) if len(pieces) else 0.0


def measure(rows: pd.DataFrame, folder: Path) -> pd.DataFrame:
    """Return the SCORES of an index's rows, one column each, in the order of the rows."""

    def one(path: str) -> dict[str, float]:
        image = open_image(folder / path)
        scale = SIDE / min(image.size)
        small = image.resize([max(SIDE, round(scale * side)) for side in image.size])
        return {"text": text_share(image)} | content_scores(np.asarray(small))

    cv2.setNumThreads(1)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        work = tqdm(pool.map(one, rows["path"]), total=len(rows), desc="measure", unit="image", mininterval=10, delay=2)
        scores = pd.DataFrame(list(work), index=rows.index)
    scores["side"] = rows[["width", "height"]].min(axis=1)
    twins = find_twins(rows, None, lambda ours, others: np.zeros(len(ours)))  # the sure ones will do
    scores["twin"] = rows["path"].isin(twins["path_b"]).astype(int)
    return scores[list(SCORES)]


def propose(scores: pd.DataFrame, limits: dict[str, float] | None = None) -> pd.DataFrame:
    """Return a proposal per row of `measure`: decision (keep or drop), why (the scores that speak against it).

    limits : score to another limit than its own, such as ``{"side": 224}``. Raises BadInput for a score that is unknown.
    """
    limits = limits or {}
    if unknown := set(limits) - set(SCORES):
        raise BadInput(f"limits: no score is named {', '.join(sorted(unknown))}; choose {', '.join(SCORES)}")
    against = pd.DataFrame(index=scores.index)
    for name, score in SCORES.items():
        if np.isfinite(score.least):
            against[name] = scores[name] < limits.get(name, score.least)
        else:
            against[name] = scores[name] > limits.get(name, score.most)
    decision = np.where(against.any(axis=1), "drop", "keep")
    return pd.DataFrame(
        {"decision": decision, "why": against.dot(against.columns + " ").str.strip()}, index=scores.index
    )


@dataclass(frozen=True)
class Curation:
    """Pictures of the six poses, what was decided about each, and the list that keeps it.

    table : one row per picture of different bytes: path, class, sha256, phash, decision (keep or drop), by (proposal, list or
    person), why. file : the list, rewritten whole at each decision; `select_subset` reads it.
    """

    table: pd.DataFrame
    file: Path

    @classmethod
    def open(cls, rows: pd.DataFrame, proposal: pd.DataFrame, file: Path) -> "Curation":
        """Take the proposal, and over it what `file` says, if it is there: one's own decisions, or the list of somebody else.

        A plain list, of sha256 alone, decides about all pictures: those that it does not name were dropped.
        """
        table = rows[["path", "class", "sha256", "phash"]].join(proposal.assign(by="proposal")).reset_index(drop=True)
        table = table.drop_duplicates("sha256", ignore_index=True)
        if file.is_file():
            known = read_list(file).drop_duplicates("sha256").set_index("sha256")
            if "by" not in known:
                table["by"], table["decision"] = "list", "drop"
                known["by"] = "list"
            known = known[known["by"] != "proposal"]  # other limits propose anew
            listed = table["sha256"].isin(known.index)
            for column in ("decision", "by"):
                table.loc[listed, column] = known.loc[table.loc[listed, "sha256"], column].to_numpy()
        return cls(table, file)

    def first_open(self) -> int:
        """Return the place of the first picture that no person has decided about; the last one when there is none."""
        undecided = np.flatnonzero(self.table["by"] != "person")
        return int(undecided[0]) if len(undecided) else len(self.table) - 1

    def press(self, place: int, key: str) -> int:
        """Decide about a picture by a key of KEYS, or go back with "<"; return the place that comes next. Other keys do nothing."""
        if key == "<":
            return max(0, place - 1)
        if key not in KEYS:
            return place
        self.table.loc[place, "decision"] = KEYS[key] or self.table.loc[place, "decision"]
        self.table.loc[place, "by"] = "person"
        self.save()
        return min(place + 1, len(self.table) - 1)

    def save(self) -> None:
        """Write the list. Raises BadInput where that can't be done."""
        try:
            write_whole(self.file, lambda path: self.table.drop(columns="why").to_csv(path, index=False))
        except OSError as error:
            raise BadInput(f"{self.file} can't be written ({error.strerror}): give another list_file") from None

    def png(self, place: int, folder: Path) -> bytes:
        """Return a picture, at most 480 pixels a side, as PNG."""
        image, packed = open_image(folder / self.table["path"][place]), BytesIO()
        image.thumbnail((480, 480))
        image.save(packed, "PNG")
        return packed.getvalue()

    def caption(self, place: int) -> str:
        """Return what stands above a picture, in HTML: how many are decided, its file, pose, decision, and what speaks against it."""
        decided = (self.table["by"] == "person").sum()
        row = self.table.loc[place]
        (pose,) = class_names(np.array([row["class"]]))
        against = f"; against it: {row['why']}" if row["why"] else ""
        return (
            f"{decided} of {len(self.table)} decided; {escape(row['path'])}<br><b>{pose}</b>: "
            f"<b>{row['decision']}</b> by {row['by']}{against}"
        )

    def counts(self) -> pd.DataFrame:
        """Return how many pictures are kept and dropped, by whom, per class."""
        return self.table.groupby(["class", "by", "decision"]).size().rename("images").reset_index()


def keys_between(old: str, new: str) -> list[str]:
    """Return the keys pressed in a text box between two of its values: letters added, and "<" for each one deleted."""
    same = len(os.path.commonprefix([old, new]))
    return ["<"] * (len(old) - same) + list(new[same:])


def agreement(table: pd.DataFrame, picked: pd.Series) -> pd.DataFrame:
    """Return how well a proposal finds the pictures of a list, as shares with 95 % Wilson intervals.

    table : sha256 and decision. picked : the list's sha256. Columns: what (precision, recall, or the precision of keeping all),
    share, low, high, n; no row for an empty list.
    """
    kept, right = (table["decision"] == "keep").to_numpy(), table["sha256"].isin(picked).to_numpy()
    both = int((kept & right).sum())
    counts = {"precision": (both, int(kept.sum())), "recall": (both, int(right.sum()))}
    counts["precision of keeping all"] = (int(right.sum()), len(table))
    rows = [
        (what, hits / n if n else np.nan, *wilson(hits, n), n)
        for what, (hits, n) in counts.items()
        if n and len(picked)
    ]
    return pd.DataFrame(rows, columns=["what", "share", "low", "high", "n"])


def others_list(study) -> pd.Series:
    """Return the sha256 that a plain list beside the pictures keeps, which is nobody's work of this notebook; empty without one."""
    file = study.folder / PICKED
    listed = read_list(file) if file.is_file() else pd.DataFrame({"sha256": []})
    return listed["sha256"] if "by" not in listed else listed["sha256"][:0]


def own_list(study) -> Path:
    """Return where a study's list belongs: beside its pictures, or, since drawn worlds bring their own, in its data folder."""
    drawn = study.profile.data.synthetic is not None
    return (study.paths.data / study.profile.name if drawn else study.folder) / PICKED
