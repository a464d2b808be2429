"""What the summary says of the paper beside ours."""

import pandas as pd

from yogalib.results.readings.wording import listed, many


def beside(table: pd.DataFrame, not_comparable: str | None) -> str:
    """Say how many of the paper's accuracies lie in our intervals (summary.shares_beside). not_comparable : why none can be compared."""
    if table.empty:
        return "No accuracy with an interval was measured."
    if not_comparable:
        return f"These {many(len(table), 'pair')} show what the report holds; they are no comparison, since this profile has {not_comparable}."
    within = int(((table["low"] <= table["paper"]) & (table["paper"] <= table["high"])).sum())
    above = int((table["low"] > table["paper"]).sum())
    return (
        f"Of {many(len(table), 'row')} the paper's figure lies in our interval in {within}; ours is above it in {above} and below it in "
        f"{len(table) - within - above}."
    )


def carried(table: pd.DataFrame) -> str:
    """Say how many of the paper's conclusions its own numbers carry (carry.paper_statements)."""
    counts = table["verdict"].value_counts()
    words = {
        "holds": "hold",
        "does not hold": "do not hold",
        "within noise": "lie within noise",
        "selection": "are what selection alone gives",
        "can't tell": "can't be told from what is printed",
    }
    told = [f"{counts[verdict]} {said}" for verdict, said in words.items() if verdict in counts]
    text = f"Of {many(len(table), 'conclusion')} {listed(told)}."
    for row in table[table["verdict"] == "selection"].to_dict("records"):
        text += f" {row['paper']}: {row['why']} ({row['low']:.1f} to {row['high']:.1f})."
    return text
