"""The paper's numbers that a table of ours measures: which row stands beside which claim of paper.yaml."""

import numpy as np
import pandas as pd

from yogalib.facts.paper import load_paper

# a table's row and the claim beside it, less the table's name; paper.yaml may name a claim's row itself
ROWS = {
    "table_04": "{encoder}",
    "table_05": "{syntax}",
    "table_06": "lr{paper_rate:.0e}_wd{weight_decay:.0e}",
    "table_07": "lr{paper_rate:.0e}_wd{weight_decay:.0e}",
    "table_08": "{level}_top{k}",
    "table_09": "{level}_mean",
    "table_10": "{metric}",
    "table_11": "{per_class}",
}
VALUES = ("accuracy", "mean", "value")  # what the column of the measured share is called
# the kind of our 95 % interval, by what a claim's id begins with; Wilson's for a share of one set of images
KINDS = {
    "table_05": "corrected t over splits",
    "table_06": "corrected t over splits",
    "table_07": "corrected t over splits",
    "table_09": "corrected t over splits",
    "table_10": "bootstrap within poses",
    "table_11": "corrected t over splits",
    "section_5.difference": "paired proportions",
}


def row_of(name: str, row: dict) -> str:
    """Return what a row of the table `name` is called, so that claims can be found by it; case does not matter."""
    return ROWS[name].format(**row).casefold()


def rows_of(name: str) -> dict[str, str]:
    """Return the claims beside a table, from what they call its rows to their ids."""
    known = {key: claim for key, claim in load_paper()["claims"].items() if key.startswith(f"{name}.")}
    return {claim.get("row", key.partition(".")[2]).casefold(): key for key, claim in known.items()}


def kind_of(claim: str) -> str:
    """Return the kind of the 95 % interval that our number beside a claim has, where it has one."""
    return next((kind for start, kind in KINDS.items() if claim.startswith(start)), "Wilson")


def measured(
    ours: float, n: int, low: float | None = None, high: float | None = None, splits: int | None = None
) -> dict:
    """Return what is recorded of a number that stands beside the paper's, in the paper's unit; bounds may be missing.

    splits : over how many splits it is a mean; None for a number of one.
    """
    low, high = (None if bound is None or np.isnan(bound) else bound for bound in (low, high))
    return {"ours": ours, "low": low, "high": high, "n": int(n), "splits": splits}


def claims_of(name: str, table: pd.DataFrame) -> dict[str, dict]:
    """Return what a table says beside the paper's numbers, by claim; nothing for a table that the paper does not have.

    Where two rows answer to one claim, such as two encoders of Table 9, the first does: the profile's own.
    """
    if name not in ROWS:
        return {}
    value = next(column for column in VALUES if column in table)
    claims, known = {}, rows_of(name)
    for row in table.to_dict("records"):
        called = row_of(name, row)
        if (claim := known.get(called)) and claim not in claims:
            splits = int(row["splits"]) if "splits" in row else None
            claims[claim] = measured(100 * row[value], row["n"], 100 * row["low"], 100 * row["high"], splits)
            if spread := known.get(called.replace("_mean", "_sd")) if called.endswith("_mean") else None:
                claims[spread] = measured(100 * row["sd"], row["n"], splits=splits)
    if name == "table_09":
        claims["table_09.splits"] = measured(int(table["splits"].max()), table["n"].iloc[0])
    return claims
