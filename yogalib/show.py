"""Tables and figures as they are shown, on a page of the report and in JupyterLab, and figures as files."""

import base64
import html
import re
from io import BytesIO
from pathlib import Path

import pandas as pd
from IPython.display import HTML, display
from pandas.io.formats.style import Styler
from PIL import Image

# shares in the files, percent on the page; differences of shares and their spread are points
PERCENT = ("accuracy", "mean", "value", "commonest_class", "best", "calibration_error")
POINTS = ("difference", "sd")
HEADINGS = {
    "commonest_class": "commonest class",
    "best": "draws in which it is best",
    "l2_name": "group (level 2)",
    "sanskrit": "Sanskrit",
    "english": "English",
    "per_class": "training images a class",
    "million_weights": "weights, millions",
    "gflops": "GFLOPs a picture",
    "seconds": "training, s",
    "to_best": "to the best epoch, s",
    "equal_epoch": "epoch of equal accuracy",
    "to_equal": "to equal accuracy, s",
    "peak_gb": "peak memory, GB",
    "kilojoules": "energy, kJ",
    "p50_ms": "median, ms",
    "p95_ms": "95th percentile, ms",
    "images_per_second": "images a second",
    "top1": "top-1, %",
    "top5": "top-5, %",
}
INTERVAL = "95 % interval"


def title_of(name: str) -> str:
    """Return the printed name of a table or figure: `table_04` is "Table 4", `figure_a1` "Figure A1"."""
    found = re.fullmatch(r"(table|figure)_(a?)0*([1-9][0-9]*)(_after)?", name)
    if found is None:
        return ""  # ours alone: the paper has no such table or figure
    kind, appendix, number, after = found.groups()
    return f"{kind.capitalize()} {appendix.upper()}{number}{', after' if after else ''}"


def number(value: float) -> str:
    """Return a number with three digits, or all of its whole part; nothing for a missing one."""
    if pd.isna(value):
        return ""
    whole = float(value).is_integer() or abs(value) >= 100
    return (f"{value:,.0f}" if whole else f"{value:.3g}").replace("-", "−", 1 if value < 0 else 0)


def percent(value: float) -> str:
    """Return a share in percent to one place, without the sign."""
    return "" if pd.isna(value) else f"{100 * value:.1f}".replace("-", "−")


def p_value(value: float) -> str:
    """Return a p-value with two digits; below a thousandth they say nothing more."""
    if pd.isna(value):
        return ""
    return "< 0.001" if value < 0.001 else f"{value:.2g}"


def printed(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table in words, as a page shows it: low and high as one interval, shares in percent, plain column names."""
    shares = "measure" not in table  # scores of activation maps have units of their own
    shown = {}
    for column, values in table.items():
        heading, write = _column(str(column), shares)
        if column == "high" and "low" in table:
            continue
        if column == "low" and "high" in table:
            write = percent if shares else number
            pairs = zip(table["low"], table["high"], strict=True)
            shown[INTERVAL] = ["" if pd.isna(low) else f"{write(low)} to {write(high)}" for low, high in pairs]
        else:
            numeric = pd.api.types.is_numeric_dtype(values)
            shown[heading] = [write(value) if numeric else _word(value) for value in values]
    return pd.DataFrame(shown)


def _column(name: str, shares: bool) -> tuple[str, object]:
    """Return how a column is headed and how its numbers are written."""
    heading = HEADINGS.get(name, name.replace("_", " "))
    if name == "p":
        return "p", p_value
    if shares and name in PERCENT + POINTS:
        return f"{heading}, {'%' if name in PERCENT else 'points'}", percent
    return heading, number


def _word(value: object) -> str:
    """Return a cell of words; names in code, such as `image_of_a_person`, are spelt as people do."""
    text = "" if pd.isna(value) else str(value)
    return text.replace("_", " ") if re.fullmatch(r"[a-z]+(_[a-z]+)+", text) else text


def show_table(name: str, table: pd.DataFrame, caption: str) -> None:
    """Show a table under its printed name and caption: words to the left, numbers to the right."""
    show(table_figure(name, printed(table), caption))


def table_figure(name: str, words: pd.DataFrame, caption: str, more: str = "", folded: bool = False) -> str:
    """Return the HTML of a table that is in words already. more : HTML after the caption; folded : opened by a click."""
    figures = [place for place, column in enumerate(words) if all(map(_is_figure, words[column]))]
    styler = (
        Styler(words, uuid=name, cell_ids=False)
        .hide(axis="index")
        .format(escape="html")
        .format_index(escape="html", axis=1)
    )
    styles = [{"selector": f".col{place}", "props": "text-align: right"} for place in figures]
    body = styler.set_table_styles(styles).to_html()
    head, wide = f"{_caption(name, caption)}{more}", f'<div class="wide" tabindex="0">{body}</div>'
    if folded:
        return f'<details class="table" id="{name}"><summary>{head}</summary>{wide}</details>'
    return f'<figure class="table" id="{name}"><figcaption>{head}</figcaption>{wide}</figure>'


def _is_figure(text: str) -> bool:
    return not text or re.match("(< )?−?[0-9]", text) is not None


def write_figure(figure, path: Path) -> None:
    """Write a matplotlib figure as .svg or .png, whichever the path says; a figure of photographs weighs a fraction of what matplotlib would make it."""
    written = BytesIO()
    pictured = any(axis.images for axis in figure.axes)
    if path.suffix == ".svg":
        figure.savefig(written, format="svg", metadata={"Date": None})
        path.write_text(
            re.sub('data:image/png;base64,([^"]+)', _as_jpeg, written.getvalue().decode()), encoding="utf-8"
        )
        return
    dots = 100 if pictured else 150  # its pictures have no more to show
    figure.savefig(written, format="png", dpi=dots)
    with Image.open(written) as image:
        image.convert("RGB").quantize(256, dither=Image.Dither.FLOYDSTEINBERG).save(
            path, "PNG", optimize=True, dpi=(dots, dots)
        )


def _as_jpeg(found: re.Match) -> str:
    """Return an SVG's embedded picture as JPEG where that is smaller and nothing shines through it."""
    packed = BytesIO()
    with Image.open(BytesIO(base64.b64decode(found[1]))) as image:
        if image.convert("RGBA").getextrema()[3][0] == 255:
            image.convert("RGB").save(packed, "JPEG", quality=85)
    smaller = 0 < len(packed.getvalue()) < 3 * len(found[1]) / 4
    return f"data:image/jpeg;base64,{base64.b64encode(packed.getvalue()).decode()}" if smaller else found[0]


def show_figure(name: str, file: Path, caption: str, more: str = "") -> None:
    """Show a saved PNG above its printed name and caption; its text stands in the page for those who can't see it."""
    with Image.open(file) as picture:
        dots = picture.info["dpi"][0]
        width, height = (round(side / dots * 100) for side in picture.size)  # an inch is shown as 100 pixels
        picture = picture.convert("RGB")
    # a page of photographs as PNG would weigh megabytes; lines and letters want no loss, and are then the smaller too
    packed = min((_webp(picture, lossless) for lossless in (True, False)), key=len)
    image = (
        f'<img src="data:image/webp;base64,{base64.b64encode(packed).decode()}" width="{width}" height="{height}" '
        f'alt="{html.escape(_named(caption), quote=True)}">'
    )
    show(f'<figure id="{name}">{image}<figcaption>{_caption(name, caption)}{more}</figcaption></figure>')


def _webp(picture: Image.Image, lossless: bool) -> bytes:
    packed = BytesIO()
    picture.save(packed, "WEBP", lossless=lossless, quality=80, method=4)
    return packed.getvalue()


def _caption(name: str, caption: str) -> str:
    title = title_of(name)
    return (f"<b>{title}.</b> " if title else "") + html.escape(_named(caption))


def _named(caption: str) -> str:
    return caption.replace("subset_ii", "Subset II").replace("subset_i", "Subset I")


def show(text: str) -> None:
    """Show HTML."""
    display(HTML(text))
