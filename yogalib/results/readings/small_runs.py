"""What notebooks 03, 04 and 06 show of the small runs: prompts, learning rates, few images."""

from collections.abc import Iterable
from itertools import pairwise

import numpy as np
import pandas as pd

from yogalib.results.metrics import POWER
from yogalib.results.readings.wording import (
    CLEAR,
    bounds,
    extremes,
    listed,
    many,
    mean_words,
    overlap,
    p_words,
    points,
    rate,
    share,
    subset_name,
)
from yogalib.results.show import plain


def highest(table: pd.DataFrame, by: str) -> str:
    """Say which setting has the highest mean and which the lowest (tables.small_table, tables.over_splits). by : what names them."""
    best, worst = extremes(table, "mean")
    if len(table) == 1:
        return f"{plain(best[by])}: {mean_words(best)}."
    return f"Highest: {plain(best[by])}, {mean_words(best)}. Lowest: {plain(worst[by])}, {mean_words(worst)}{overlap(best, worst)}"


def differences(table: pd.DataFrame, reference: str) -> str:
    """Say which settings can be told from the reference, and how small a difference could have been seen (tables.compared)."""
    half = (table["high"] - table["low"]) / 2
    sure = table[half > 0].to_dict(
        "records"
    )  # of one split, or of splits that agree to the image, there is no interval
    if not sure:
        most = table.loc[table["difference"].abs().idxmax()]
        return f"Too few splits for an interval. The largest: {plain(most['setting'])}, {points(most['difference'])} points."
    apart = [row for row in sure if row["low"] > 0 or row["high"] < 0]
    told = [f"{plain(row['setting'])} ({points(row['difference'])} points, {p_words(row['p'])})" for row in apart]
    which = f": {listed(told)}; p-values are not corrected for their number" if told else ""
    reach = " to ".join(dict.fromkeys(f"{100 * each:.1f}" for each in (table["reach"].min(), table["reach"].max())))
    return (
        f"{len(apart) or 'None'} of {many(len(sure), 'setting')} can be told from “{plain(reference)}”{which}. What these splits could have "
        f"shown: a true difference of {reach} points is found in {share(POWER, 0)} of such experiments, a smaller one less often."
    )


def seeds(table: pd.DataFrame) -> str:
    """Say what the training seed does beside the split (tables.seed_table); an empty table is of one seed a split."""
    if table.empty:
        return "Each split was trained with one seed (`small_runs.seeds` in the profile), so the two can't be told apart here."
    seed, split = table.to_dict("records")
    of = f"{many(seed['splits'], 'split')} with {many(seed['seeds'], 'training seed')} each ({many(seed['n'], 'test image')} a split)"
    if not seed["sd"] > 0:
        return f"On {of} the seed changes no accuracy."
    told = f"On {of} one run strays by {spread_words(seed)} from the split's mean by its seed alone"
    if np.isnan(split["sd"]):
        return f"{told}. One split tells nothing of how splits differ."
    told += f", and the split's mean by {spread_words(split)} from the mean of all"
    if split["p"] >= CLEAR:
        return f"{told}. The splits differ no more than seeds alone would make them ({p_words(split['p'])}, F-test), or too few were tried."
    part = seed["sd"] ** 2 / (seed["sd"] ** 2 + split["sd"] ** 2)
    return f"{told}. Of the variance of one run {share(part, 0)} is the seed's; that splits differ is clear ({p_words(split['p'])}, F-test)."


def spread_words(row: dict) -> str:
    """Return a component of variance in words (a row of metrics.variance_components)."""
    return f"{100 * row['sd']:.1f} points (sd; 95 % interval {bounds(row)})"


def grid(tables: dict[str, pd.DataFrame]) -> str:
    """Say where the best pair lies in each grid, and how many runs collapsed (tables.grid_table, by subset)."""
    told = []
    for subset, table in tables.items():
        (best, _), rates = extremes(table, "mean"), table["learning_rate"]
        inside = rates.min() < best["learning_rate"] < rates.max()
        where = "inside the grid" if inside else "at its edge, so that a better one may lie beyond"
        fallen = table[table["collapsed"] > 0]
        fall = f"{fallen['collapsed'].sum()} of {many(table['splits'].sum(), 'run')} collapsed"
        fall += f", from {rate(fallen['learning_rate'].min())} up" if len(fallen) else ""
        told.append(
            f"On {subset_name(subset)} the best learning rate is {rate(best['learning_rate'])} (the paper's {rate(best['paper_rate'])}), "
            f"{where}: {mean_words(best)}. {fall}."
        )
    return "\n\n".join(told)


def decays(tables: dict[str, pd.DataFrame]) -> str:
    """Say whether the weight decay matters beside the learning rate (tables.grid_table, by subset)."""
    spread = [table.groupby("learning_rate")["mean"].agg(np.ptp).max() for table in tables.values()]
    whole = [np.ptp(table["mean"]) for table in tables.values()]
    if not any((table.groupby("learning_rate").size() > 1).any() for table in tables.values()):
        return f"No learning rate was tried with two weight decays. The pairs differ by up to {100 * max(whole):.1f} points."
    verdict = "the decay matters less" if max(spread) < max(whole) / 2 else "the decay matters as well"
    return (
        f"At one learning rate the weight decays differ by {100 * max(spread):.1f} points at most, all pairs by up to "
        f"{100 * max(whole):.1f}: {verdict}."
    )


def choice(table: pd.DataFrame, chosen: list[tuple[float, float]], held: int, scale: float) -> str:
    """Say what choosing on the test part flatters by (tables.small_table of tables.pairs_by_choice).

    chosen : the pair that each validation part chose. held : images of such a part. scale : from the paper's rates to ours.
    """
    printed, honest, _ = table.to_dict("records")
    rates = listed(dict.fromkeys(rate(scale * theirs) for theirs, _ in chosen))
    flattery = printed["mean"] - honest["mean"]
    gap = (
        f"The printed figure is {100 * flattery:.1f} points higher"
        if flattery > 0
        else "The printed figure is no higher"
    )
    return (
        f"Best printed: {mean_words(printed)}. Chosen on validation parts, at learning rates of {rates}: {mean_words(honest)}. {gap}. In a "
        f"validation part of {many(held, 'image')} one image is {100 / held:.1f} points, so the choice is coarse."
    )


def frugality(table: pd.DataFrame, asked: Iterable[int] = ()) -> str:
    """Say how much of the whole accuracy six images a class reach, or the fewest (tables.frugality_table).

    asked : the profile's sizes; those that are not in the table are said to be more than some class has.
    """
    *rows, whole = table.to_dict("records")
    left_out = [str(size) for size in asked if size not in {row["per_class"] for row in rows}]
    missing = (
        f" Some class has fewer than {listed(left_out)} images to train on: these sizes are left out."
        if left_out
        else ""
    )
    if not rows:
        return f"All {many(whole['images'], 'image')} reach {mean_words(whole)}.{missing}"
    few = next((row for row in rows if row["per_class"] == 6), rows[0])
    size = few["per_class"]
    text = (
        f"{many(size, 'image')} a class, {few['images']} in all, {reach(size)} {mean_words(few)}: {share(few['mean'] / whole['mean'], 0)} of "
        f"what all {whole['images']} reach, {mean_words(whole)}."
    )
    if near := [row["per_class"] for row in rows if row["high"] >= whole["low"]]:
        text += f" The interval overlaps with that of all from {min(near)} a class on."
    return text + missing


def reach(images: int) -> str:
    """Give the verb after so many images."""
    return "reaches" if images == 1 else "reach"


def longer(epochs: pd.DataFrame, steps: pd.DataFrame) -> str:
    """Say what the few images gain by as many steps as all images take (two of tables.frugality_table)."""
    short = {row["per_class"]: row for row in epochs.to_dict("records")}
    pairs = [(short[row["per_class"]], row) for row in steps.to_dict("records")[:-1]]
    if not pairs:
        return "No size can be had but all images."
    few, more = pairs[0]
    gain = more["mean"] - few["mean"]
    size = f"{many(few['per_class'], 'image')} a class"
    text = f"With as many steps as all images take, {size} {reach(few['per_class'])} {mean_words(more)} after {more['epochs']} epochs, {points(gain)} points against "
    text += f"{mean_words(few)} after {few['epochs']}."
    higher = sum(more["mean"] > few["mean"] for few, more in pairs)
    return f"{text} Of {many(len(pairs), 'size')} {higher} {'is' if higher == 1 else 'are'} higher with equal steps."


def doublings(table: pd.DataFrame, chance: float) -> str:
    """Say how far above chance the curve starts and where it is steepest (Table 11 less its last row)."""
    rows = table.to_dict("records")
    first = rows[0]
    above = first["mean"] - chance
    text = (
        f"The curve starts at {first['per_class']} a class, {100 * abs(above):.1f} points {'above' if above > 0 else 'below'} chance "
        f"({share(chance)})."
    )
    steps = [
        (after["mean"] - before["mean"], before["per_class"], after["per_class"]) for before, after in pairwise(rows)
    ]
    if not steps:
        return text
    gain, before, after = max(steps)
    if gain <= 0:
        return f"{text} It does not rise from there."
    falls = sum(step < 0 for step, _, _ in steps)
    return f"{text} Its largest step is from {before} to {after}, {points(gain)} points; it falls in {falls} of {many(len(steps), 'step')}."
