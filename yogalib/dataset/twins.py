"""Near-duplicates: pictures that show the same photograph, whatever was done to the file."""

from collections.abc import Callable

import numpy as np
import pandas as pd

# Of 64 bits of imagehash.phash. Copies that were scaled, recoded or marked seldom differ in more than a few, and other pictures
# seldom in so few; between the two an encoder is asked, which sees content where the hash sees light and dark.
SURE_BITS, MOST_BITS = 4, 8
ALIKE = 0.9  # cosine of the two pictures' features, at least
RULE = f"{SURE_BITS} {MOST_BITS} {ALIKE}"  # what decides pairs beside the pictures and the encoder
COLUMNS = ["path_a", "path_b", "class_a", "class_b", "bits", "cosine", "kind"]


def find_twins(rows: pd.DataFrame, others: pd.DataFrame | None, cosine: Callable[..., np.ndarray]) -> pd.DataFrame:
    """Return pairs of pictures that are twins: one of `rows`, one of `others`; without others, each pair within `rows` once.

    rows, others : of an index, with sha256 and phash. cosine : from places in rows and in others, (P,) each, to the cosines of the
    pictures' features, (P,); it is asked for the doubtful pairs alone.

    Columns: path_a, path_b, class_a, class_b, bits (in which the perceptual hashes differ), cosine (empty where it was not asked), kind:
    `exact` (same bytes), `near` (at most SURE_BITS), `alike` (at most MOST_BITS, and a cosine of at least ALIKE).
    """
    theirs = rows if others is None else others
    a, b, bits = _close(rows["phash"], theirs["phash"], within=others is None)
    exact = rows["sha256"].to_numpy()[a] == theirs["sha256"].to_numpy()[b]
    doubtful = (bits > SURE_BITS) & ~exact
    cosines = np.full(len(a), np.nan)
    if doubtful.any():
        cosines[doubtful] = cosine(a[doubtful], b[doubtful])
    kind = np.select([exact, ~doubtful, cosines >= ALIKE], ["exact", "near", "alike"], "")
    parts = [part[name].to_numpy()[place] for name in ("path", "class") for part, place in ((rows, a), (theirs, b))]
    return pd.DataFrame(dict(zip(COLUMNS, [*parts, bits, cosines, kind], strict=True)))[kind != ""]


def _close(ours: pd.Series, theirs: pd.Series, within: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return places in both, and bits apart, of all pairs up to MOST_BITS apart."""
    ours, theirs = (np.array([int(text, 16) for text in part], np.uint64) for part in (ours, theirs))
    found = []
    for place, each in enumerate(ours):  # one row at a time: all pairs at once would take gigabytes
        start = place + 1 if within else 0
        bits = np.bitwise_count(theirs[start:] ^ each)
        close = np.flatnonzero(bits <= MOST_BITS)
        found.append((np.full(len(close), place), start + close, bits[close].astype(int)))
    return tuple(np.concatenate(part) for part in zip(*found, strict=True))


def twin_groups(rows: pd.DataFrame, twins: pd.DataFrame) -> np.ndarray:
    """Return a number for each row, (N,), that twins share, and twins of twins; twins : pairs within the study."""
    from scipy.sparse import coo_array  # half a second, which most commands do without
    from scipy.sparse.csgraph import connected_components

    place = pd.Series(np.arange(len(rows)), index=rows["path"])
    here = twins[twins["path_a"].isin(place.index) & twins["path_b"].isin(place.index)]
    ends = place[here["path_a"]].to_numpy(), place[here["path_b"]].to_numpy()
    graph = coo_array((np.ones(len(here)), ends), shape=(len(rows), len(rows)))
    return connected_components(graph, directed=False)[1]


def have_twin(rows: pd.DataFrame, others: pd.DataFrame, twins: pd.DataFrame) -> np.ndarray:
    """Return whether each row has a twin among the others, bool (N,); twins : pairs within the study that both belong to."""
    ends = pd.concat([twins[["path_a", "path_b"]], twins[["path_b", "path_a"]].set_axis(["path_a", "path_b"], axis=1)])
    return rows["path"].isin(ends["path_a"][ends["path_b"].isin(others["path"])]).to_numpy()
