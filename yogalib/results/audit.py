"""The audit of a data set: near-duplicates within and across the parts, labels in conflict, pictures at the margin."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from yogalib.dataset.images import open_image, text_share
from yogalib.dataset.twins import have_twin
from yogalib.facts.prompts import class_names
from yogalib.results.metrics import wilson

EXTREME = 2.5  # longer by shorter side
POSTER = 0.05  # share of the picture under lines of text


def twin_counts(twins: pd.DataFrame, train: pd.DataFrame, test: pd.DataFrame) -> pd.DataFrame:
    """Return how many pairs there are of each kind, and where. Columns: kind, pairs, other_class, across_the_split."""
    ends = [twins[end].isin(test["path"]) for end in ("path_a", "path_b")]
    known = twins["path_a"].isin([*train["path"], *test["path"]]) & twins["path_b"].isin(
        [*train["path"], *test["path"]]
    )
    table = twins.assign(
        other_class=twins["class_a"] != twins["class_b"], across_the_split=known & (ends[0] != ends[1])
    )
    counts = table.groupby("kind").agg(
        pairs=("kind", "size"), other_class=("other_class", "sum"), across_the_split=("across_the_split", "sum")
    )
    counts = counts.reindex(["exact", "near", "alike"], fill_value=0)
    counts.loc["all"] = counts.sum()
    return counts.rename_axis("kind").reset_index()


def twin_examples(twins: pd.DataFrame, each: int = 4) -> pd.DataFrame:
    """Return images of pairs of each kind, an image and then its twin, the closest pairs first. Columns: path, title."""
    shown = twins.groupby("kind").head(each).sort_values("bits")
    titles = [text for row in shown.itertuples() for text in (f"{row.kind}, {row.bits} bits apart", "its twin")]
    return pd.DataFrame({"path": shown[["path_a", "path_b"]].to_numpy().ravel(), "title": titles})


def conflicts(twins: pd.DataFrame) -> pd.DataFrame:
    """Return the twins that bear different labels: at least one is wrong. Columns: picture, labelled, twin, labelled_as, kind, bits."""
    pairs = twins[twins["class_a"] != twins["class_b"]].reset_index(drop=True)
    names = {f"class_{end}": class_names(pairs[f"class_{end}"]) for end in "ab"}
    table = pairs.assign(**names)[["path_a", "class_a", "path_b", "class_b", "kind", "bits"]]
    return table.set_axis(["picture", "labelled", "twin", "labelled_as", "kind", "bits"], axis=1)


def with_text(rows: pd.DataFrame, folder: Path) -> pd.DataFrame:
    """Return the rows with a column `text`: the share of each picture under lines of text (yogalib.dataset.images.text_share)."""

    def one(path: str) -> float:
        return text_share(open_image(folder / path))

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        work = tqdm(pool.map(one, rows["path"]), total=len(rows), desc="text", unit="image", mininterval=10, delay=2)
        return rows.assign(text=list(work))


def margins(rows: pd.DataFrame, resolution: int) -> dict[str, pd.DataFrame]:
    """Return the pictures at the margin, those farthest out first, by what is odd about them.

    rows : of `with_text`. resolution : of the encoder; a picture below it has to be enlarged.
    """
    short, long = rows[["width", "height"]].min(axis=1), rows[["width", "height"]].max(axis=1)
    return {
        f"tiny: shorter side under the encoder's {resolution} pixels": _farthest(rows, -short, 1 - resolution),
        f"wide or tall: sides at least {EXTREME:g} to 1": _farthest(rows, long / short, EXTREME),
        f"text: what looks like its lines covers at least {POSTER:.0%}": _farthest(rows, rows["text"], POSTER),
    }


def _farthest(rows: pd.DataFrame, measure: pd.Series, limit: float) -> pd.DataFrame:
    return rows.loc[measure[measure >= limit].sort_values(ascending=False, kind="stable").index]


def margin_counts(found: dict[str, pd.DataFrame], n: int) -> pd.DataFrame:
    """Return pictures at the margin by what is odd about them. found : of `margins`. n : pictures in all. Columns: what, images, share, example."""
    rows = [(what, len(part), len(part) / n, part["path"].iloc[0] if len(part) else "") for what, part in found.items()]
    return pd.DataFrame(rows, columns=["what", "images", "share", "example"])


def margin_examples(found: dict[str, pd.DataFrame], each: int = 8) -> pd.DataFrame:
    """Return the images farthest out by what is odd about them. found : of `margins`. Columns: path, title."""
    parts = [part[["path"]].head(each).assign(title=what.partition(":")[0]) for what, part in found.items()]
    return pd.concat(parts, ignore_index=True)


def recovered(twins: pd.DataFrame, planted: set[frozenset[str]]) -> pd.DataFrame:
    """Return how well the audit finds twins that are known, in pairs. Columns: found, planted, right, precision, recall.

    planted : pairs of paths that are copies of one another.
    """
    found = {frozenset(pair) for pair in zip(twins["path_a"], twins["path_b"], strict=True)}
    right = len(found & planted)
    shares = [right / len(pairs) if pairs else np.nan for pairs in (found, planted)]
    columns = ["found", "planted", "right", "precision", "recall"]
    return pd.DataFrame([(len(found), len(planted), right, *shares)], columns=columns)


def by_twins(run, train: pd.DataFrame, test: pd.DataFrame, twins: pd.DataFrame) -> pd.DataFrame:
    """Return a run's top-1 with and without the test pictures that have a twin in training (notes on the paper, point 10).

    train, test : the run's own parts. Columns: pictures, accuracy, low, high (Wilson), n.
    """
    twin, hits = have_twin(test, train, twins), run.hits
    parts = {
        "all of the test part": hits,
        "without a twin in training": hits[~twin],
        "with a twin in training": hits[twin],
    }
    rows = [
        (name, part.mean(), *wilson(part.sum(), len(part)), len(part)) if len(part) else (name, *[np.nan] * 3, 0)
        for name, part in parts.items()
    ]
    return pd.DataFrame(rows, columns=["pictures", "accuracy", "low", "high", "n"])
