"""How numbers become words."""

from collections.abc import Iterable

import pandas as pd

from yogalib.results.metrics import ONE_ANSWER, largest_share, learned, wilson
from yogalib.results.show import p_value, plain

CLEAR = 0.05  # a p-value below it is called a difference


def share(value: float, digits: int = 1) -> str:
    """Return a share in percent."""
    return f"{100 * value:.{digits}f} %"


def points(difference: float) -> str:
    """Return a difference of shares with its sign; nothing rounds to −0."""
    points = round(100 * difference, 1)
    return f"{'+' if points > 0 else '−' if points < 0 else ''}{abs(points):.1f}"


def bounds(row: dict) -> str:
    """Return an interval of shares, in percent."""
    return f"{100 * row['low']:.1f} to {100 * row['high']:.1f}"


def rate(value: float) -> str:
    """Return a learning rate or weight decay as 3e-5 or 1.5e-4, all in one way."""
    mantissa, exponent = f"{value:.1e}".split("e")
    return f"{mantissa.removesuffix('.0')}e{int(exponent)}"


def p_words(value: float) -> str:
    """Return a p-value as an equation, or as less than a thousandth."""
    return f"p {text}" if "<" in (text := p_value(value)) else f"p = {text}"


def many(count: int, noun: str) -> str:
    """Return so many of something, in the singular for one."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def listed(words: Iterable[str]) -> str:
    """Return words as a list in a sentence."""
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


def subset_name(name: str) -> str:
    """Return a subset as people call it."""
    return "all poses" if name == "all" else plain(name)


def extremes(table: pd.DataFrame, by: str) -> tuple[dict, dict]:
    """Return the rows with the most and with the least of a column."""
    rows = table.to_dict("records")
    return rows[table[by].argmax()], rows[table[by].argmin()]


def accuracy(row: dict) -> str:
    """Return an accuracy on one test part. row : accuracy, n, and its bounds where they are known."""
    if "low" not in row:
        row = row | dict(zip(("low", "high"), wilson(round(row["accuracy"] * row["n"]), row["n"]), strict=True))
    return f"{share(row['accuracy'])} of {many(row['n'], 'image')} (95 % Wilson interval {bounds(row)})"


def mean_words(row: dict, of: str = "split") -> str:
    """Return a mean over splits or the like; of one alone, the accuracy on its test part."""
    count, n = row[f"{of}s"], row["n"]
    if count == 1:
        return f"{accuracy({'accuracy': row['mean'], 'n': n})}, one {of}"
    kind = "t-interval" if of == "world" else "corrected t-interval"
    spread = f"95 % {kind} over {count} {of}s {bounds(row)}" if row["sd"] > 0 else f"the same in {count} {of}s"
    return f"{share(row['mean'])} ({spread}; n = {n} each)"


def overlap(one: dict, other: dict) -> str:
    """Return whether two intervals overlap, as the end of a sentence; nothing where there is none to speak of."""
    if not all(row["high"] > row["low"] for row in (one, other)):
        return "."
    apart = one["low"] > other["high"] or other["low"] > one["high"]
    return "; their intervals do not overlap." if apart else "; their intervals overlap."


def no_contest(runs: dict) -> str:
    """Return the sentence that stands in the place of tests, ratios and maps where one of some models learned nothing; empty where all did."""
    failed = [model for model, run in runs.items() if not learned(run.predicted, run.labels)]
    if not failed:
        return ""
    told = listed(f"{model} ({share(runs[model].hits.mean())})" for model in failed)
    return (
        f"On these images {told} {'does' if len(failed) == 1 else 'do'} not do better than one answer to all, the commonest pose, would: so no test, "
        "no ratio and no map is shown of what is no contest."
    )


def one_answer(runs: dict) -> str:
    """Return a sentence for each model that names one pose (nearly) whatever it sees. runs : a run, or one a split, by model."""
    text = ""
    for model, each in runs.items():
        group = each if isinstance(each, list) else [each]
        shares = [largest_share(run.predicted) for run in group]
        fallen = [most for most in shares if most >= ONE_ANSWER]
        if fallen:
            splits = f", in {len(fallen)} of {many(len(group), 'split')}" if len(group) > 1 else ""
            text += f" **{model} gives one answer to {share(min(fallen), 0)} of the images{splits}: it can't tell the poses apart.**"
    return text
