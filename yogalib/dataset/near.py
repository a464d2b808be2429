"""Near-duplicates: pictures that show the same photograph, whatever was done to the file."""

import numpy as np
import pandas as pd

# of 64 bits of imagehash.phash; copies that were scaled, recoded or marked differ in fewer, other pictures seldom do
MOST_BITS = 6


def twins_of(rows: pd.DataFrame, others: pd.DataFrame, most_bits: int = MOST_BITS) -> np.ndarray:
    """Return for each row whether `others` hold its twin, bool (N,). Both are rows of an index, with the column phash."""
    ours, theirs = (np.array([int(text, 16) for text in part["phash"]], np.uint64) for part in (rows, others))
    # one row at a time: all pairs at once would take gigabytes
    return np.array([bool((np.bitwise_count(theirs ^ each) <= most_bits).any()) for each in ours], dtype=bool)
