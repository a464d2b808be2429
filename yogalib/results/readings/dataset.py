"""What notebook 01 shows of the data set."""

import numpy as np
import pandas as pd

from yogalib.dataset.pixels import MARGIN
from yogalib.results.readings.wording import extremes, listed, many, share
from yogalib.results.show import plain


def files(table: pd.DataFrame) -> str:
    """Say what became of the files (tables.status_counts)."""
    dropped, total = table[table["status"] != "kept"], table["files"].sum()
    if dropped.empty:
        return f"All {many(total, 'file')} are images of known poses, and all were kept."
    why = listed(f"{row.files:,} as “{row.status.replace('_', ' ')}”" for row in dropped.itertuples())
    lost = dropped["files"].sum()
    return f"Of {many(total, 'file')} {lost:,} ({share(lost / total)}) were dropped: {why}."


def superclasses(counts: pd.DataFrame) -> str:
    """Say which superclass is the largest at each level, and which the smallest (tables.superclass_counts)."""
    told = []
    for level, part in counts.groupby("level"):
        most, least = extremes(part, "images")
        shares = [share(row["images"] / part["images"].sum(), 0) for row in (most, least)]
        rest = f", “{least['superclass']}” {shares[1]}" if least["images"] < most["images"] else ", and none has fewer"
        told.append(f"at level {level} “{most['superclass']}” has {shares[0]} of the images{rest}")
    return f"Most and least: {'; '.join(told)}."


def poses(table: pd.DataFrame) -> str:
    """Say how unequal the classes are, and whether they are ordered as the paper's (tables.pose_counts)."""
    here = table[table["ours"] > 0]
    most, least = extremes(here, "ours")
    if most["ours"] == least["ours"]:
        return f"Each of {many(len(here), 'pose')} has {many(most['ours'], 'image')}."
    text = (
        f"Of {many(len(here), 'pose')} {most['sanskrit']} has the most images, {most['ours']:,}, and {least['sanskrit']} the "
        f"fewest, {least['ours']:,}: a ratio of {most['ours'] / least['ours']:.3g}. In the paper the same poses have "
        f"{here['paper'].min():,.0f} to {here['paper'].max():,.0f}."
    )
    order = here["ours"].rank().corr(here["paper"].rank()) if here["ours"].nunique() > 2 else np.nan
    if pd.isna(order):
        return text
    like = "much as" if order > 0.7 else "only partly as" if order > 0.3 else "not as"
    return f"{text} They are ordered {like} in the paper (Spearman's rank correlation {order:.2f})."


def fitted(rows: pd.DataFrame, fit: str) -> str:
    """Say what fitting to a square does to the images (rows of an index)."""
    sides = rows[["width", "height"]]
    lost = 1 - sides.min(axis=1) / sides.max(axis=1)
    if fit == "person":
        return f"A square around the person whom BlazePose finds is kept, joints and {MARGIN:.0%} of its side beyond; where it finds nobody, the whole picture."
    if fit == "pad":
        return f"Nothing is cut away; in the median image {share(lost.median(), 0)} of the square is white margin."
    return (
        f"The centre alone is kept: in the median image {share(lost.median(), 0)} of the longer side is cut away, and more than a "
        f"quarter in {(lost > 0.25).sum():,} of {many(len(rows), 'image')}, where hands or feet may be missing."
    )


def parts(table: pd.DataFrame) -> str:
    """Say how the split divides the images, and how few test images a pose may have (tables.split_counts)."""
    poses, total = table.iloc[:-1], table.iloc[-1]
    images, few = total["train"] + total["test"], int((poses["test"] < 5).sum())
    text = f"The test part has {total['test']:,} of {many(images, 'image')} ({share(total['test'] / images)})."
    if not few:
        return f"{text} Each pose has at least {poses['test'].min()} of them."
    moved = "one image more or less moves the recall of such a pose by 20 points or more"
    return f"{text} {few} of {many(len(poses), 'pose')} have fewer than five of them: {moved}."


def subsets(tables: dict[str, pd.DataFrame]) -> str:
    """Say how large the subsets are beside the paper's (tables.subset_counts, by the subset's name)."""
    if not tables:
        return "These images do not have all six poses, so there is neither subset."
    told = []
    for name, table in tables.items():
        last = table.iloc[-1]
        ours, papers = last["train"] + last["test"], last["paper_train"] + last["paper_test"]
        told.append(
            f"{plain(name)} has {many(ours, 'image')}, {last['test']} of them in the test part (the paper's {papers:,})"
        )
    return f"{'; '.join(told)}. One image of {last['test']} is {100 / last['test']:.1f} points of accuracy."


def twins(counts: pd.DataFrame, leaked: np.ndarray) -> str:
    """Say how many pairs there are (audit.twin_counts), and how many test images have a twin in training (bool, one an image)."""
    total = counts.set_index("kind").loc["all"]
    if not leaked.any():
        return f"{many(total['pairs'], 'pair')} in all; no test image has a twin in the training part."
    return (
        f"{many(total['pairs'], 'pair')} in all, of which the first split parts {total['across_the_split']:,}: {leaked.sum():,} of "
        f"{many(len(leaked), 'test image')} ({share(leaked.mean())}) have a twin in the training part. Notebook 05 judges with and "
        "without them."
    )


def planted(table: pd.DataFrame) -> str:
    """Say how well the audit finds copies that are known (audit.recovered)."""
    (row,) = table.itertuples()
    if not row.planted:
        return "No copies were planted among these images; which pairs are copies is not known."
    false = row.found - row.right
    named = "no pair that was" if not false else f"{many(false, 'pair')} that {'was' if false == 1 else 'were'}"
    return f"The audit found {row.right:,} of {many(row.planted, 'planted pair')}, and names {named} not planted."


def conflicts(table: pd.DataFrame) -> str:
    """Say how many twins bear different labels (audit.conflicts)."""
    if table.empty:
        return "None: each pair of twins bears one label."
    row = table.iloc[0]
    return f"{many(len(table), 'pair')}; in the first, {row['picture']} is labelled {row['labelled']} and its twin {row['labelled_as']}."


def margins(table: pd.DataFrame, n: int) -> str:
    """Say how many of n images are odd (audit.margin_counts)."""
    odd = [f"{row.images:,} for “{row.what.partition(':')[0]}”" for row in table.itertuples() if row.images]
    return f"Of {many(n, 'image')} there are {listed(odd)}." if odd else f"None of {many(n, 'image')}."
