"""Figures made of pictures: rows of them, maps laid over them, contact sheets."""

from textwrap import fill

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.figure import Figure

from yogalib.results.style import COLOURS, STYLE


@rc_context(STYLE)
def picture_grid(pictures: list[np.ndarray], titles: list[str], columns: int = 8) -> Figure:
    """Draw pictures (R, R, 3) in rows, each under its title."""
    rows = -(-len(pictures) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(1.18 * columns, 1.5 * rows), squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
        axis.set(xticks=[], yticks=[])  # unseen ticks are laid out all the same, 82 times over
    for axis, picture, title in zip(axes.flat, pictures, titles, strict=False):
        axis.imshow(picture)
        axis.set_title(fill(title, 18), fontsize=7, y=1)
    return figure


@rc_context(STYLE)
def map_rows(pictures: np.ndarray, maps: dict[str, np.ndarray], titles: list[str]) -> Figure:
    """Draw Fig. 6: one picture a column, below it each kind of map laid over it.

    pictures : uint8 (N, R, R, 3). maps : name to (N, R, R), 0 to 1.
    """
    size = 1.18 * len(pictures), 1.3 * (1 + len(maps))
    figure, axes = plt.subplots(1 + len(maps), len(pictures), figsize=size, squeeze=False)
    for column, (picture, title) in enumerate(zip(pictures, titles, strict=True)):
        axes[0, column].imshow(picture)
        axes[0, column].set_title(fill(title, 16), fontsize=7)
        for row, part in enumerate(maps.values(), start=1):
            axes[row, column].imshow(picture.mean(axis=2), cmap="gray", vmin=0, vmax=255)
            axes[row, column].imshow(part[column], cmap="inferno", alpha=0.6, vmin=0, vmax=1)
    for axis in axes.flat:
        axis.set(xticks=[], yticks=[])
        axis.grid(visible=False)
    for row, name in enumerate(["picture", *maps]):
        axes[row, 0].set_ylabel(fill(name, 14), fontsize=7, rotation=0, ha="right", va="center")
    return figure


@rc_context(STYLE)
def answer_figure(picture: np.ndarray, answers: pd.DataFrame, sure_from: float, heat: np.ndarray) -> Figure:
    """Draw one picture (R, R, 3), what it is taken for, and the map over it: beside each other, for one screen.

    answers : columns pose, probability (shares). sure_from : the least sure probability, drawn as a line. heat : (H, H), 0 to 1.
    """
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(9.6, 3), width_ratios=(1, 0.9, 1))
    size = (0, picture.shape[1], picture.shape[0], 0)
    left.imshow(picture)
    right.imshow(picture.mean(axis=2), cmap="gray", vmin=0, vmax=255)
    right.imshow(heat, cmap="inferno", alpha=0.6, vmin=0, vmax=1, extent=size, interpolation="bilinear")
    for axis, title in ((left, "the picture"), (right, "where it looks")):
        axis.set(xticks=[], yticks=[])
        axis.grid(visible=False)
        axis.set_title(title, fontsize=9)
    sure = answers["probability"] >= sure_from
    colours = [COLOURS[0] if each else "#9AA5B1" for each in sure]
    bars = middle.barh(np.arange(len(answers)), 100 * answers["probability"], color=colours)
    middle.bar_label(bars, fmt="%.1f", padding=3, fontsize=8)
    middle.set_yticks(np.arange(len(answers)), [fill(pose, 26) for pose in answers["pose"]], fontsize=8)
    middle.invert_yaxis()
    middle.grid(visible=False, axis="y")
    middle.set(xlim=(0, 118))
    middle.set_xlabel("probability, %", fontsize=8)
    middle.tick_params(axis="x", labelsize=8)
    if np.isfinite(sure_from):
        middle.axvline(100 * sure_from, color="#444444", linestyle=":", linewidth=1)
        middle.set_title(f"what it is taken for; sure from {sure_from:.0%} on", fontsize=9, loc="right")
    else:
        middle.set_title("what it is taken for; never sure", fontsize=9, loc="right")
    return figure


@rc_context(STYLE)
def sheet(pixels: np.ndarray) -> Figure:
    """Show a contact sheet, uint8 (H, W, 3), pixel for pixel."""
    figure, axis = plt.subplots(figsize=(pixels.shape[1] / 150, pixels.shape[0] / 150))
    axis.imshow(pixels)
    axis.axis("off")
    return figure
