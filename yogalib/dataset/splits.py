"""Training and test parts (paper, section 4.1: random 80/20 splits)."""

import math

import numpy as np
import pandas as pd

from yogalib.errors import BadInput
from yogalib.facts.taxonomy import load_taxonomy


def split_rows(
    rows: pd.DataFrame, method: str, test_share: float, seed: int, groups: np.ndarray | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the training rows and the test rows, each in the order of `rows`.

    method : `stratified`, a random split that keeps the classes' shares; `official`, the published lists' own.
    groups : a number for each row, (N,); rows that share one, such as twins, come to the same side of a random split.
    Rows are parted by their place in `rows`, so sort them first for a split that depends on the seed alone.

    Raises BadInput when a class would be left without training or without test images.
    """
    if method == "official":
        in_test = (rows["split"] == "test").to_numpy()
        in_train = (rows["split"] == "train").to_numpy()
        if not in_test.any() or not in_train.any():
            raise BadInput(
                "split 'official' needs the official lists beside the images (yoga_train.txt, yoga_test.txt): "
                "put them there, or use split.method: stratified"
            )
    else:
        in_test = _stratified(rows, test_share, seed, groups)
        in_train = ~in_test
    train, test = rows[in_train], rows[in_test]
    for part, name in ((test, "test"), (train, "training")):
        _check_every_class(rows, part, name, f"split.method {method}, split.test_share {test_share}")
    return train, test


def hold_out(
    rows: pd.DataFrame, share: float, seed: int, groups: np.ndarray | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the training rows less a validation part, and that part; a class of few pictures may have none in it."""
    held = _stratified(rows, share, seed, groups)
    return rows[~held], rows[held]


def draw_per_class(rows: pd.DataFrame, images: int, seed: int) -> pd.DataFrame:
    """Return `images` random rows of each class, or all of a class that has no more, in the order of `rows` (Table 11).

    With one seed a smaller draw is part of a larger one, so that a curve over sizes is not shaken by the draw.
    """
    order = rows.sample(frac=1, random_state=seed)
    return rows.loc[rows.index.isin(order.groupby("class").head(images).index)]


def _stratified(rows: pd.DataFrame, share: float, seed: int, groups: np.ndarray | None) -> np.ndarray:
    """Return which rows are drawn for the second part, bool (N,): of each class its share, rounded down or up.

    In each class's random order a row's place is a number between 0 and 1; which classes have one more is up to the lowest. So a part
    may be smaller than there are classes, which scikit-learn's draw, that takes seconds to load, refuses.
    """
    if groups is not None:  # the first of each group is drawn for all of it
        first = ~pd.Series(groups).duplicated().to_numpy()
        drawn = _stratified(rows[first], share, seed, None)
        return np.isin(groups, groups[first][drawn])
    order = np.random.default_rng(seed).permutation(len(rows))
    shuffled = rows["class"].iloc[order].groupby(rows["class"].iloc[order])
    rank, size = shuffled.cumcount(), shuffled.transform("size")
    beyond = np.sign(rank - np.floor(share * size))  # -1: within the share rounded down; 0: the one more
    lowest = np.lexsort(((rank + 0.5) / size, beyond))
    chosen = np.zeros(len(rows), dtype=bool)
    chosen[order[lowest[: math.ceil(share * len(rows))]]] = True
    return chosen


def _check_every_class(rows: pd.DataFrame, part: pd.DataFrame, name: str, setting: str) -> None:
    counts = rows["class"].value_counts()
    absent = counts[~counts.index.isin(part["class"])]
    if len(absent):
        _refuse(absent, name, setting)


def _refuse(counts: pd.Series, part: str, setting: str) -> None:
    names = load_taxonomy()["sanskrit"]
    listed = ", ".join(f"{names[number]} ({count} images in all)" for number, count in counts.head(5).items())
    more = f" and {len(counts) - 5} more" if len(counts) > 5 else ""
    raise BadInput(
        f"the split ({setting}) leaves a class without {part} images: {listed}{more}; "
        "add images, leave the class out, or change the split"
    )
