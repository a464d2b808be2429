"""The atlas: a card for each pose, with its drawing, its images, its counts, and how a run answers for it."""

import html
import re
from collections.abc import Iterable
from io import BytesIO

import numpy as np
import pandas as pd
from PIL import Image

from yogalib.dataset.images import open_image
from yogalib.dataset.pixels import Source
from yogalib.facts.paper import load_paper
from yogalib.facts.prompts import class_names
from yogalib.facts.taxonomy import OTHER_NAMES, load_taxonomy
from yogalib.results.confusions import pose_table as by_pose
from yogalib.results.show import number, percent, webp_uri
from yogalib.runs.store import Run
from yogalib.synthetic.poses import load_poses
from yogalib.synthetic.sheets import portrait

DRAWN, SEEN = 340, 120  # pixels: a drawing's side, and the longer side of an image of the data
EXAMPLES = 3  # images of the data on a card


def pose_table(run: Run, rows: pd.DataFrame) -> pd.DataFrame:
    """Return what is counted of each pose among `rows`, in the official order; the index is the pose's official number.

    run : the answers to a test part of `rows`. Columns: sanskrit, english, paper, ours (images), recall, low, high (Wilson), n (test
    images), taken_for (the pose that most of its mistaken images were taken for, the first of several; empty for none), mistakes (so
    many of them).
    """
    table = load_taxonomy().set_index("class").loc[np.unique(rows["class"]), ["sanskrit", "english"]]
    table["paper"] = table["sanskrit"].map(load_paper()["class_counts"])
    table["ours"] = rows["class"].value_counts()
    told = by_pose(run).set_index("sanskrit").rename(columns={"accuracy": "recall", "times": "mistakes"})
    table = table.join(told[["recall", "low", "high", "n", "taken_for", "mistakes"]], on="sanskrit")
    return table.fillna({"taken_for": ""}).fillna({"n": 0, "mistakes": 0}).astype({"n": int, "mistakes": int})


def pose_examples(run: Run, rows: pd.DataFrame) -> pd.DataFrame:
    """Return up to EXAMPLES images of each pose, those that the run answered for first. Columns: path, class, said."""
    names = [*class_names(run.classes), "nothing"]
    said = ["right" if hit else f"taken for {names[place]}" for hit, place in zip(run.hits, run.predicted, strict=True)]
    tested = pd.DataFrame(
        {"path": run.predictions["path"].to_numpy(), "class": run.predictions["class"].to_numpy(), "said": said}
    )
    rest = rows.loc[~rows["path"].isin(tested["path"]), ["path", "class"]].assign(said="for training")
    return pd.concat([tested, rest]).groupby("class").head(EXAMPLES)


def atlas_cards(table: pd.DataFrame, examples: pd.DataFrame, source: Source | None) -> str:
    """Return the HTML of all cards. source : where the images lie that the cards are to hold; None for their paths instead."""
    told = load_taxonomy().set_index("class")
    cards = [
        _card(row, told.loc[row.Index], _examples(row.sanskrit, examples[examples["class"] == row.Index], source))
        for row in table.itertuples()
    ]
    return f'<div class="atlas">{"".join(cards)}</div>'


def anchor(pose: str) -> str:
    """Return the anchor of a pose's card: `Adho Mukha Svanasana` is `adho-mukha-svanasana`."""
    return re.sub("[^a-z0-9]+", "-", pose.lower()).strip("-")


def _card(row, told: pd.Series, examples: str) -> str:
    name, drawn = html.escape(row.sanskrit), portrait(load_poses()[told["folder"]], DRAWN)
    lines = "".join(f"<dt>{what}</dt><dd>{text}</dd>" for what, text in _lines(row, told["l2_name"]))
    sentence = html.escape(told["description"][0].upper() + told["description"][1:])
    return (
        f'<article class="pose"><h3 id="{anchor(row.sanskrit)}">{name}</h3><p class="names">{html.escape(_names(row))}</p>'
        f"{_image(Image.fromarray(drawn), f'A drawing of {row.sanskrit}')}<p>{sentence}.</p><dl>{lines}</dl>{examples}</article>"
    )


def _names(row) -> str:
    others = OTHER_NAMES.get(row.sanskrit, [])
    return row.english + (f"; also {', '.join(others)}" if others else "")


def _lines(row, group: str) -> Iterable[tuple[str, str]]:
    """Yield the lines of a card: what, and its value in HTML."""
    yield "group", html.escape(group)
    yield "images", f"{row.ours:,}" + ("" if pd.isna(row.paper) else f"; in the paper {row.paper:,.0f}")
    if not row.n:
        yield "recall", "no test image"
        return
    yield "recall", f"{percent(row.recall)} % of {row.n:,} ({percent(row.low)} to {percent(row.high)})"
    if row.mistakes:
        link = f'<a href="#{anchor(row.taken_for)}">{html.escape(row.taken_for)}</a>'
        yield "taken for", f"{link}, {number(row.mistakes)} of {row.n:,}"


def _examples(pose: str, rows: pd.DataFrame, source: Source | None) -> str:
    """Return the images of a card of a pose with what was said of them, or their paths."""
    if source is None:
        lines = [f"<li><code>{html.escape(row.path)}</code> {html.escape(row.said)}</li>" for row in rows.itertuples()]
        return f'<ul class="paths">{"".join(lines)}</ul>'
    figures = []
    for row in rows.itertuples():
        picture = open_image(source.folder / row.path)
        picture.thumbnail((SEEN, SEEN))
        figures.append(
            f"<figure>{_image(picture, f'An image of {pose}, {row.said}')}<figcaption>{html.escape(row.said)}</figcaption></figure>"
        )
    return f'<div class="examples">{"".join(figures)}</div>'


def _image(picture: Image.Image, words: str) -> str:
    """Return an image that the page itself holds; words : for those who can't see it."""
    packed = BytesIO()
    picture.save(packed, "WEBP", quality=80, method=4)
    return (
        f'<img src="{webp_uri(packed.getvalue())}" width="{picture.width}" height="{picture.height}" '
        f'alt="{html.escape(words, quote=True)}">'
    )
