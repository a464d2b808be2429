"""The paper's numbers, read from paper.yaml, the one place where they stand."""

import copy
from functools import cache
from pathlib import Path

import yaml


@cache
def _read() -> dict:
    return yaml.safe_load(Path(__file__).with_name("paper.yaml").read_text(encoding="utf-8"))


def load_paper() -> dict:
    """Return the paper's numbers: claims, class_counts, subset_counts, related_work, related_results, open_points."""
    return copy.deepcopy(_read())
