"""The paper beside ours: collects what the notebooks handed over, and shows it."""

import base64
import html
import json
import re
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
from IPython.display import HTML, display
from PIL import Image

from yogalib.paper import load_paper
from yogalib.profile import Profile

if TYPE_CHECKING:
    from yogalib.study import Study


def title_of(name: str) -> str:
    """Return the printed name of a table or figure: `table_04` is "Table 4", `figure_a1` "Figure A1"."""
    kind, _, number = name.partition("_")
    if not re.fullmatch(r"a?[0-9]+", number):
        return ""  # ours alone: the paper has no such table or figure
    return f"{kind.capitalize()} {number.lstrip('0').upper()}"


def handed_over(build: Path) -> list[dict]:
    """Return what each finished notebook handed over, in the notebooks' order."""
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(build.glob("[0-9][0-9]_*.json"))]


def claims(build: Path, profile: Profile) -> list[dict]:
    """Return one entry per number of the paper: id, what, unit, paper, ours, low, high, n, verdict, why, notebook.

    A number that this profile did not measure has no `ours`, and `why` says so.
    """
    known = load_paper()["claims"]
    entries = []
    for made in handed_over(build):
        for name, ours in made["claims"].items():
            entry = {
                "id": name,
                "what": known[name]["what"],
                "unit": known[name]["unit"],
                "paper": known[name]["value"],
                **ours,
            }
            entry["verdict"], entry["why"] = _verdict(entry, profile.not_comparable)
            entries.append(entry | {"notebook": made["notebook"]})
    measured = {entry["id"] for entry in entries}
    blank = dict.fromkeys(("ours", "low", "high", "n", "notebook")) | {
        "verdict": "not comparable",
        "why": "not measured here",
    }
    for name, claim in known.items():
        if name not in measured:
            entries.append({"id": name, "what": claim["what"], "unit": claim["unit"], "paper": claim["value"]} | blank)
    return sorted(entries, key=lambda entry: list(known).index(entry["id"]))


def _verdict(entry: dict, not_comparable: str | None) -> tuple[str, str]:
    if not_comparable:
        return "not comparable", not_comparable
    if entry["low"] is None:
        return "not comparable", "no interval: a description of the data, not an estimate"
    if entry["low"] <= entry["paper"] <= entry["high"]:
        return "within", "the paper's figure lies in our 95 % interval"
    return ("above" if entry["ours"] > entry["paper"] else "below"), "the paper's figure lies outside our 95 % interval"


def claims_table(build: Path, profile: Profile) -> pd.DataFrame:
    """Return the claims as they are printed: what, where, paper, ours, 95 % interval, n, verdict, why."""
    rows = []
    for entry in claims(build, profile):
        unit = entry["unit"]
        interval = "" if entry["low"] is None else f"{entry['low']:.1f} to {entry['high']:.1f}"
        ours = "" if entry["ours"] is None else f"{entry['ours']:.3g} {unit}"
        n = "" if entry["n"] is None else str(entry["n"])
        rows.append((entry["what"], f"{entry['paper']:g} {unit}", ours, interval, n, entry["verdict"], entry["why"]))
    return pd.DataFrame(rows, columns=["what", "paper", "ours", "95 % interval", "n", "verdict", "why"])


def what_was_run(study: "Study") -> pd.DataFrame:
    """Return the setting of the report as two columns, what and value."""
    from yogalib.runs import machine

    about, rows, tuning = machine(), study.subset("all"), study.profile.fine_tuning
    where = f"{about['gpu'] or 'no GPU'}, {about['cores']} cores, {about['platform']}"
    seconds = sum(made["seconds"] for made in handed_over(study.paths.build))
    setting = {
        "profile": f"{study.profile.name}: {study.profile.title}",
        "data": f"{len(rows)} pictures of {rows['class'].nunique()} poses; {len(study.index) - len(rows)} files dropped",
        "encoder, fine-tuned": tuning.encoder,
        "caption": f"{tuning.prompt.template} ({tuning.prompt.names} names)",
        "training": f"{tuning.epochs} epochs, batch {tuning.batch}, {tuning.targets} targets, seed {tuning.seed}",
        "optimiser": f"AdamW, lr {tuning.optimiser.learning_rate:g}, weight decay {tuning.optimiser.weight_decay:g}",
        "machine": f"{where}; torch {about['versions']['torch']}, {study.profile.machine.threads} thread(s)",
        "time": f"{seconds:.0f} s in the notebooks before this one",
    }
    return pd.DataFrame(setting.items(), columns=["what", "value"])


def open_points() -> pd.DataFrame:
    """Return the points that the paper leaves open, and what this study does about each. Columns: id, point, here."""
    return pd.DataFrame(load_paper()["open_points"])


def published(what: str) -> pd.DataFrame:
    """Return what others published: `related_work` (the paper's Table 1) or `related_results` (on Yoga-82)."""
    return pd.DataFrame(load_paper()[what])


def show_table(name: str, table: pd.DataFrame, caption: str) -> None:
    """Show a table under its printed name and caption: words to the left, numbers to the right with three digits."""
    words = [column for column in table.columns if not pd.api.types.is_numeric_dtype(table[column])]
    styles = [{"selector": f".col{table.columns.get_loc(column)}", "props": "text-align: left"} for column in words]
    styler = table.style.hide(axis="index").format(precision=3, na_rep="", escape="html")
    body = styler.set_table_styles(styles).to_html(table_uuid=name, cell_ids=False)
    _show(
        f'<figure id="{name}"><figcaption>{_caption(name, caption)}</figcaption><div class="wide">{body}</div></figure>'
    )


def show_figure(name: str, file: Path, caption: str) -> None:
    """Show a saved PNG above its printed name and caption; its text stands in the page for those who can't see it."""
    with Image.open(file) as picture:
        width, height = (side * 2 // 3 for side in picture.size)  # saved at 150 dots an inch, shown at 100
        packed = BytesIO()
        # a page of photographs as PNG would weigh megabytes
        picture.convert("RGB").save(packed, "WEBP", quality=85, method=6)
    content = base64.b64encode(packed.getvalue()).decode()
    size = f'width="{width}" height="{height}"'
    image = f'<img src="data:image/webp;base64,{content}" alt="{html.escape(caption, quote=True)}" {size}>'
    _show(f'<figure id="{name}">{image}<figcaption>{_caption(name, caption)}</figcaption></figure>')


def _caption(name: str, caption: str) -> str:
    title = title_of(name)
    return (f"<b>{title}.</b> " if title else "") + html.escape(caption)


def _show(text: str) -> None:
    display(HTML(text))


def show_everything(build: Path) -> None:
    """Show each table and figure in the paper's order of notebooks, with a link to the page that made it."""
    for made in handed_over(build):
        page = made["notebook"]
        if made["tables"] or made["figures"]:
            _show(
                f'<h3 id="{page}">{page[3:].replace("_", " ").capitalize()}</h3><p><a href="{page}.html">The whole notebook</a></p>'
            )
        for name, caption in made["tables"].items():
            show_table(name, pd.read_csv(build / "tables" / f"{name}.csv"), caption)
        for name, caption in made["figures"].items():
            show_figure(name, build / "figures" / f"{name}.png", caption)
