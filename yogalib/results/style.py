"""The one look of every figure, put round drawing and writing: `@rc_context(STYLE)`. Nothing is set on import."""

from io import BytesIO

import seaborn as sns
from cycler import cycler
from matplotlib import rc_context
from matplotlib.figure import Figure

# Okabe and Ito's palette: told apart with any kind of colour vision
COLOURS = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00"]

STYLE = {
    **sns.axes_style("whitegrid"),
    **sns.plotting_context("notebook", font_scale=0.9),
    "axes.prop_cycle": cycler(color=COLOURS),
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.constrained_layout.use": True,
    "figure.dpi": 100,
    "svg.hashsalt": "yogalib",  # the same figure gives the same file
    "svg.fonttype": "none",
}


@rc_context(STYLE)
def settled(figure: Figure) -> Figure:
    """Lay a figure out once for all the files that it becomes; each savefig would do it again, which takes as long as drawing."""
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    return figure


@rc_context(STYLE)
def packed(figure: Figure, **options) -> BytesIO:
    """Return a figure as a file in memory: only now does matplotlib settle fonts, ticks, layout and the ids of an SVG.

    options : as those of savefig.
    """
    file = BytesIO()
    figure.savefig(file, **options)
    return file
