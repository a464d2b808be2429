"""What notebook 02 shows of encoders before training."""

import pandas as pd

from yogalib.results.readings.wording import (
    accuracy,
    extremes,
    listed,
    many,
    mean_words,
    one_answer,
    overlap,
    points,
    share,
)


def zero_shot(table: pd.DataFrame, chance: float, runs: dict) -> str:
    """Say which encoders can be told from chance, above or below it (tables.zero_shot_accuracy). runs : by encoder."""
    rows = table.to_dict("records")
    above = [f"{row['encoder']}, {accuracy(row)}" for row in rows if row["low"] > chance]
    below = [f"{row['encoder']}, {accuracy(row)}" for row in rows if row["high"] < chance]
    between = [row["encoder"] for row in rows if row["low"] <= chance <= row["high"]]
    text = f"Chance is {share(chance)}."
    if above:
        text += f" Above it: {listed(above)}."
    if below:
        text += f" Below it: {listed(below)}. Guessing would do better, so the names point it to the wrong poses."
    if between:
        text += f" Not to be told from it on {many(rows[0]['n'], 'image')}: {listed(between)}."
    return text + one_answer(runs)


def draws(ranks: pd.DataFrame, size: int) -> str:
    """Say how far a test part of that size can order the encoders (tables.draw_ranks)."""
    rows = ranks.to_dict("records")
    pairs = [(one, other) for place, one in enumerate(rows) for other in rows[place + 1 :]]
    if not pairs:
        return "There is one encoder, and none to rank it with."
    mixed = sum(a["highest_rank"] <= b["lowest_rank"] and b["highest_rank"] <= a["lowest_rank"] for a, b in pairs)
    best = max(rows, key=lambda row: row["accuracy"])
    return (
        f"On {size} images the ranks overlap in {mixed} of {many(len(pairs), 'pair')} of encoders. {best['encoder']}, the best on all "
        f"images, comes first in {share(best['best'], 0)} of the draws."
    )


def words(table: pd.DataFrame) -> str:
    """Say which words do best, and what they gain on the same encoder's first (tables.prompt_accuracy)."""
    best, _ = extremes(table, "accuracy")
    first = table[table["encoder"] == best["encoder"]].iloc[0].to_dict()
    text = f"Highest: {best['encoder']} asked by “{best['words']}”, {accuracy(best)}."
    if table["words"].nunique() == 1:
        return f"{text} No other words were tried."
    if best["words"] == first["words"]:
        return f"{text} No other words do better than these, the paper's."
    return f"{text} That is {points(best['accuracy'] - first['accuracy'])} points on “{first['words']}”{overlap(best, first)}"


def worlds(table: pd.DataFrame, chance: float) -> str:
    """Say what stays from world to world (tables.small_table with a column worlds); an empty table is of real images."""
    if table.empty:
        return "These images are real: there is one world of them."
    if table["low"].isna().all():
        return "One other world was drawn, which says nothing of the luck of the drawing."
    told = []
    for kind, part in table.groupby("words", sort=False):
        above, below = int((part["low"] > chance).sum()), int((part["high"] < chance).sum())
        told.append(f"asked by “{kind}” {above} of {many(len(part), 'encoder')} are above chance and {below} below it")
    best, _ = extremes(table, "mean")
    return f"Over the worlds, {'; '.join(told)}. Highest: {best['encoder']} asked by “{best['words']}”, {mean_words(best, 'world')}."
