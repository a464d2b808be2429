"""What notebook 10 shows of each pose."""

import pandas as pd

from yogalib.results.readings.wording import many


def recalls(table: pd.DataFrame) -> str:
    """Say how many poses are always and never named right, and how little a pose's few test images tell (atlas.pose_table)."""
    tested = table[table["n"] > 0]
    text = (
        f"Named right on all their test images: {(tested['recall'] == 1).sum()} of {many(len(tested), 'pose')}; on none: "
        f"{(tested['recall'] == 0).sum()}. A pose has {_span(tested['n'])} test images, and half of the 95 % Wilson intervals span "
        f"{100 * (tested['high'] - tested['low']).median():.0f} points or more."
    )
    if len(tested) < len(table):
        text += f" {many(len(table) - len(tested), 'pose')} of {len(table)} can't be judged, for want of a test image."
    return text


def mistakes(table: pd.DataFrame) -> str:
    """Say which pose others are most taken for (atlas.pose_table)."""
    wrong = table[table["mistakes"] > 0]
    if wrong.empty:
        return "No image was taken for another pose."
    counts = wrong["taken_for"].value_counts()
    most = counts[counts == counts.max()].sort_index()
    text = f"{many(len(wrong), 'pose')} of {len(table)} {'has' if len(wrong) == 1 else 'have'} an image that was taken for another pose."
    if most.iloc[0] == 1:
        return f"{text} No two of them are taken for the same pose most."
    tied = f", as do {many(len(most) - 1, 'other')}" if len(most) > 1 else ""
    return (
        f"{text} {most.index[0]} draws the most: {most.iloc[0]} poses are taken for it more than for any other{tied}."
    )


def _span(counts: pd.Series) -> str:
    return f"{counts.min():,}" if counts.min() == counts.max() else f"{counts.min():,} to {counts.max():,}"
