"""The paper's numbers, read from paper.yaml, the one place where they stand."""

import copy
from difflib import get_close_matches
from functools import cache
from pathlib import Path

from yogalib.errors import BadInput
from yogalib.paths import read_yaml


@cache
def _read() -> dict:
    return read_yaml(Path(__file__).with_name("paper.yaml"))


def load_paper() -> dict:
    """Return the paper's numbers: claims, class_counts, subset_counts, related_work, related_results, open_points."""
    return copy.deepcopy(_read())


def claim(name: str) -> dict:
    """Return one of the paper's claims: what, value, unit, n (test size or None), where, and note if there is one.

    Raises BadInput, a ValueError, for an id that is not in paper.yaml, with the ids nearest to it.
    """
    claims = _read()["claims"]
    if name not in claims:
        near = get_close_matches(name, claims, cutoff=0.5) or list(claims)[:3]
        raise BadInput(f"the paper makes no claim '{name}': did you mean {', '.join(near)}? (yogalib/facts/paper.yaml)")
    return dict(claims[name])
