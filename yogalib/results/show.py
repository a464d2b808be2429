"""Tables and figures as they are shown, on a page of the report and in JupyterLab, and figures as files."""

import base64
import html
import re
from io import BytesIO
from pathlib import Path

import pandas as pd
from IPython.display import HTML, display
from PIL import Image

# shares in the files, percent on the page; differences of shares and their spread are points
PERCENT = ("accuracy", "in_five", "rivals", "mean", "value", "commonest_class", "best", "calibration_error", "recall")
POINTS = ("difference", "sd", "reach")
HEADINGS = {
    "commonest_class": "commonest class",
    "best": "draws in which it is best",
    "reach": "found in 4 of 5 cases from",
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
    "in_five": "top-5",
    "rivals": "the rival's",
    "fine_tuned": "fine-tuned share",
    "taken_for": "most taken for",
    "ms": "an image, ms",
    "mb": "MB",
    "top1": "top-1, %",
    "top5": "top-5, %",
}
INTERVAL = "95 % interval"
NOTHING = "–"  # a number that is not there, where its place must not stay empty
DOTS = 150  # an inch of a figure


def title_of(name: str) -> str:
    """Return the printed name of a table or figure: `table_04` is "Table 4", `figure_a1` "Figure A1"."""
    found = re.fullmatch(r"(table|figure)_(a?)0*([1-9][0-9]*)(_after)?", name)
    if found is None:
        return ""  # ours alone: the paper has no such table or figure
    kind, appendix, number, after = found.groups()
    return f"{kind.capitalize()} {appendix.upper()}{number}{', after' if after else ''}"


def number(value: float) -> str:
    """Return a number with three digits, or all of its whole part; small ones all in one way, such as 3e-5 and 1.5e-4; nothing for a missing one."""
    if pd.isna(value):
        return ""
    if 0 < abs(value) < 1e-3:
        mantissa, exponent = f"{value:.2e}".split("e")
        return f"{float(mantissa):g}e{int(exponent)}".replace("-", "−", 1 if value < 0 else 0)
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
        numeric = pd.api.types.is_numeric_dtype(values)
        heading, write = _column(str(column), shares and numeric)
        if column == "high" and "low" in table:
            continue
        if column == "low" and "high" in table:
            write = percent if shares else number
            pairs = zip(table["low"], table["high"], strict=True)
            shown[INTERVAL] = ["" if pd.isna(low) else f"{write(low)} to {write(high)}" for low, high in pairs]
        else:
            shown[heading] = [write(value) if numeric else _word(value) for value in values]
    return pd.DataFrame(shown)


def heading_of(table: pd.DataFrame, column: str) -> str:
    """Return how a column of a table is headed on a page."""
    return _column(column, "measure" not in table and pd.api.types.is_numeric_dtype(table[column]))[0]


def text_of(table: pd.DataFrame) -> str:
    """Return a table in words, as a page shows it, for a terminal."""
    return printed(table).to_string(index=False)


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


def table_figure(name: str, words: pd.DataFrame, caption: str, folded: bool = False, opens: dict | None = None) -> str:
    """Return the HTML of a table that is in words already: words to the left, numbers to the right.

    folded : opened by a click. opens : a column's name to an opener a row, or None (openers.by_column).
    """
    if len(words):
        words = words.loc[:, words.ne("").any()]  # an empty column says nothing, and takes room
    kinds = {column: _kind(words[column].tolist()) for column in words}
    columns = [_cells(column, kinds[column], words[column].tolist(), (opens or {}).get(column)) for column in words]
    heads = "".join(f'<th scope="col" class="{kind}">{html.escape(column)}</th>' for column, kind in kinds.items())
    rows = "".join(f"<tr>{''.join(row)}</tr>" for row in zip(*columns, strict=True))
    rows = rows or f'<tr><td colspan="{len(kinds)}">none</td></tr>'
    body = f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"
    return framed(name, body, caption, folded)


def framed(name: str, body: str, caption: str, folded: bool = False) -> str:
    """Return a table's HTML under its printed name and caption, where it may be wider than the page."""
    head, wide = _caption(name, caption), f'<div class="wide" tabindex="0">{body}</div>'
    if folded:
        return f'<details class="table" id="{name}"><summary>{head}</summary>{wide}</details>'
    return f'<figure class="table" id="{name}"><figcaption>{head}</figcaption>{wide}</figure>'


def _kind(words: list[str]) -> str:
    """Return what a column holds: numbers, to the right; short words, such as names with hyphens, kept whole; or long ones."""
    if all(map(_is_figure, words)):
        return "number" if words else "short"
    return "short" if max(map(len, words)) <= 20 else "long"


def _cells(heading: str, kind: str, words: list[str], openers: list | None) -> list[str]:
    """Return a column's cells; each bears its heading, for where rows are stacked on a narrow screen."""
    start = f'<td class="{kind}" data-label="{html.escape(heading, quote=True)}">'
    texts = map(html.escape, words)
    if openers:
        texts = [opener.around(text) if opener else text for opener, text in zip(openers, texts, strict=True)]
    return [f"{start}{text}</td>" for text in texts]


def _is_figure(text: str) -> bool:
    return text in ("", NOTHING) or re.match("(< )?−?[0-9]", text) is not None


def figure_files(figure) -> dict[str, bytes]:
    """Return a matplotlib figure as the bytes of its files by ending: .svg, .png, and .webp, the page's.

    A figure of photographs weighs a fraction of what matplotlib alone would make of it.
    """
    from yogalib.results.style import packed, settled  # seaborn: a second, and pages of tables need none

    written = packed(settled(figure), format="svg", metadata={"Date": None}).getvalue().decode()
    svg = re.sub('data:image/png;base64,([^"]+)', _as_jpeg, written)
    with Image.open(packed(figure, format="png", dpi=DOTS)) as image:
        page = plain_file = image.convert("RGB")
    photographs, dots = any(axis.images for axis in figure.axes), DOTS
    if photographs:  # they have no more to show than 100 dots an inch
        dots = 100
        plain_file = page.resize([round(side * dots / DOTS) for side in page.size], Image.Resampling.LANCZOS)
    png, webp = BytesIO(), BytesIO()
    palette = plain_file.quantize(256, dither=Image.Dither.FLOYDSTEINBERG)
    palette.save(png, "PNG", optimize=True, dpi=(dots, dots))
    page.save(webp, "WEBP", lossless=not photographs, quality=80, method=4)  # lines and letters want no loss
    return {".svg": svg.encode(), ".png": png.getvalue(), ".webp": webp.getvalue()}


def _as_jpeg(found: re.Match) -> str:
    """Return an SVG's embedded picture as JPEG where that is smaller and nothing shines through it."""
    packed = BytesIO()
    with Image.open(BytesIO(base64.b64decode(found[1]))) as image:
        if image.convert("RGBA").getextrema()[3][0] == 255:
            image.convert("RGB").save(packed, "JPEG", quality=85)
    smaller = 0 < len(packed.getvalue()) < 3 * len(found[1]) / 4
    return f"data:image/jpeg;base64,{base64.b64encode(packed.getvalue()).decode()}" if smaller else found[0]


def webp_uri(content: bytes) -> str:
    """Return a WebP picture, the bytes of its file, as an address that a page itself holds."""
    return f"data:image/webp;base64,{base64.b64encode(content).decode()}"


def show_figure(name: str, file: Path, caption: str) -> None:
    """Show a saved .webp above its printed name and caption; its text stands in the page for those who can't see it."""
    with Image.open(file) as picture:
        width, height = (round(side / DOTS * 100) for side in picture.size)  # an inch is shown as 100 pixels
    image = (
        f'<img src="{webp_uri(file.read_bytes())}" width="{width}" height="{height}" '
        f'alt="{html.escape(plain(caption), quote=True)}">'
    )
    shown = f'<div class="wide" tabindex="0">{image}</div><figcaption>{_caption(name, caption)}</figcaption>'
    show(f'<figure class="picture" id="{name}">{shown}</figure>')


def _caption(name: str, caption: str) -> str:
    title = title_of(name)
    return (f"<b>{title}.</b> " if title else "") + html.escape(plain(caption))


def plain(caption: str) -> str:
    """Return a caption with the names of subsets and settings as people write them."""
    caption = re.sub("(subset )?subset_(ii?)", lambda found: f"Subset {found[2].upper()}", caption)
    return re.sub("[a-z]+(_[a-z]+)+", lambda found: found[0].replace("_", " "), caption)


def show(text: str) -> None:
    """Show HTML."""
    display(HTML(text))
