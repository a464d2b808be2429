"""The paper's two six-class subsets (section 3.1, Tables 2 and 3)."""

from pathlib import Path

import pandas as pd

from yogalib.dataset.lists import PICKED
from yogalib.errors import BadInput
from yogalib.taxonomy import load_taxonomy

POSES = ["Dhanurasana", "Ustrasana", "Salamba Sarvangasana", "Utkatasana", "Marjaryasana", "Balasana"]
SHIPPED = Path(__file__).parents[1] / "subsets" / PICKED


def select_subset(index: pd.DataFrame, name: str, folder: Path | None = None) -> pd.DataFrame:
    """Return the kept rows of a subset, sorted by path.

    name : `all`; `subset_i`, the six poses unfiltered; `subset_ii`, those of the six whose sha256 stands in PICKED (CSV, column
    sha256), in `folder` or in yogalib's own subsets/.

    Raises BadInput when a class of the subset has no image, or Subset II has no list.
    """
    rows = index[index["status"] == "kept"].sort_values("path", kind="stable")
    if name == "all":
        return _not_empty(rows, name, sorted(rows["class"].unique()))
    taxonomy = load_taxonomy()
    six = taxonomy[taxonomy["sanskrit"].isin(POSES)]["class"]
    rows = rows[rows["class"].isin(six)]
    if name == "subset_ii":
        lists = [file for file in (folder and folder / PICKED, SHIPPED) if file and file.is_file()]
        if not lists:
            raise BadInput(
                f"subset_ii needs a hand-picked list, and the paper's was never published: put a {PICKED} (column sha256) "
                "beside the class folders, or use subset_i"
            )
        rows = rows[rows["sha256"].isin(pd.read_csv(lists[0])["sha256"])]
    return _not_empty(rows, name, six)


def _not_empty(rows: pd.DataFrame, name: str, classes) -> pd.DataFrame:
    if rows.empty:
        raise BadInput(f"subset '{name}' has no usable image")
    absent = [load_taxonomy()["sanskrit"][number] for number in classes if not (rows["class"] == number).any()]
    if absent:
        raise BadInput(f"subset '{name}' has no image of {', '.join(absent)}: add some, or choose subset 'all'")
    if rows["class"].nunique() < 2:
        raise BadInput(f"subset '{name}' has images of one class only: a classifier needs two or more")
    return rows
