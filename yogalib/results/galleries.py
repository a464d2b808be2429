"""Figures made of pictures: rows of them, maps laid over them, contact sheets."""

from textwrap import fill

import matplotlib.pyplot as plt
import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure

from yogalib.results.style import STYLE


@rc_context(STYLE)
def picture_grid(pictures: list[np.ndarray], titles: list[str], columns: int = 8) -> Figure:
    """Draw pictures (R, R, 3) in rows, each under its title."""
    rows = -(-len(pictures) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(1.18 * columns, 1.5 * rows), squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
    for axis, picture, title in zip(axes.flat, pictures, titles, strict=False):
        axis.imshow(picture)
        axis.set_title(fill(title, 18), fontsize=7)
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
def sheet(pixels: np.ndarray) -> Figure:
    """Show a contact sheet, uint8 (H, W, 3), pixel for pixel."""
    figure, axis = plt.subplots(figsize=(pixels.shape[1] / 150, pixels.shape[0] / 150))
    axis.imshow(pixels)
    axis.axis("off")
    return figure
