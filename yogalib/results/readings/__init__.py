"""What a table or figure shows, in a sentence or two made of its numbers: with other numbers it says something else.

A module a notebook. Each function takes what is shown and returns Markdown. An accuracy is given with its n, its 95 % interval and the
interval's kind.
"""

from yogalib.results.readings import (
    atlas,
    benchmark,
    beyond,
    dataset,
    fine_tuning,
    small_runs,
    summary,
    wording,
    zero_shot,
)

__all__ = ["atlas", "benchmark", "beyond", "dataset", "fine_tuning", "small_runs", "summary", "wording", "zero_shot"]
