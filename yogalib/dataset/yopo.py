"""The other data set of section 5, YoPo, and any like it: which of its folders are poses of Yoga-82.

YoPo is Kaggle's "Yoga Pose Image classification dataset" (S. Saxena, 2020): 107 folders in one named dataset/. The index reads it as
it is unzipped; yopo.csv holds the decision on each folder, and why 25 of them are no pose of the 82 for sure.
"""

from pathlib import Path, PurePosixPath

import pandas as pd

FILE = Path(__file__).with_name("yopo.csv")


def load_folders() -> pd.DataFrame:
    """Return YoPo's 107 folders. Columns: folder, class (official number; -1 for none), reason (why none)."""
    return pd.read_csv(FILE, dtype={"class": "Int64"}).fillna({"class": -1, "reason": ""}).astype({"class": int})


def describe_folders(index: pd.DataFrame) -> str:
    """Return one line on an index: how many folders are poses of the 82, with how many pictures, and which are none."""
    rows = index[index["status"].isin(["kept", "unknown_class"])]
    folders = rows["path"].map(lambda path: PurePosixPath(path).parent.name)
    kept = rows["status"] == "kept"
    others = sorted(set(folders[~kept]) - set(folders[kept]) - {""})
    line = (
        f"{folders[kept].nunique()} of {folders[kept].nunique() + len(others)} folders are {rows[kept]['class'].nunique()} of "
        f"the 82 poses, {kept.sum():,} pictures"
    )
    if others:
        line += f"; not used: {', '.join(others)}"
    return line + (" (yogalib/dataset/yopo.csv says why)" if set(others) & set(load_folders()["folder"]) else "")
