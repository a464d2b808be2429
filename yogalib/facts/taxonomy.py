"""The 82 poses of Yoga-82 in three levels.

Numbers and folders are those of the official lists (Verma et al. 2020), names those of the paper's Appendix A. Where
the two disagree on a superclass, the lists decide. Descriptions are those of `yogalib.synthetic.captions`, kept here so that
real photographs do not need the drawn world.
"""

import re
import unicodedata
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

FILE = Path(__file__).with_name("taxonomy.csv")

# Other names of the same pose and no other: spellings of the paper and of public data sets, and what Yoga-82's photographs show under
# its name: in Rajakapotasana the one-legged king pigeon, in Cat Cow both, in Sitting 1 crossed legs. Other variations are not listed
# ("Parivrtta Trikonasana"): whether Yoga-82 means them is not known.
OTHER_NAMES = {
    "Adho Mukha Svanasana": ["Downward Dog", "Down Dog"],
    "Adho Mukha Vrksasana": ["Adho Mukha Vriksasana"],
    "Bakasana": ["Crow"],
    "Balasana": ["Child's"],
    "Cockerel": ["Kukkutasana"],
    "Eka Pada Koundinyanasana I and II": [f"Eka Pada Koundinyanasana{number}" for number in ("", " I", " II")],
    "Kumbhakasana": ["Phalakasana"],
    "Marjaryasana": ["Bitilasana", "Cow"],
    "Parivrtta Janu Sirsasana": ["Parivrta Janu Sirsasana"],  # Table A8
    "Parsva Bakasana": ["Side Crow"],
    "Rajakapotasana": ["Eka Pada Rajakapotasana"],
    "Salamba Sarvangasana": ["Sarvangasana", "Shoulderstand"],  # Tables 2 and 3
    "Salamba Sirsasana": ["Sirsasana", "Headstand"],
    "Savasana": ["Shavasana"],
    "Sitting": ["Padmasana", "Lotus", "Sukhasana", "Easy"],
    "Split": ["Splits", "Hanumanasana"],
    "Supta Virasana Vajrasana": ["Supta Virasana", "Supta Vajrasana"],
    "Tortoise": ["Kurmasana"],
    "Utthita Padangusthasana": ["Utthita Hasta Padangusthasana", "Utthita Hasta Padangustasana"],
    "Utthita Parsvakonasana": ["Extended Side Angle"],
    "Utthita Trikonasana": ["Extended Triangle"],
    "Vrksasana": ["Vriksasana", "Vrikshasana"],
    "Yogic sleep": ["Yoganidrasana"],
}


@cache
def _read() -> pd.DataFrame:
    return pd.read_csv(FILE)


def load_taxonomy() -> pd.DataFrame:
    """Return one row per pose, in the order of the official numbers 0 to 81 (82 rows; a copy; Appendix A).

    Columns: class (official number at level 3), folder (as the link lists write it), sanskrit (the paper's name),
    english, l1 and l2 (official numbers of the superclasses), l1_name and l2_name, description (what the body does, in
    everyday words and by no pose's name).
    """
    return _read().copy()


def pose_names(added: list[str]) -> pd.DataFrame:
    """Return folder, sanskrit and english name of each pose, by class number: the 82, then those `added` by their folders' names.

    A name such as Star_Pose_or_Utthita_Tadasana is English before "or" and Sanskrit behind it, as Yoga-82 has it; any other is both.
    """
    plain = [re.sub(r"[_ ]+", " ", name).strip() for name in added]
    rows = [
        (number, name, words.rpartition(" or ")[2], re.sub(" [Pp]ose$", "", words.partition(" or ")[0]))
        for number, (name, words) in enumerate(zip(added, plain, strict=True), len(_read()))
    ]
    columns = ["class", "folder", "sanskrit", "english"]
    return pd.concat([_read()[columns], pd.DataFrame(rows, columns=columns)]).set_index("class")


def class_among(name: str, poses: pd.DataFrame) -> int:
    """Return the number of the pose that a folder's name means, of poses as `pose_names` has them; -1 when it means none."""
    names = poses.map(_key).eq(_key(name)) & (_key(name) != "")
    return int(next(iter(poses.index[names.any(axis=1)]), -1))


def superclass_names(level: int) -> list[str]:
    """Return the names of the superclasses of level 1 (6) or 2 (20), by official number (section 3.1).

    Raises ValueError for another level.
    """
    _check(level, (1, 2))
    return _read().drop_duplicates(f"l{level}").sort_values(f"l{level}")[f"l{level}_name"].tolist()


def parents(level: int) -> np.ndarray:
    """Return each pose's official number at a level, int (82,); level 3 gives the poses themselves (section 3.1).

    Raises ValueError for a level other than 1, 2 or 3.
    """
    _check(level, (1, 2, 3))
    return _read()["class" if level == 3 else f"l{level}"].to_numpy(copy=True)


def _check(level: int, levels: tuple[int, ...]) -> None:
    if level not in levels:
        raise ValueError(f"level {level!r} is unknown: choose one of {', '.join(map(str, levels))}")


@lru_cache(4096)  # the official lists name a folder in each of 28,450 rows
def class_of(name: str) -> int | None:
    """Return the official number of the pose that a folder's name means, or None when it means none or more than one.

    Known are the official folder names in both official spellings, each half of "X_or_Y", the Sanskrit and the English
    name, and OTHER_NAMES; case, accents, punctuation, the word "pose" and 2 for II do not matter. Nothing is guessed.
    """
    return _known_names().get(_key(name))


def _key(name: str) -> str:
    letters = unicodedata.normalize("NFKD", name).lower()
    plain = "".join(letter for letter in letters if not unicodedata.combining(letter))
    if any(letter.isalnum() and not letter.isascii() for letter in plain):
        return ""  # a word of another script may be the one that matters
    words = [re.sub(r"poses?$", "", word) for word in re.findall(r"[a-z]+|[0-9]+", plain)]
    # numerals as digits, so that "Warrior I, II" can't be joined to "Warrior III"
    return "".join(re.sub(r"i{1,3}$", lambda numeral: str(len(numeral[0])), word) for word in words)


@cache
def _known_names() -> dict[str, int]:
    found: dict[str, set[int]] = {}
    for row in _read().itertuples():
        number = row[1]  # the column's name, class, is a keyword
        english = re.sub(r"\(.*?\)", "", row.english)  # "Upward Bow (Wheel)" is known without its bracket too
        halves = [*row.folder.split("_or_"), *row.english.split(" or ")]
        for name in (row.folder, row.sanskrit, row.english, english, *halves, *OTHER_NAMES.get(row.sanskrit, [])):
            found.setdefault(_key(name), set()).add(number)
    return {key: numbers.pop() for key, numbers in found.items() if key and len(numbers) == 1}
