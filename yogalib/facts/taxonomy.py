"""The 82 poses of Yoga-82 in three levels.

Numbers and folders are those of the official lists (Verma et al. 2020), names those of the paper's Appendix A. Where
the two disagree on a superclass, the lists decide. Descriptions are those of `yogalib.synthetic.captions`, kept here so that
real photographs do not need the drawn world.
"""

import re
import unicodedata
from collections.abc import Iterator
from difflib import get_close_matches
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

FILE = Path(__file__).with_name("taxonomy.csv")

# Other names of the same pose and no other: spellings of the paper and of public data sets, the English names that studios use, and what
# Yoga-82's photographs show under its name: in Rajakapotasana the one-legged king pigeon, in Cat Cow both, in Sitting 1 crossed legs, in
# Extended Revolved Triangle and Side Angle the extended pose. Other variations are not listed ("Parivrtta Trikonasana"): whether Yoga-82
# means them is not known.
OTHER_NAMES = {
    "Adho Mukha Svanasana": ["Downward Dog", "Down Dog"],
    "Adho Mukha Vrksasana": ["Adho Mukha Vriksasana"],
    "Akarna Dhanurasana": ["Archer's", "Shooting Bow"],
    "Ananda Balasana": ["Happy Baby's"],
    "Anjaneyasana": ["Crescent Low Lunge"],
    "Ardha Matsyendrasana": ["Half Spinal Twist"],
    "Baddha Konasana": ["Butterfly", "Cobbler", "Cobbler's"],
    "Bakasana": ["Crow"],
    "Balasana": ["Child's"],
    "Camatkarasana": ["Flip Dog"],
    "Chaturanga Dandasana": ["Chaturanga", "Low Plank"],
    "Cockerel": ["Kukkutasana", "Rooster"],
    "Eka Pada Koundinyanasana I and II": [f"Eka Pada Koundinyanasana{number}" for number in ("", " I", " II")],
    "Halasana": ["Plough"],
    "Janu Sirsasana": ["Head to Knee"],
    "Kumbhakasana": ["Phalakasana", "High Plank"],
    "Makara Adho Mukha Svanasana": ["Forearm Plank"],
    "Malasana": ["Yogi Squat"],
    "Marjaryasana": ["Bitilasana", "Cat", "Cow"],
    "Natarajasana": ["Dancer", "Dancer's", "King Dancer", "Natrajasana"],
    "Paripurna Navasana": ["Navasana", "Full Boat"],
    "Parivrtta Janu Sirsasana": ["Parivrta Janu Sirsasana"],  # Table A8
    "Parsva Bakasana": ["Side Crow"],
    "Parsvottanasana": ["Pyramid"],
    "Paschimottanasana": ["Seated Forward Fold"],
    "Pawanmuktasana": ["Pavanamuktasana", "Pavanmuktasana", "Wind Removing"],
    "Pincha Mayurasana": ["Forearm Stand", "Forearm Balance"],
    "Prasarita Padottanasana": ["Wide-Legged Forward Fold", "Wide-Legged Standing Forward Bend"],
    "Purvottanasana": ["Reverse Plank"],
    "Rajakapotasana": ["Eka Pada Rajakapotasana"],
    "Salamba Sarvangasana": ["Sarvangasana", "Shoulderstand"],  # Tables 2 and 3
    "Salamba Sirsasana": ["Sirsasana", "Headstand"],
    "Savasana": ["Shavasana"],
    "Setu Bandha Sarvangasana": ["Setu Bandhasana", "Setu Bandha"],
    "Sitting": ["Padmasana", "Lotus", "Sukhasana", "Easy"],
    "Split": ["Splits", "Hanumanasana", "Front Splits", "Monkey"],
    "Supta Baddha Konasana": ["Reclined Bound Angle", "Reclining Butterfly"],
    "Supta Padangusthasana": ["Reclined Hand to Big Toe"],
    "Supta Virasana Vajrasana": ["Supta Virasana", "Supta Vajrasana", "Reclined Hero"],
    "Tortoise": ["Kurmasana"],
    "Upavistha Konasana": ["Wide-Angle Seated Forward Fold"],
    "Urdhva Dhanurasana": ["Wheel Pose", "Full Wheel", "Upward Facing Bow", "Chakrasana"],
    "Urdhva Prasarita Eka Padasana": ["Standing Splits"],
    "Uttana Shishosana": ["Puppy"],
    "Uttanasana": ["Standing Forward Fold"],
    "Utthita Padangusthasana": [
        "Utthita Hasta Padangusthasana",
        "Utthita Hasta Padangustasana",
        "Extended Hand to Big Toe",
        "Standing Hand to Big Toe",
    ],
    "Utthita Parsvakonasana": ["Extended Side Angle", "Side Angle", "Parsvakonasana"],
    "Utthita Trikonasana": ["Extended Triangle", "Triangle", "Trikonasana"],
    "Viparita virabhadrasana": ["Reversed Warrior", "Peaceful Warrior"],
    "Vrksasana": ["Vriksasana", "Vrikshasana"],
    "Yogic sleep": ["Yoganidrasana"],
}
NUMERALS = {"one": "1", "two": "2", "three": "3"}


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
    name, and OTHER_NAMES; case, accents, punctuation, the word "pose" and 2 or Two for II do not matter. Nothing is guessed: the bare
    "Wheel" is a superclass of six poses, "Wheel Pose" is one.
    """
    if re.sub(r"[\W_]+", "", name).lower() == "wheel":
        return None
    return _known_names().get(_key(name))


def nearest_names(name: str, count: int = 3) -> list[str]:
    """Return the known names spelt most like a name that means none, one a pose, the nearest first; none where nothing is near."""
    found: dict[int, str] = {}
    for key in get_close_matches(_key(name), _known_names(), n=5 * count, cutoff=0.6):
        found.setdefault(_known_names()[key], _spellings()[key])
    return list(found.values())[:count]


def unknown_pose(name: str) -> str:
    """Return what to say behind a name that is none of the 82 poses': the nearest names there are, in brackets; empty without."""
    near = nearest_names(name)
    return f" (nearest: {', '.join(near)})" if near else ""


def _key(name: str) -> str:
    letters = unicodedata.normalize("NFKD", name).lower()
    plain = "".join(letter for letter in letters if not unicodedata.combining(letter))
    if any(letter.isalnum() and not letter.isascii() for letter in plain):
        return ""  # a word of another script may be the one that matters
    words = [re.sub(r"poses?$", "", word) for word in re.findall(r"[a-z]+|[0-9]+", plain)]
    # numerals as digits, so that "Warrior I, II" can't be joined to "Warrior III"
    digits = (re.sub(r"i{1,3}$", lambda numeral: str(len(numeral[0])), NUMERALS.get(word, word)) for word in words)
    return "".join(digits)


def _names() -> Iterator[tuple[int, str]]:
    """Yield each pose's number with each of its names, those for people first."""
    for row in _read().itertuples():
        english = re.sub(r"\(.*?\)", "", row.english).strip()  # "Upward Bow (Wheel)" is known without its bracket too
        halves = [*row.english.split(" or "), *row.folder.split("_or_")]
        for name in (english, row.english, row.sanskrit, *OTHER_NAMES.get(row.sanskrit, []), *halves, row.folder):
            yield row[1], name  # the column's name, class, is a keyword


@cache
def _known_names() -> dict[str, int]:
    found: dict[str, set[int]] = {}
    for number, name in _names():
        found.setdefault(_key(name), set()).add(number)
    return {key: numbers.pop() for key, numbers in found.items() if key and len(numbers) == 1}


@cache
def _spellings() -> dict[str, str]:
    return {_key(name): name.replace("_", " ").strip() for _, name in reversed(list(_names()))}
