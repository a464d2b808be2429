"""Figures bring their look with them, and leave matplotlib as they found it."""

import subprocess
import sys

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from yogalib.results.figures import class_distribution, confusion_map
from yogalib.results.galleries import picture_grid
from yogalib.results.show import figure_files
from yogalib.results.style import COLOURS

COUNTS = pd.DataFrame({"level": [1, 1, 2], "superclass": ["Standing", "Sitting", "Twist"], "images": [30, 20, 10]})
OWN = {"svg.fonttype": "path", "axes.grid": False, "font.size": 23, "figure.dpi": 50}  # a reader's, set in her notebook


def settings() -> dict[str, str]:
    """matplotlib's settings, but for which backend was found."""
    return {name: str(value) for name, value in mpl.rcParams.items() if not name.startswith("backend")}


def test_import_sets_nothing():
    code = (
        "import matplotlib as mpl; before = dict(mpl.rcParams); import yogalib.results.figures, yogalib.results.galleries; "
        "print({name for name, value in dict(mpl.rcParams).items() if value != before[name]})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_drawing_and_writing_leave_the_settings_as_they_were():
    with mpl.rc_context(OWN):
        before = settings()
        for figure in (class_distribution(COUNTS), picture_grid([np.zeros((8, 8, 3), "uint8")], ["pose"])):
            assert set(figure_files(figure)) == {".svg", ".png", ".webp"}
            plt.close(figure)
        assert settings() == before


def test_a_figure_is_the_same_file_whatever_the_reader_has_set():
    texts = []
    for own in ({}, OWN):
        with mpl.rc_context(own):
            figure = class_distribution(COUNTS)
            texts.append(figure_files(figure)[".svg"].decode())
            plt.close(figure)
    assert texts[0] == texts[1]
    assert COLOURS[0].lower() in texts[0] and ">Standing</text>" in texts[0]


def test_matrix_bears_counts_and_n_and_is_grey_where_there_is_nothing():
    counts = np.array([[2, 1, 0], [0, 0, 0], [0, 3, 0]])
    axis = confusion_map(counts, ["A", "B", "C"]).axes[0]
    assert [text.get_text() for text in axis.texts if text.get_text()] == ["2", "1", "3"]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["0 A (3)", "1 B (0)", "2 C (3)"]
    assert [label.get_text() for label in axis.get_xticklabels()] == ["0 A (2)", "1 B (4)", "2 C (0)"]
    mesh = axis.collections[0].get_array().reshape(3, 3)
    assert mesh.mask.tolist() == [[False, False, True], [True, True, True], [False, False, True]]
    assert mesh[0, 1] == 25, "share of the column"
