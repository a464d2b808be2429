"""Figures, drawn from frames and arrays that anybody can save; style.py has their look."""

from textwrap import fill

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from yogalib.results.metrics import wilson
from yogalib.results.style import COLOURS, STYLE


def _level_line(axis, share: float, name: str) -> None:
    """Draw a dotted line at a share, named in the margin, where no curve runs."""
    axis.axhline(100 * share, linestyle=":", color="grey")
    margin = {"xycoords": ("axes fraction", "data"), "xytext": (3, 0), "textcoords": "offset points"}
    look = {"fontsize": 7, "ha": "left", "va": "center", "color": "#555"}
    axis.annotate(fill(name, 8), (1, 100 * share), annotation_clip=False, **margin, **look)


@rc_context(STYLE)
def class_distribution(counts: pd.DataFrame) -> Figure:
    """Draw Fig. 1: images per superclass, level 1 above level 2. Columns of counts: level, superclass, images."""
    levels = [part for _, part in counts.groupby("level")]
    heights = [len(part) + 1.5 for part in levels]
    figure, axes = plt.subplots(len(levels), 1, figsize=(7, 0.28 * sum(heights) + 0.8), height_ratios=heights)
    for axis, part, colour in zip(np.atleast_1d(axes), levels, COLOURS, strict=False):
        bars = axis.barh(part["superclass"], part["images"], color=colour)
        axis.bar_label(bars, padding=3)
        axis.invert_yaxis()
        axis.grid(visible=False, axis="y")
        axis.set(xlabel="images", title=f"level {part['level'].iloc[0]}")
    return figure


@rc_context(STYLE)
def learning_curve(
    history: pd.DataFrame, n: int, chance: float, part: str = "test", loss: str = "contrastive"
) -> Figure:
    """Draw Figs. 5 and 8: top-1 on n pictures of a part after each epoch, with its Wilson band, and the training loss beside it."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.3))
    low, high = np.array([wilson(round(top1 * n), n) for top1 in history["top1"]]).T
    left.plot(history["epoch"], 100 * history["top1"], marker="o", markersize=3)
    left.fill_between(history["epoch"], 100 * low, 100 * high, alpha=0.2)
    _level_line(left, chance, "largest class")
    left.set(xlabel="epoch", ylabel=f"top-1, % of {n} {part} images", ylim=(0, 102))
    right.plot(history["epoch"], history["loss"], marker="o", markersize=3, color=COLOURS[1])
    right.set(xlabel="epoch", ylabel=f"{loss} loss, training")
    right.set_ylim(0, 1.1 * history["loss"].max())
    for axis in (left, right):
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    return figure


@rc_context(STYLE)
def similarity_map(mean: np.ndarray, names: list[str], limits: tuple[float, float]) -> Figure:
    """Draw one half of Fig. 4: mean cosine similarity of the pictures of each class (rows) with each prompt (columns).

    mean : (C, C) (metrics.class_means). limits : of the colours, the same for both halves.
    """
    low, high = limits
    marks = np.char.mod("%.2f", mean)
    return _heat_map(mean, names, "prompt", "pictures of", "mean cosine similarity", marks, vmin=low, vmax=high)


@rc_context(STYLE)
def confusion_map(counts: np.ndarray, names: list[str]) -> Figure:
    """Draw one matrix of Appendix B: pictures of each true pose (rows) by predicted pose (columns), (G, G), coloured by share of the column.

    Labels bear the number of the pose and, in brackets, n: pictures in the row or column. Those without a picture are grey.
    """
    rows, columns = counts.sum(axis=1), counts.sum(axis=0)
    shares = 100 * np.divide(counts, columns, out=np.zeros(counts.shape), where=columns > 0)
    there = (rows > 0)[:, None] & (columns > 0)
    marks = np.where(counts > 0, counts.astype(str), "")  # a field of zeros hides what matters
    labels = {"xticklabels": _numbered(names, columns), "yticklabels": _numbered(names, rows)}
    label = "% of the predicted class"
    figure = _heat_map(
        shares,
        names,
        "predicted (n in the matrix)",
        "true (n in the matrix)",
        label,
        marks,
        vmin=0,
        vmax=100,
        mask=~there,
        **labels,
    )
    figure.axes[0].set_facecolor("#dddddd")
    return figure


def _numbered(names: list[str], counts: np.ndarray) -> list[str]:
    return [f"{place} {name} ({count})" for place, (name, count) in enumerate(zip(names, counts, strict=True))]


def _heat_map(values: np.ndarray, names: list[str], x: str, y: str, label: str, marks: np.ndarray, **options) -> Figure:
    side = 2.2 + 0.32 * len(names)  # of 20 poses, the largest superclass: as wide as the page
    figure, axis = plt.subplots(figsize=(side + 0.8, side))
    sns.heatmap(
        values,
        square=True,
        annot=marks if len(names) <= 20 else None,
        fmt="",
        annot_kws={"fontsize": 7},
        cmap="cividis",
        cbar_kws={"label": label, "shrink": 0.7},
        ax=axis,
        **{"xticklabels": names, "yticklabels": names} | options,
    )
    axis.set(xlabel=x, ylabel=y)
    axis.tick_params(axis="x", rotation=90)
    axis.tick_params(axis="y", rotation=0)
    return figure


def _spread(table: pd.DataFrame, middle: str = "mean") -> np.ndarray:
    """Return how far intervals reach below and above, in percent, (2, N); 0 where there is none."""
    return 100 * np.nan_to_num([table[middle] - table["low"], table["high"] - table[middle]])


def _accuracies(names: pd.Series, table: pd.DataFrame, middle: str, right: int) -> tuple[Figure, Axes]:
    """Draw accuracies with their intervals, a named row each. middle : their column; right : where the axis ends, in percent."""
    figure, axis = plt.subplots(figsize=(7, 0.45 * len(table) + 1.1))
    axis.errorbar(100 * table[middle], names, xerr=_spread(table, middle), fmt="o", capsize=3)
    axis.invert_yaxis()
    axis.margins(y=0.3)
    axis.set(xlabel=f"top-1, % of {table['n'].iloc[0]} images", xlim=(0, right))
    return figure, axis


@rc_context(STYLE)
def accuracy_bars(table: pd.DataFrame, by: str, chance: float) -> Figure:
    """Draw accuracies with their intervals. Columns: `by`, accuracy, low, high (shares), n."""
    figure, axis = _accuracies(table[by], table, "accuracy", right=100)
    axis.axvline(100 * chance, linestyle=":", color="grey")
    axis.annotate("chance", (100 * chance, 1), xycoords=("data", "axes fraction"), ha="left", va="bottom", color="grey")
    return figure


@rc_context(STYLE)
def probability_bars(table: pd.DataFrame) -> Figure:
    """Draw what a picture is taken for. Columns: pose, then probabilities (shares), one column for each way of asking."""
    table = 100 * table.set_index("pose")
    figure, axis = plt.subplots(figsize=(6, 0.3 * table.size + 0.9))
    table.plot.barh(ax=axis, width=0.8, legend=False, ylabel="")
    for bars in axis.containers:
        axis.bar_label(bars, fmt="%.1f", padding=3)
    axis.invert_yaxis()
    axis.grid(visible=False, axis="y")
    axis.set(xlabel="probability, %", xlim=(0, 112))
    if table.shape[1] > 1:
        axis.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    return figure


@rc_context(STYLE)
def model_bars(table: pd.DataFrame) -> Figure:
    """Draw several models' accuracies by level with their t-intervals. Columns as tables.over_splits."""
    models, levels = table["model"].unique(), table["level"].unique()
    figure, axis = plt.subplots(figsize=(7, 0.5 * len(models) + 1.3))
    for number, (level, colour) in enumerate(zip(levels, COLOURS, strict=False)):
        part = table[table["level"] == level].set_index("model").loc[models]
        place = np.arange(len(models)) + 0.22 * (number - 1)
        axis.errorbar(100 * part["mean"], place, xerr=_spread(part), fmt="o", capsize=3, color=colour, label=level)
    axis.set_yticks(np.arange(len(models)), models)
    axis.set_ylim(len(models) - 0.5, -0.5)
    axis.grid(visible=False, axis="y")
    axis.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    axis.set(xlabel=f"top-1, % of {table['n'].iloc[0]} images, mean of {table['splits'].max()} splits", xlim=(0, 100))
    return figure


@rc_context(STYLE)
def side_by_side(accuracy: pd.DataFrame, training: pd.DataFrame, inference: pd.DataFrame) -> Figure:
    """Draw Fig. 9: accuracy with its interval, training time to the best epoch and inference time, model by model.

    Columns: setting, accuracy, low, high; model, to_best (seconds); model, what, p50_ms, p95_ms.
    """
    figure, (top, middle, low) = plt.subplots(3, 1, figsize=(7, 4.6), height_ratios=[2, 2, len(inference)])
    top.errorbar(
        100 * accuracy["accuracy"], accuracy["setting"], xerr=_spread(accuracy, "accuracy"), fmt="o", capsize=4
    )
    top.set(xlabel="top-1, %", xlim=(0, 100))
    middle.barh(training["model"], training["to_best"], color=COLOURS[1])
    middle.set(xlabel="training to the best epoch, seconds")
    above = np.maximum(inference["p95_ms"] - inference["p50_ms"], 0)
    labels = [fill(f"{row.model}, {row.what}", 26) for row in inference.itertuples()]
    low.barh(labels, inference["p50_ms"], xerr=[np.zeros(len(above)), above], capsize=4, color=COLOURS[2])
    low.set(xlabel="inference, ms a picture (median; whisker: 95th percentile)")
    for axis in (top, middle, low):
        axis.margins(y=0.3 if axis is top else 0.05)
        axis.invert_yaxis()
        axis.grid(visible=False, axis="y")
    return figure


@rc_context(STYLE)
def difference_bars(table: pd.DataFrame, ours: str, theirs: str) -> Figure:
    """Draw the difference of two models by class, sorted. Columns: pose, n, difference (shares)."""
    figure, axis = plt.subplots(figsize=(7, 0.17 * len(table) + 1.1))
    colours = np.where(table["difference"] < 0, COLOURS[5], COLOURS[0])
    axis.barh(table["pose"] + " (" + table["n"].astype(str) + ")", 100 * table["difference"], color=colours)
    axis.tick_params(axis="y", labelsize=6)
    axis.margins(y=0.01)
    axis.grid(visible=False, axis="y")
    axis.set(xlabel=f"top-1 of {ours} less that of {theirs}, points", xlim=(-102, 102))
    return figure


@rc_context(STYLE)
def grid_curve(table: pd.DataFrame, chance: float) -> Figure:
    """Draw Tables 6 and 7: accuracy over the learning rate, one line per weight decay. Columns as tables.small_table."""
    figure, axis = plt.subplots(figsize=(6, 3))
    for (decay, part), colour in zip(table.groupby("weight_decay"), COLOURS, strict=False):
        axis.errorbar(
            part["learning_rate"], 100 * part["mean"], yerr=_spread(part), marker="o", capsize=3, color=colour,
            label=f"weight decay {decay:g}",
        )  # fmt: skip
    _level_line(axis, chance, "largest class")
    axis.legend(frameon=False)
    axis.set(xscale="log", xlabel="learning rate", ylabel=f"top-1, % of {table['n'].iloc[0]} images", ylim=(0, 102))
    return figure


@rc_context(STYLE)
def grid_map(table: pd.DataFrame) -> Figure:
    """Draw Tables 6 and 7 as a map, learning rate by weight decay. Columns as tables.small_table."""
    shape = {"index": "weight_decay", "columns": "learning_rate"}
    means, fallen = 100 * table.pivot(**shape, values="mean"), table.pivot(**shape, values="collapsed")
    marks = means.map("{:.0f}".format) + fallen.gt(0).replace({True: "*", False: ""})
    figure, axis = plt.subplots(figsize=(1.5 + 0.8 * means.shape[1], 1.2 + 0.6 * means.shape[0]))
    sns.heatmap(
        means,
        annot=marks,
        fmt="",
        vmin=0,
        vmax=100,
        cmap="cividis",
        mask=means.isna(),
        cbar_kws={"label": "top-1, %"},
        ax=axis,
    )
    axis.set(xlabel="learning rate", ylabel="weight decay")
    axis.set_xticklabels([f"{value:g}" for value in means.columns], rotation=0)
    axis.set_yticklabels([f"{value:g}" for value in means.index], rotation=0)
    return figure


@rc_context(STYLE)
def setting_bars(table: pd.DataFrame, by: str) -> Figure:
    """Draw means over splits with their t-intervals, one line per setting. Columns: `by` and those of tables.small_table."""
    return _accuracies(table[by].str.replace("_", " "), table, "mean", right=102)[0]


@rc_context(STYLE)
def size_curve(tables: dict[str, pd.DataFrame], chance: float) -> Figure:
    """Draw accuracy over training images, with its t-intervals, a line a way of training (tables.frugality_table)."""
    figure, axis = plt.subplots(figsize=(6, 3))
    for place, (way, table) in enumerate(tables.items()):
        shifted = table["images"] * 1.03**place  # intervals side by side
        axis.errorbar(shifted, 100 * table["mean"], yerr=_spread(table), marker="o", capsize=3, label=way)
    _level_line(axis, chance, "chance")
    axis.set_xscale("log", base=2)
    longest = max(tables.values(), key=len)["images"]
    axis.set_xticks(longest, longest)
    axis.legend()
    axis.set(xlabel="images trained on", ylabel=f"top-1, % of {table['n'].iloc[0]} images", ylim=(0, 102))
    return figure


@rc_context(STYLE)
def procedure(pictures: int) -> Figure:
    """Draw Fig. 3: the steps of the study, each with the number of its notebook. pictures : of all poses."""
    boxes = {  # column and row
        f"all poses (01)\n{pictures:,} pictures": (0, 0),
        "six poses,\nSubsets I and II (01)": (0, 1),
        "zero-shot:\nwhich encoder? (02)": (1, 1),
        "which syntax? (03)": (2, 1),
        "learning rate,\nweight decay (04)": (3, 1),
        "fine-tuning\non all poses (05)": (3, 0),
        "how few pictures\nwill do? (06)": (4, 1),
        "against YOLOv8 (07)": (4, 0),
    }
    whole, six, zero, syntax, pair, tuning, few, yolo = boxes
    arrows = [(whole, six), (six, zero), (zero, syntax), (syntax, pair), (pair, tuning), (whole, tuning)]
    figure, axis = plt.subplots(figsize=(9.5, 1.9))
    box = {"boxstyle": "round,pad=0.5", "facecolor": "#eef4f9", "edgecolor": COLOURS[0]}
    drawn = {
        text: axis.text(*place, text, ha="center", va="center", fontsize=9, bbox=box, zorder=2)
        for text, place in boxes.items()
    }
    for start, end in [*arrows, (pair, few), (tuning, yolo)]:
        ends = {"patchA": drawn[start].get_bbox_patch(), "patchB": drawn[end].get_bbox_patch()}
        style = {"arrowstyle": "->", "color": "#555", "shrinkA": 2, "shrinkB": 2} | ends
        axis.annotate("", boxes[end], boxes[start], arrowprops=style, zorder=1)
    axis.set(xlim=(-0.6, 4.6), ylim=(1.5, -0.5))
    axis.axis("off")
    return figure


@rc_context(STYLE)
def beside_paper(table: pd.DataFrame) -> Figure:
    """Draw accuracies with their intervals beside the paper's. Columns: what, paper, ours, low, high (percent)."""
    figure, axis = plt.subplots(figsize=(9, 0.27 * len(table) + 1))
    spread = [table["ours"] - table["low"], table["high"] - table["ours"]]
    axis.errorbar(
        table["ours"], table["what"], xerr=spread, fmt="o", markersize=4, capsize=2, label="ours, 95 % interval"
    )
    axis.plot(table["paper"], table["what"], "D", color=COLOURS[5], markerfacecolor="white", label="the paper")
    axis.tick_params(axis="y", labelsize=8)
    axis.set_ylim(len(table) - 0.5, -0.5)
    axis.grid(visible=False, axis="y")
    axis.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2, frameon=False)
    axis.set(xlabel="top-1 or top-5, %", xlim=(0, 102))
    return figure


@rc_context(STYLE)
def forest(table: pd.DataFrame) -> Figure:
    """Draw the differences that the paper's conclusions rest on, with their intervals. Columns as carry.paper_statements, Newcombe's rows."""
    figure, axis = plt.subplots(figsize=(9, 0.42 * len(table) + 1))
    axis.hlines(table["statement"], table["low"], table["high"], color=COLOURS[0], linewidth=2)
    for bound in ("low", "high"):
        axis.plot(table[bound], table["statement"], "|", color=COLOURS[0])
    axis.axvline(0, color="0.4", linestyle=":")
    axis.tick_params(axis="y", labelsize=8)
    axis.set_ylim(len(table) - 0.5, -0.5)
    axis.grid(visible=False, axis="y")
    axis.set(xlabel="difference, points")
    return figure
