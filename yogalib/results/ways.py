"""The figures of notebook 09, drawn from the frames of yogalib.results.beyond."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.figure import Figure

from yogalib.results.style import COLOURS, STYLE

MARKS = "osD^vPX"
LABEL = {"textcoords": "offset points", "fontsize": 7, "color": "#333"}


@rc_context(STYLE)
def curve_by_size(table: pd.DataFrame) -> Figure:
    """Draw accuracy against training images per class, a line a way, with Wilson bars (curve_table)."""
    figure, axis = plt.subplots(figsize=(8, 4.2))
    sizes = [*sorted({size for size in table["per_class"] if size != "all"}, key=int), "all"]
    for number, (way, rows) in enumerate(table.groupby("way", sort=False)):
        places = np.array([sizes.index(size) for size in rows["per_class"]]) + 0.06 * (number - 2)
        error = 100 * np.array([rows["accuracy"] - rows["low"], rows["high"] - rows["accuracy"]])
        look = {"color": COLOURS[number % len(COLOURS)], "marker": MARKS[number % len(MARKS)], "markersize": 4}
        axis.errorbar(places, 100 * rows["accuracy"], error, capsize=2, linewidth=1.2, label=way, **look)
    axis.set(xlabel="training images per pose", ylabel=f"top-1, % of {table['n'].iloc[0]} images", ylim=(0, 102))
    axis.set_xticks(range(len(sizes)), sizes)
    axis.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False, fontsize=8)
    return figure


@rc_context(STYLE)
def accuracy_against_time(table: pd.DataFrame) -> Figure:
    """Draw accuracy against milliseconds an image, a mark a way, families by colour (ways_table); none is better than those on the line."""
    shown = table[table["ms"].notna()].sort_values(["ms", "accuracy"], ascending=[True, False])
    figure, axis = plt.subplots(figsize=(8, 4.2))
    for number, (family, rows) in enumerate(shown.groupby("family", sort=False)):
        look = {"color": COLOURS[number % len(COLOURS)], "marker": MARKS[number % len(MARKS)]}
        axis.scatter(rows["ms"], 100 * rows["accuracy"], label=family, zorder=3, **look)
    front = shown[shown["accuracy"] > shown["accuracy"].cummax().shift(fill_value=-1)]
    axis.step(front["ms"], 100 * front["accuracy"], where="post", color="grey", linewidth=1, linestyle=":")
    for place, row in enumerate(
        front.itertuples()
    ):  # towards the upper left there is nothing, but labels of neighbours
        name = f"{row.family}, {row.way}"
        axis.annotate(name, (row.ms, 100 * row.accuracy), xytext=(-6, 2 + 4 * place), ha="right", **LABEL)
    axis.set(
        xscale="log",
        xlabel="an image, ms (log scale)",
        ylabel=f"top-1, % of {table['n'].iloc[0]} images",
        ylim=(0, 105),
    )
    axis.margins(x=0.5)
    axis.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False, fontsize=8)
    return figure


@rc_context(STYLE)
def superclass_dots(table: pd.DataFrame) -> Figure:
    """Draw accuracy by superclass, a dot a model, level 1 above level 2 (by_superclass)."""
    levels = [rows for _, rows in table.groupby("level")]
    heights = [rows["superclass"].nunique() + 1.5 for rows in levels]
    figure, axes = plt.subplots(len(levels), 1, figsize=(9, 0.26 * sum(heights) + 1), height_ratios=heights)
    for axis, rows in zip(np.atleast_1d(axes), levels, strict=True):
        counts = rows.drop_duplicates("superclass").set_index("superclass")["n"]
        names = [f"{name} ({n})" for name, n in counts.items()]
        for number, (model, each) in enumerate(rows.groupby("model", sort=False)):
            where = [list(counts.index).index(name) for name in each["superclass"]]
            look = {"color": COLOURS[number % len(COLOURS)], "marker": MARKS[number % len(MARKS)]}
            axis.plot(100 * each["accuracy"], where, linestyle="", label=model, alpha=0.8, **look)
        axis.set_yticks(range(len(names)), names)
        axis.invert_yaxis()
        axis.set(xlim=(-2, 102), title=f"level {rows['level'].iloc[0]}", xlabel="top-1, %")
    np.atleast_1d(axes)[0].legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False, fontsize=8)
    return figure


@rc_context(STYLE)
def between_curve(table: pd.DataFrame) -> Figure:
    """Draw WiSE-FT's curve: accuracy by the share of the fine-tuned weights, a line for each way of asking (between_table)."""
    figure, axis = plt.subplots(figsize=(6, 3.3))
    for number, (words, rows) in enumerate(table.groupby("words", sort=False)):
        axis.plot(
            rows["fine_tuned"], 100 * rows["accuracy"], marker=MARKS[number], markersize=4, label=f"asked by {words}"
        )
        axis.fill_between(rows["fine_tuned"], 100 * rows["low"], 100 * rows["high"], alpha=0.2)
    n = table["n"].iloc[0]
    axis.set(xlabel="share of the fine-tuned weights", ylabel=f"top-1, % of {n} images", ylim=(0, 102))
    axis.legend(frameon=False, fontsize=8)
    return figure
