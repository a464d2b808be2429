"""The 82 poses in three levels: numbers and folders from the official lists (Verma et al. 2020), names after the paper's Appendix A."""

import re
import unicodedata
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

FILE = Path(__file__).with_name("taxonomy.csv")


@cache
def _read() -> pd.DataFrame:
    return pd.read_csv(FILE)


def load_taxonomy() -> pd.DataFrame:
    """Return one row per pose, in the order of the official numbers 0 to 81.

    Columns: class (official number at level 3), folder (as the link lists write it), sanskrit (the paper's name), english,
    l1 and l2 (official numbers of the superclasses), l1_name and l2_name. Where the paper's Appendix A and the official
    lists disagree on a superclass, the lists decide; the names of the groups are the paper's.
    """
    return _read().copy()


def superclass_names(level: int) -> list[str]:
    """Return the names of the superclasses of level 1 (6) or 2 (20), by official number."""
    return _read().drop_duplicates(f"l{level}").sort_values(f"l{level}")[f"l{level}_name"].tolist()


def parents(level: int) -> np.ndarray:
    """Return each pose's official number at a level, int (82,); level 3 gives the poses themselves."""
    return _read()["class" if level == 3 else f"l{level}"].to_numpy()


def class_of(name: str) -> int | None:
    """Return the official number of the pose that a folder's name means, or None when it means none or more than one.

    Known are the official folder names in both official spellings, each half of "X_or_Y", the Sanskrit and the English
    name; case, accents, punctuation and the word "pose" do not matter. Nothing is guessed.
    """
    return _known_names().get(_key(name))


def _key(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower().replace("'", "")
    return "".join(word for word in re.findall(r"[a-z0-9]+", plain) if word != "pose")


@cache
def _known_names() -> dict[str, int]:
    found: dict[str, set[int]] = {}
    for row in _read().itertuples():
        number = row[1]  # the column's name, class, is a keyword
        english = re.sub(r"\(.*?\)", "", row.english)  # "Upward Bow (Wheel)" is known without its bracket too
        for name in (row.folder, *row.folder.split("_or_"), row.sanskrit, row.english, english):
            found.setdefault(_key(name), set()).add(number)
    return {key: numbers.pop() for key, numbers in found.items() if key and len(numbers) == 1}
