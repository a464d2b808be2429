"""The report's first page: what was asked and found on one screen, then a card for each notebook, then where everything stands."""

import html
from pathlib import Path

import pandas as pd

from yogalib.facts.paper import claim, load_paper
from yogalib.pages.notebook import notebook_title
from yogalib.pages.summary import claims, handed_over, printed_claim
from yogalib.profile import Profile
from yogalib.results.carry import HOLDS
from yogalib.results.readings.wording import listed, many, p_words, points, share
from yogalib.results.show import INTERVAL, plain, show, title_of
from yogalib.runs.progress import duration
from yogalib.study import Study


def abstract(study: Study, statements: pd.DataFrame) -> dict[str, str]:
    """Return the report in five sentences made of its numbers, by what each is about. statements : carry.paper_statements."""
    build, profile = study.paths.build, study.profile
    told = {entry["id"]: entry for entry in claims(build, profile)}
    return {
        "Question": _question(statements),
        "What was run": _run(study),
        "What was found": f"{_found(told, profile)} {_paired(build)}".strip(),
        "What can't be said": _not_said(told, profile),
        "How to check": (
            f"Each table and figure names the notebook that made it and has its file; “make reproduce PROFILE={profile.name}” makes "
            f"all anew, on the same splits with the same seeds."
        ),
    }


def _question(statements: pd.DataFrame) -> str:
    best, mean = claim("table_08.l3_top1"), claim("table_09.l3_mean")
    held = (statements["verdict"] == HOLDS).sum()
    return (
        f"A fine-tuned CLIP is said to name the pose of {best['value']:g} % of {best['n']:,} photographs of 82 yoga poses, {mean['value']:g} % "
        f"over random splits. Does that hold when the study is done again? By their own numbers of pictures {held} of the paper's "
        f"{many(len(statements), 'conclusion')} hold."
    )


def _run(study: Study) -> str:
    rows, tuning = study.subset(study.profile.fine_tuning.subset), study.profile.fine_tuning
    what = "drawings" if study.profile.data.synthetic is not None else "photographs"
    seconds = sum(made["seconds"] for made in handed_over(study.paths.build))
    return (
        f"{tuning.encoder}, fine-tuned for {many(tuning.epochs, 'epoch')} on {len(study.parts(tuning.subset)[0]):,} of {len(rows):,} {what} "
        f"of {many(rows['class'].nunique(), 'pose')}, on {many(len(study.split_seeds()), 'split')}, with all the paper's other experiments: "
        f"{duration(seconds)} of this machine, less for what was stored already."
    )


def _found(told: dict, profile: Profile) -> str:
    best, mean, spread = (told[f"table_{name}"] for name in ("08.l3_top1", "09.l3_mean", "09.l3_sd"))
    if best["ours"] is None:
        return "Nothing yet: notebook 05 has not been run here (make reproduce runs all)."
    text = (
        f"{profile.fine_tuning.encoder} names the pose of {best['ours']:.1f} % of {best['n']:,} test pictures ({best['low']:.1f} to "
        f"{best['high']:.1f}, {best['interval']})"
    )
    if spread["ours"] is None or mean["low"] is None:
        return f"{text}."
    return (
        f"{text}; over {many(mean['splits'], 'split')} the mean is {mean['ours']:.1f} % ({mean['low']:.1f} to {mean['high']:.1f}, "
        f"{mean['interval']})."
    )


def _paired(build: Path) -> str:
    """Return the sentence on the paired test of section 5; empty where notebook 07 has not been run."""
    file = build / "tables" / "table_validation.csv"
    if not file.is_file():
        return ""
    ours, theirs = pd.read_csv(file).itertuples()
    difference = points(theirs.accuracy - ours.accuracy)
    if pd.isna(theirs.p):
        return f"{theirs.setting} ({share(theirs.accuracy)}) against {ours.setting} ({share(ours.accuracy)}) is no contest: one of them learned nothing."
    return f"{theirs.setting} less {ours.setting}: {difference} points on {ours.n:,} pictures, {p_words(theirs.p)} (McNemar)."


def _not_said(told: dict, profile: Profile) -> str:
    measured = [entry for entry in told.values() if entry["ours"] is not None]
    text = f"Of {len(told)} numbers of the paper this report has {len(measured)}"
    if profile.not_comparable:
        return f"{text}; none can be held against the paper's, since this profile has {profile.not_comparable}."
    counts = pd.Series([entry["verdict"] for entry in measured]).value_counts()
    return f"{text}: {listed(f'{count} {verdict}' for verdict, count in counts.items())}; what the others would be it does not know."


def show_abstract(sentences: dict[str, str]) -> None:
    """Show the sentences of `abstract` as a list of what they are about."""
    lines = (f"<dt>{html.escape(about)}</dt><dd>{html.escape(text)}</dd>" for about, text in sentences.items())
    show(f'<dl class="abstract">{"".join(lines)}</dl>')


def show_cards(build: Path, profile: Profile) -> None:
    """Show a card for each notebook: its conclusion, and the paper's main numbers of it beside ours."""
    from nbconvert.filters import markdown2html  # a second

    known, entries = load_paper()["claims"], claims(build, profile)
    for made in handed_over(build):
        if made["notebook"].startswith("08"):
            continue
        main = [each for each in entries if each["notebook"] == made["notebook"] and known[each["id"]].get("headline")]
        title = f'<a href="{made["notebook"]}.html">{html.escape(notebook_title(made["notebook"]))}</a>'
        rows = "".join(map(_row, main))
        says = markdown2html(made["conclusion"])
        head = f'<h3 id="card-{made["notebook"]}">{title}</h3>'
        show(f'<section class="card">{head}{says}{rows and f"<ul>{rows}</ul>"}</section>')


def _row(entry: dict) -> str:
    """Return a line of a card: what, the paper's number, ours with its interval and n."""
    words = printed_claim(entry)
    ours = f"<b>{html.escape(words['ours'])}</b>" + (f", {html.escape(words[INTERVAL])}" if words[INTERVAL] else "")
    n = f", n {words['n']}" if words["n"] else ""
    was = f" <small>{html.escape(words['ours was'])}</small>" if words["ours was"] else ""
    return f"<li>{html.escape(words['what'])}: paper {html.escape(words['paper'])}, ours {ours}{n}{was}</li>"


def show_items(build: Path) -> None:
    """Show where each table and figure of the paper stands in this report, in the paper's order, and after them what is ours alone."""
    made = {name: each for each in handed_over(build) for kind in ("tables", "figures") for name in each[kind]}
    in_paper = set()
    for section in load_paper()["contents"]:
        anchor = section["section"].partition(" ")[0].replace(".", "-")
        lines = [_item(name, made.get(name), shows) for name, shows in section["items"].items()]
        in_paper |= set(section["items"])
        show(f'<h3 id="section-{anchor}">{html.escape(section["section"])}</h3><ul>{"".join(lines)}</ul>')
    lines = [
        _item(name, each, "")
        for name, each in made.items()
        if name not in in_paper and not each["notebook"].startswith("08")
    ]
    show(f'<h3 id="beyond">Beyond the paper</h3><ul>{"".join(lines)}</ul>')


def _item(name: str, made: dict | None, shows: str) -> str:
    """Return the line of a table or figure: a link to its place in a notebook's page and one to its file, or why it is not there."""
    title = f"<b>{title_of(name)}.</b> " if title_of(name) else ""
    if made is None:
        return f'<li class="absent" id="{name}">{title}{html.escape(shows)}</li>'
    kind, ending = ("tables", "csv") if name in made["tables"] else ("figures", "svg")
    page, caption = f"{made['notebook']}.html#{name}", html.escape(plain(made[kind][name]))
    return f'<li id="{name}">{title}<a href="{page}">{caption}</a> <a class="file" href="{kind}/{name}.{ending}">{ending.upper()}</a></li>'
