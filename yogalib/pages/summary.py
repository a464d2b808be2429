"""The paper beside ours: collects what the notebooks handed over, and says it in the paper's order."""

import json
from pathlib import Path

import pandas as pd

from yogalib.facts.paper import claim, load_paper
from yogalib.models.meter import machine
from yogalib.profile import Profile
from yogalib.results.carry import HOLDS
from yogalib.results.claims import kind_of
from yogalib.results.readings.wording import many
from yogalib.results.show import INTERVAL, NOTHING, number, p_value, title_of
from yogalib.runs.progress import duration
from yogalib.study import Study


def handed_over(build: Path) -> list[dict]:
    """Return what each finished notebook handed over, in the notebooks' order."""
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(build.glob("[0-9][0-9]_*.json"))]


def claims(build: Path, profile: Profile) -> list[dict]:
    """Return one entry per number of the paper: id, what, unit, paper, ours, low, high, n, splits, notebook, interval, was, verdict, why.

    interval : the kind of ours. was : what ours was measured of, where the paper's words do not fit. A number that this profile
    did not measure has no `ours`, and `why` says so.
    """
    measured = {
        name: ours | {"notebook": made["notebook"]}
        for made in handed_over(build)
        for name, ours in made["claims"].items()
        if not pd.isna(ours["ours"])  # a deviation over one split
    }
    entries = []
    for name, papers in load_paper()["claims"].items():
        entry = {"id": name, "what": papers["what"], "unit": papers["unit"], "paper": papers["value"]}
        entry |= measured.get(name, dict.fromkeys(("ours", "low", "high", "n", "splits", "notebook")))
        entry["interval"] = None if entry["low"] is None else kind_of(name)
        entry["was"] = ours_was(entry, profile)
        entry["verdict"], entry["why"] = _verdict(entry, profile.not_comparable)
        entries.append(entry)
    return entries


def ours_was(entry: dict, profile: Profile) -> str:
    """Return what our number beside a claim was measured of, which model and over how many splits; empty where the paper's words fit."""
    name, clip, yolo = entry["id"], profile.fine_tuning.encoder, Path(profile.yolo.model).stem
    if entry["ours"] is None or name.startswith(("section_3_1", "table_04")):
        return ""
    model = clip
    if name.startswith("section_5"):
        model = yolo if ".yolo_" in name else f"{yolo} and {clip}"
    if name.startswith("section_5") or entry["unit"] not in ("%", "points"):
        return model
    if entry["splits"] is None:
        return f"{model}, the first split"
    return f"{model}, {'over' if name.endswith('_sd') else 'mean of'} {many(entry['splits'], 'split')}"


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


def claims_table(build: Path, profile: Profile) -> pd.DataFrame:
    """Return the claims that were measured, as they are printed.

    Columns: what, where, paper, ours, ours was, 95 % interval, n, verdict, why. A verdict that is the same for all is left to the caption.
    """
    rows = [printed_claim(entry) for entry in claims(build, profile) if entry["ours"] is not None]
    columns = ["what", "where", "paper", "ours", "ours was", INTERVAL, "n", "verdict", "why"]
    table = pd.DataFrame(rows, columns=columns)
    return table.drop(columns=["verdict", "why"]) if profile.not_comparable else table


def printed_claim(entry: dict) -> dict[str, str]:
    """Return an entry of `claims` in words, by the columns of `claims_table`."""
    known = claim(entry["id"])
    bounds = "" if entry["low"] is None else f"{_bare(entry, 'low')} to {_bare(entry, 'high')} ({entry['interval']})"
    counted = known["n"] is not None and entry["ours"] is not None  # else no images stand behind the number
    return {
        "what": entry["what"],
        "where": known["where"],
        "paper": _printed(entry),
        "ours": with_unit(entry["ours"], entry["unit"]) or NOTHING,
        "ours was": entry["was"],
        INTERVAL: bounds,
        "n": number(entry["n"]) if counted else "",
        "verdict": entry["verdict"],
        "why": entry["why"],
    }


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


def open_points(statements: pd.DataFrame) -> pd.DataFrame:
    """Return the points that the paper leaves open, and what this study does about each. Columns: point, in the paper, here.

    statements : the paper's conclusions (carry.paper_statements); those that its own numbers do not carry follow the rest.
    """
    points = load_paper()["open_points"]
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


def statements_table(statements: pd.DataFrame) -> pd.DataFrame:
    """Return what the paper's numbers can carry (carry.paper_statements) as it is printed."""
    rows = []
    for row in statements.to_dict("records"):
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
