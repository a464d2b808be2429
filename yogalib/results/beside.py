"""The paper's numbers set into a table of ours, row by row."""

import pandas as pd

from yogalib.facts.paper import claim, load_paper
from yogalib.results.claims import ROWS, VALUES, row_of, rows_of
from yogalib.results.show import heading_of, printed

OURS = "ours, %"


def beside(name: str, table: pd.DataFrame) -> pd.DataFrame:
    """Return one of our tables in words, with the paper's numbers where the paper has such a table; what the paper alone has comes last.

    name : such as `table_04`.
    """
    words, known = printed(table), load_paper()["claims"]
    if name not in ROWS:
        return words
    rows = {called: claim for called, claim in rows_of(name).items() if known[claim]["unit"] in ("%", "points")}
    spreads = {called: rows.pop(called) for called in list(rows) if called.endswith("_sd")}
    value = next(column for column in VALUES if column in table)
    place = list(table).index(value)
    words = words.rename(columns={words.columns[place]: OURS})
    # of two rows that answer to one number of the paper the first is the profile's own
    theirs = [rows.pop(row_of(name, row), None) for row in table.to_dict("records")]
    one = ROWS[name].strip("{}") in table  # one column tells the rows apart: its value says more than a sentence
    alone = [
        known[claim].get("row", claim.partition(".")[2]) if one else known[claim]["what"] for claim in rows.values()
    ]
    words = pd.concat([words, pd.DataFrame({words.columns[0]: alone})], ignore_index=True).fillna("")
    words.insert(place, "paper, %", [_papers(claim, spreads) for claim in [*theirs, *rows.values()]])
    return words


def headed(name: str, table: pd.DataFrame, words: pd.DataFrame, opens: dict | None) -> dict:
    """Return what cells open by the printed table's headings, nothing in the rows that the paper alone has.

    words : of `beside`. opens : by column of `table`, an opener a row (openers.by_column).
    """
    alone = [None] * (len(words) - len(table))
    return {
        OURS if name in ROWS and column in VALUES else heading_of(table, column): [*each, *alone]
        for column, each in (opens or {}).items()
    }


def papers_n(name: str) -> str:
    """Return the end of a caption that says on how many pictures the paper's numbers of a table rest; empty where it has none."""
    if name not in ROWS:
        return ""
    known = load_paper()["claims"]
    tested = sorted({known[claim]["n"] for claim in rows_of(name).values() if known[claim]["n"]})
    return f" The paper's n: {', '.join(f'{n:,}' for n in tested)}."


def _papers(name: str | None, spreads: dict[str, str]) -> str:
    """Return the paper's number, with its standard deviation where there is one."""
    if name is None:
        return ""
    spread = spreads.get(name.partition(".")[2].replace("_mean", "_sd"))
    return f"{claim(name)['value']:g}" + (f" (sd {claim(spread)['value']:g})" if spread else "")
