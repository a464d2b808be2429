"""The paper beside ours: collects what the notebooks handed over, and says it in the paper's order."""

import html
import json
from pathlib import Path

import pandas as pd

from yogalib.facts.paper import load_paper
from yogalib.models.meter import machine
from yogalib.profile import Profile
from yogalib.results.carry import HOLDS, paper_statements
from yogalib.results.claims import ROWS, row_of, rows_of
from yogalib.results.show import (
    INTERVAL,
    NOTHING,
    number,
    p_value,
    plain,
    printed,
    show,
    show_figure,
    table_figure,
    title_of,
)
from yogalib.runs.progress import duration
from yogalib.study import Study


def handed_over(build: Path) -> list[dict]:
    """Return what each finished notebook handed over, in the notebooks' order."""
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(build.glob("[0-9][0-9]_*.json"))]


def claims(build: Path, profile: Profile) -> list[dict]:
    """Return one entry per number of the paper: id, what, unit, paper, ours, low, high, n, verdict, why, notebook.

    A number that this profile did not measure has no `ours`, and `why` says so.
    """
    measured = {
        name: ours | {"notebook": made["notebook"]}
        for made in handed_over(build)
        for name, ours in made["claims"].items()
        if not pd.isna(ours["ours"])  # a deviation over one split
    }
    entries = []
    for name, claim in load_paper()["claims"].items():
        entry = {"id": name, "what": claim["what"], "unit": claim["unit"], "paper": claim["value"]}
        entry |= measured.get(name, dict.fromkeys(("ours", "low", "high", "n", "notebook")))
        entry["verdict"], entry["why"] = _verdict(entry, profile.not_comparable)
        entries.append(entry)
    return entries


def _verdict(entry: dict, not_comparable: str | None) -> tuple[str, str]:
    if entry["ours"] is None:
        return "not comparable", "not measured here"
    if not_comparable:
        return "not comparable", not_comparable
    if entry["low"] is None:
        return "not comparable", "no interval: a description of the data, not an estimate"
    if entry["low"] <= entry["paper"] <= entry["high"]:
        return "within", "the paper's figure lies in our 95 % interval"
    return ("above" if entry["ours"] > entry["paper"] else "below"), "the paper's figure lies outside our 95 % interval"


def with_unit(value: float | None, unit: str) -> str:
    """Return a number of a claim with its unit; percent and points to one place."""
    if value is None:
        return ""
    text = f"{value:.1f}".replace("-", "−") if unit in ("%", "points") else number(value)
    return f"{text} {unit.replace('x', '×')}"


def claims_table(build: Path, profile: Profile, headline: bool = False) -> pd.DataFrame:
    """Return the claims that were measured, or the paper's headlines, measured or not, as they are printed.

    Columns: what, where, paper, ours, 95 % interval, n, verdict, why. A verdict that is the same for all is left to the caption.
    """
    known, rows = load_paper()["claims"], []
    for entry in claims(build, profile):
        if not (known[entry["id"]].get("headline") if headline else entry["ours"] is not None):
            continue
        interval = "" if entry["low"] is None else f"{_bare(entry, 'low')} to {_bare(entry, 'high')}"
        ours, n = with_unit(entry["ours"], entry["unit"]) or NOTHING, number(entry["n"])
        where = known[entry["id"]]["where"]
        verdict = "" if entry["ours"] is None else entry["verdict"]
        rows.append((entry["what"], where, _printed(entry), ours, interval, n, verdict, entry["why"]))
    table = pd.DataFrame(rows, columns=["what", "where", "paper", "ours", INTERVAL, "n", "verdict", "why"])
    return table.drop(columns=["verdict", "why"] if profile.not_comparable else ["why"] if headline else [])


def shares_beside(build: Path, profile: Profile) -> pd.DataFrame:
    """Return the accuracies of Tables 5, 8, 9 and 11 for figures.beside_paper. Columns: what, paper, ours, low, high (percent)."""
    shown = [
        {"what": f"{entry['what'].rpartition(', ')[0] or entry['what']} ({title_of(entry['id'].partition('.')[0])})"}
        | {key: entry[key] for key in ("paper", "ours", "low", "high")}
        for entry in claims(build, profile)
        if entry["id"].startswith(("table_05", "table_08", "table_09", "table_11")) and entry["low"] is not None
    ]
    return pd.DataFrame(shown, columns=["what", "paper", "ours", "low", "high"])


def _printed(entry: dict) -> str:
    """Return the paper's number as the paper has it, with its unit."""
    return f"{entry['paper']:,g} {entry['unit'].replace('x', '×')}"


def _bare(entry: dict, bound: str) -> str:
    return with_unit(entry[bound], entry["unit"]).rpartition(" ")[0]


def verdicts(profile: Profile) -> str:
    """Return the sentence of a caption that says what the verdicts mean."""
    if profile.not_comparable:
        return f"Verdict on all: not comparable, since this profile has {profile.not_comparable}."
    return "Within: the paper's figure lies in our 95 % interval; above, below: ours is, and the paper's lies outside."


def not_measured(build: Path, profile: Profile) -> pd.DataFrame:
    """Return the paper's numbers that this profile did not measure. Columns: what, where, paper."""
    known = load_paper()["claims"]
    missing = [entry for entry in claims(build, profile) if entry["ours"] is None]
    rows = [(each["what"], known[each["id"]]["where"], _printed(each)) for each in missing]
    return pd.DataFrame(rows, columns=["what", "where", "paper"])


def reading(build: Path, profile: Profile) -> str:
    """Return in a few sentences, made of the numbers, what this report says."""
    told = {entry["id"]: entry for entry in claims(build, profile)}
    best, mean, spread = (told[f"table_{name}"] for name in ("08.l3_top1", "09.l3_mean", "09.l3_sd"))
    measured = [entry for entry in told.values() if entry["ours"] is not None]
    text = f"**{profile.fine_tuning.encoder}**, fine-tuned for {profile.fine_tuning.epochs} epochs, "
    text += f"names the pose of **{best['ours']:.1f} %** of {best['n']:,} test pictures "
    text += f"({best['low']:.1f} to {best['high']:.1f})"
    if spread["ours"] is not None and mean["low"] is not None:
        text += f"; over random splits the mean is {mean['ours']:.1f} % (sd {spread['ours']:.1f})"
    text += f". Of {len(told)} numbers of the paper this report has {len(measured)}"
    if profile.not_comparable:
        return f"{text}; none can be held against the paper's: {profile.not_comparable}. {_paired(build)}"
    counts = pd.Series([entry["verdict"] for entry in measured]).value_counts()
    return f"{text}: {', '.join(f'{count} {verdict}' for verdict, count in counts.items())}. {_paired(build)}"


def _paired(build: Path) -> str:
    """Return the sentence on the paired test of section 5."""
    ours, theirs = pd.read_csv(build / "tables" / "table_validation.csv").itertuples()
    points = with_unit(100 * (theirs.accuracy - ours.accuracy), "points")
    p = p_value(theirs.p)
    return f"{theirs.setting} less {ours.setting}: {points} on {ours.n:,} pictures, p {p if '<' in p else f'= {p}'} (McNemar)."


def what_was_run(study: Study) -> pd.DataFrame:
    """Return the setting of the report as two columns, what and value."""
    about, rows, tuning = machine(), study.subset("all"), study.profile.fine_tuning
    where = f"{about['gpu'] or 'no GPU'}, {about['cores']} cores, {about['platform']}"
    seconds = sum(made["seconds"] for made in handed_over(study.paths.build))
    setting = {
        "profile": f"{study.profile.name}: {study.profile.title}",
        "data": f"{len(rows):,} pictures of {rows['class'].nunique()} poses; {len(study.index) - len(rows)} files dropped",
        "encoder, fine-tuned": tuning.encoder,
        "caption": f"{tuning.prompt.template} ({tuning.prompt.names} names)",
        "training": f"{tuning.epochs} epochs, batch {tuning.batch}, {tuning.targets} targets, seed {tuning.seed}",
        "optimiser": f"AdamW, lr {tuning.optimiser.learning_rate:g}, weight decay {tuning.optimiser.weight_decay:g}",
        "machine": f"{where}; {study.profile.machine.threads} thread(s)",
        "time": f"{duration(seconds)}, the sum over the notebooks; runs that were stored already take none",
        "versions": ", ".join(f"{name} {version}" for name, version in about["versions"].items()),
    }
    return pd.DataFrame(setting.items(), columns=["what", "value"])


def open_points() -> pd.DataFrame:
    """Return the points that the paper leaves open, and what this study does about each. Columns: point, in the paper, here.

    Its conclusions that its own numbers do not carry follow the rest (carry.paper_statements).
    """
    points = load_paper()["open_points"]
    statements = paper_statements()
    doubted = statements[statements["verdict"] != HOLDS].to_dict("records")
    points += [
        {
            "id": number,
            "point": f"{row['statement']} ({row['where']}: {row['paper']}): {row['verdict']}. {row['why'][0].upper()}{row['why'][1:]}.",
            "here": "Judged by the paper's own n, above.",
        }
        for number, row in enumerate(doubted, start=len(points) + 1)
    ]
    columns = {"id": "point", "point": "in the paper", "here": "what is done here"}
    return pd.DataFrame(points).rename(columns=columns)


def statements_table() -> pd.DataFrame:
    """Return what the paper's numbers can carry, as it is printed (carry.paper_statements)."""
    rows = []
    for row in paper_statements().to_dict("records"):
        kind = "" if row["interval"].startswith("Newcombe") else f" ({row['interval']})"
        bounds = f"{_signed(row['low'])} to {_signed(row['high'])}{kind}" if row["interval"] else ""
        p = "" if pd.isna(row["p"]) else p_value(row["p"])
        said = f"{row['statement']} ({row['where']})"
        rows.append((said, row["paper"], bounds, p, row["verdict"], row["why"]))
    return pd.DataFrame(rows, columns=["conclusion", "paper", INTERVAL, "p", "verdict", "why"])


def _signed(value: float) -> str:
    return f"{value:.1f}".replace("-", "−")


def published(what: str) -> pd.DataFrame:
    """Return what others published: `related_work` (the paper's Table 1) or `related_results` (on Yoga-82)."""
    return pd.DataFrame(load_paper()[what])


def beside(name: str, table: pd.DataFrame, entries: list[dict], verdict: bool) -> pd.DataFrame:
    """Return one of our tables in words with the paper's numbers in it, row by row; what the paper alone has comes last.

    entries : the claims. verdict : whether the last column says how ours compares.
    """
    known, each_of = load_paper()["claims"], {entry["id"]: entry for entry in _of(name, entries)}
    rows = {called: each_of[key] for called, key in rows_of(name).items() if key in each_of}
    spreads = {called: rows.pop(called) for called in list(rows) if called.endswith("_sd")}
    there = {
        called: (known[each["id"]].get("row", each["id"].partition(".")[2]), each) for called, each in rows.items()
    }
    words = printed(table)
    place = next(number for number, column in enumerate(table) if column in ("accuracy", "mean", "value"))
    words = words.rename(columns={words.columns[place]: "ours, %"})
    found = [there.pop(row_of(name, row), ("", None))[1] for row in table.to_dict("records")]
    one = ROWS[name].strip("{}") in table  # one column tells the rows apart: its value says more than a sentence
    alone = pd.DataFrame({words.columns[0]: [row if one else each["what"] for row, each in there.values()]})
    words = pd.concat([words, alone], ignore_index=True).fillna("")
    found += [each for _, each in there.values()]
    words.insert(place, "paper, %", [_papers(each, spreads) for each in found])
    judged = [each["verdict"] if each and each["ours"] is not None else "" for each in found]
    return words.assign(verdict=judged) if verdict else words


def _of(name: str, entries: list[dict]) -> list[dict]:
    return [entry for entry in entries if entry["id"].startswith(f"{name}.") and entry["unit"] in ("%", "points")]


def _papers(entry: dict | None, spreads: dict[str, dict]) -> str:
    """Return the paper's number, with its standard deviation where there is one."""
    if entry is None:
        return ""
    spread = spreads.get(entry["id"].partition(".")[2].replace("_mean", "_sd"))
    return f"{entry['paper']:g}" + (f" (sd {spread['paper']:g})" if spread else "")


def show_paper(build: Path, profile: Profile) -> None:
    """Show each table and figure of the paper in its order, the paper's numbers beside ours, with links to what made it."""
    entries = claims(build, profile)
    made = {name: each for each in handed_over(build) for kind in ("tables", "figures") for name in each[kind]}
    for section in load_paper()["contents"]:
        anchor = section["section"].partition(" ")[0].replace(".", "-")
        show(f'<h3 id="section-{anchor}">{html.escape(section["section"])}</h3>')
        for name, shows in section["items"].items():
            if name not in made:
                show(f'<p class="absent" id="{name}"><b>{title_of(name)}.</b> {html.escape(shows)}</p>')
            elif name in made[name]["figures"]:
                caption = made[name]["figures"][name]
                show_figure(name, build / "figures" / f"{name}.webp", caption, _links(name, made[name], "svg"))
            else:
                _show_beside(name, build, made[name], entries, profile)


def _show_beside(name: str, build: Path, made: dict, entries: list[dict], profile: Profile) -> None:
    table, caption = pd.read_csv(build / "tables" / f"{name}.csv"), made["tables"][name]
    if name in ROWS:
        tested = sorted({load_paper()["claims"][each["id"]]["n"] for each in _of(name, entries)})
        caption += f" The paper's n: {', '.join(f'{n:,}' for n in tested)}."
        words = beside(name, table, entries, verdict=not profile.not_comparable)
    else:
        words = printed(table)
    show(table_figure(name, words, caption, _links(name, made, "csv"), folded=name.startswith("table_a")))


def _links(name: str, made: dict, ending: str) -> str:
    """Return the links after a caption: to the place in the notebook that made it, and to its file."""
    page, folder = made["notebook"], "tables" if ending == "csv" else "figures"
    return (
        f' <span class="made"><a href="{page}.html#{name}">notebook {page[:2]}</a> · '
        f'<a href="{folder}/{name}.{ending}">{ending.upper()}</a></span>'
    )


def show_beyond(build: Path) -> None:
    """Show what this study has beyond the paper, as links to the places in the notebooks."""
    in_paper = {name for section in load_paper()["contents"] for name in section["items"]}
    for made in handed_over(build):
        captions = made["tables"] | made["figures"] if made["notebook"] != "08_summary" else {}
        lines = [
            f'<li><a href="{made["notebook"]}.html#{name}">{html.escape(f"{title_of(name)} {plain(caption)}".strip())}</a></li>'
            for name, caption in captions.items()
            if name not in in_paper
        ]
        if lines:
            show(f"<p><b>{notebook_title(made['notebook'])}</b></p><ul>{''.join(lines)}</ul>")


def notebook_title(name: str) -> str:
    """Return a notebook's name as people write it: `07_yolo_benchmark` is "YOLO benchmark"."""
    return name[3:].replace("_", " ").replace("yolo", "YOLO")
