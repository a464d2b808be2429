"""The paper's two six-class subsets (section 3.1, Tables 2 and 3)."""

from pathlib import Path

import pandas as pd

from yogalib.dataset.lists import PICKED
from yogalib.errors import BadInput
from yogalib.facts.taxonomy import load_taxonomy

POSES = ["Dhanurasana", "Ustrasana", "Salamba Sarvangasana", "Utkatasana", "Marjaryasana", "Balasana"]
SHIPPED = Path(__file__).with_name(PICKED)


def select_subset(index: pd.DataFrame, name: str, folder: Path | None = None) -> pd.DataFrame:
    """Return the kept rows of a subset, sorted by path.

    name : `all`; `subset_i`, the six poses unfiltered; `subset_ii`, those of the six that the list PICKED keeps (`read_list`), in
    `folder` or in yogalib's own subsets/.

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
                f"subset_ii needs a hand-picked list, and the paper's was never published: pick one with "
                f"notebooks/00_curate_subset_ii.ipynb, put somebody's {PICKED} beside the class folders, or use subset_i"
            )
        listed = read_list(lists[0])
        rows = rows[rows["sha256"].isin(listed.loc[listed["decision"] == "keep", "sha256"])]
    return _not_empty(rows, name, six)


def read_list(file: Path) -> pd.DataFrame:
    """Return a list of Subset II with the columns sha256 and decision; a plain list keeps all that it names.

    Raises BadInput for a file without the column sha256.
    """
    try:
        listed = pd.read_csv(file)
    except (ValueError, OSError) as error:
        raise BadInput(f"{file} can't be read as CSV ({' '.join(str(error).split())[:100]})") from None
    if "sha256" not in listed:
        raise BadInput(f"{file} has no column sha256: it must name each picture of Subset II by its hash")
    return listed if "decision" in listed else listed.assign(decision="keep")


def _not_empty(rows: pd.DataFrame, name: str, classes) -> pd.DataFrame:
    if rows.empty:
        raise BadInput(f"subset '{name}' has no usable image")
    here = set(rows["class"])
    absent = [load_taxonomy()["sanskrit"][number] for number in classes if number not in here]
    if absent:
        raise BadInput(f"subset '{name}' has no image of {', '.join(absent)}: add some, or choose subset 'all'")
    if len(here) < 2:
        raise BadInput(f"subset '{name}' has images of one class only: a classifier needs two or more")
    return rows
