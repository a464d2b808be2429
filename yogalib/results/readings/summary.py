"""What the summary says of the paper beside ours."""

import pandas as pd

from yogalib.results.readings.wording import many


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
