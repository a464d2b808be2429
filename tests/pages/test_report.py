"""What stands on the pages: numbers in words, the paper beside ours, and whether the committed report is still true."""

import json
import re
from io import BytesIO

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT
from PIL import Image

from yogalib.facts.paper import load_paper
from yogalib.pages import inputs
from yogalib.pages.index import _found, _not_said, _paired, show_cards
from yogalib.pages.inputs import code_alone, report_inputs
from yogalib.pages.summary import claims, claims_table, not_measured, with_unit
from yogalib.profile import read_profile
from yogalib.results.beside import beside, papers_n
from yogalib.results.claims import claims_of, row_of, rows_of
from yogalib.results.show import figure_files, number, plain, printed, table_figure, title_of
from yogalib.runs.progress import Progress, duration, whole_left
from yogalib.runs.questions import asked_by
from yogalib.runs.store import stored_run
from yogalib.study import Study

MINI = read_profile("mini")
COMPARABLE = MINI.model_copy(update={"not_comparable": None})


def test_committed_report_is_not_stale():
    told = json.loads((ROOT / "reports" / "mini" / "summary.json").read_text(encoding="utf-8"))
    assert told.get("inputs") == report_inputs(MINI), (
        "code, a notebook or the profile changed: make reproduce, and commit reports/mini"
    )


def test_comments_and_docstrings_leave_a_report_fresh_and_code_does_not():
    code = 'def half(x):\n    """Halve."""\n    # why\n    return x / 2  # two\n'
    same = 'def half(x):\n    """Return a half,\n\n    of x."""\n\n    return x / 2\n'
    assert code_alone(code) == code_alone(same) == "def half(x):\n    return x / 2"
    assert code_alone(code) != code_alone(code.replace("/ 2", "/ 3"))
    assert code_alone('word = "# no comment"') == 'word = "# no comment"'


def test_report_depends_on_its_own_profile_and_notebooks_alone(monkeypatch, tmp_path):
    known = report_inputs(MINI)
    assert report_inputs(read_profile("mini", {"fine_tuning.epochs": 99})) != known
    for place in ("notebooks", "requirements.lock"):
        (tmp_path / place).symlink_to(ROOT / place)
    monkeypatch.setattr(inputs, "ROOT", tmp_path)
    assert report_inputs(MINI) == known  # wherever the checkout lies
    (tmp_path / "notebooks").unlink()
    (tmp_path / "notebooks").mkdir()
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        text = path.read_text(encoding="utf-8")
        (tmp_path / "notebooks" / path.name).write_text(text.replace("# The data set", "# Data"), encoding="utf-8")
    assert report_inputs(MINI) != known


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (2006, "2,006"),
        (0.000123456, "1.23e-4"),
        (3e-05, "3e-5"),
        (-0.00015, "−1.5e-4"),
        (-0.5, "−0.5"),
        (1234.6, "1,235"),
        (np.nan, ""),
        (7.0, "7"),
    ],
)
def test_numbers_are_written_for_people(value, text):
    assert number(value) == text


def test_shares_become_percent_and_bounds_an_interval():
    table = pd.DataFrame(
        {"syntax": ["image_of_a_person"], "mean": [0.858], "sd": [0.054], "low": [0.791], "high": [0.925], "n": [31]}
    )
    (row,) = printed(table).to_dict("records")
    assert row == {
        "syntax": "image of a person",
        "mean, %": "85.8",
        "sd, points": "5.4",
        "95 % interval": "79.1 to 92.5",
        "n": "31",
    }
    tested = printed(pd.DataFrame({"difference": [-0.367], "p": [3e-73]}))
    assert tested.to_dict("records") == [{"difference, points": "−36.7", "p": "< 0.001"}]
    logits = printed(pd.DataFrame({"measure": ["ROAD"], "mean": [0.9448], "low": [0.2], "high": [1.6]}))
    assert logits.to_dict("records") == [{"measure": "ROAD", "mean": "0.945", "95 % interval": "0.2 to 1.6"}]


def test_table_is_escaped_and_sets_numbers_to_the_right():
    told = table_figure("table_05", pd.DataFrame({"prompt": ["<category>"], "n": ["31"]}), "Of a & b.")
    assert "&lt;category&gt;" in told and "<category>" not in told and "a &amp; b" in told
    assert '<td class="short" data-label="prompt">' in told and '<td class="number" data-label="n">31</td>' in told
    assert "<b>Table 5.</b>" in told


def test_table_without_a_row_is_shown_too():
    empty = pd.DataFrame({"true": [], "mistakes": []})  # a model may make none
    assert "mistakes</th>" in table_figure("table_confused", printed(empty), "Mistakes.")


def test_captions_spell_names_of_code_as_people_do():
    assert plain("subset subset_ii, less “image_of_a_person”") == "Subset II, less “image of a person”"


def test_only_the_papers_own_bear_its_numbers():
    assert title_of("figure_04_after") == "Figure 4, after"
    assert title_of("table_a8") == "Table A8"
    assert title_of("table_04_draws") == title_of("figure_grid") == ""


def handed(build, **made) -> None:
    (build / "tables").mkdir(exist_ok=True)
    blank = {"claims": {}, "tables": {}, "figures": {}, "conclusion": ""}
    text = json.dumps({"notebook": "05_fine_tuning", "seconds": 1.0} | blank | made)
    (build / "05_fine_tuning.json").write_text(text)


def measured(ours: float, low: float | None = None, high: float | None = None, n: int = 402, splits=None) -> dict:
    return {"ours": ours, "low": low, "high": high, "n": n, "splits": splits}


def test_paper_stands_beside_ours_row_by_row_and_alone_where_ours_has_none():
    ours = pd.DataFrame(
        {"encoder": ["RN50", "mine"], "accuracy": [0.22, 0.5], "low": [0.18, 0.4], "high": [0.26, 0.6], "n": [402, 402]}
    )
    table = beside("table_04", ours).set_index("encoder")
    assert table.loc["RN50"].tolist() == ["20.8", "22.0", "18.0 to 26.0", "402"]
    assert table.loc["mine", "paper, %"] == ""
    alone = table.iloc[2:]
    assert len(alone) == 8 and "RN50x16" in alone.index
    assert set(alone["ours, %"]) == {""} and "49.1" in set(alone["paper, %"])
    assert papers_n("table_04") == " The paper's n: 53."


def test_table_9_has_the_papers_deviation_and_only_beside_the_papers_model():
    rows = [(model, level, 0.5, 0.01, 0.4, 0.6, 5, 402) for model in ("a", "b") for level in ("L1", "L2", "L3")]
    ours = pd.DataFrame(rows, columns=["model", "level", "mean", "sd", "low", "high", "splits", "n"])
    assert beside("table_09", ours)["paper, %"].tolist() == [
        "93.9 (sd 0.5)",
        "90.1 (sd 0.6)",
        "84.1 (sd 0.9)",
        "",
        "",
        "",
    ]
    assert claims_of("table_09", ours)["table_09.l3_mean"]["splits"] == 5


def test_table_that_the_paper_lacks_stays_as_it_is_printed():
    ours = pd.DataFrame({"pose": ["a"], "accuracy": [0.5]})
    assert beside("table_ways", ours).equals(printed(ours)) and papers_n("table_ways") == ""


def test_every_row_of_the_papers_tables_can_be_found_from_ours():
    rates = [
        (1e-4, 1e-4),
        (5e-4, 1e-3),
        (1e-5, 1e-3),
        (1e-5, 1e-4),
        (1e-6, 1e-3),
        (1e-6, 1e-4),
        (5e-6, 1e-3),
        (5e-6, 1e-4),
    ]
    rows = {
        "table_06": [{"paper_rate": rate, "weight_decay": decay} for rate, decay in rates],
        "table_07": [{"paper_rate": rate, "weight_decay": decay} for rate, decay in rates],
        "table_08": [{"level": f"L{level}", "k": k} for level in (1, 2, 3) for k in (1, 5)],
        "table_10": [{"metric": metric} for metric in ("accuracy", "precision", "recall", "f1")],
        "table_11": [{"per_class": size} for size in ("all", 43, 20, 6)],
    }
    for name, each in rows.items():
        assert {row_of(name, row) for row in each} == set(rows_of(name)), name


def test_claims_say_within_above_below_or_why_not(tmp_path):
    told = {
        "table_08.l1_top1": measured(94.0, 93.0, 95.0),
        "table_08.l2_top1": measured(95.0, 94.0, 96.0),
        "table_08.l3_top1": measured(50.0, 45.0, 55.0),
        "table_09.l3_sd": measured(float("nan")),
        "section_3_1.images": measured(2006),
    }
    handed(tmp_path, claims=told)
    verdict = {each["id"]: each["verdict"] for each in claims(tmp_path, COMPARABLE)}
    assert [verdict[name] for name in told] == ["within", "above", "below", "not comparable", "not comparable"]
    assert json.loads(json.dumps(claims(tmp_path, MINI), allow_nan=False))  # a deviation over one split is no number
    assert len(claims_table(tmp_path, COMPARABLE)) == 4
    assert len(claims_table(tmp_path, COMPARABLE)) + len(not_measured(tmp_path, COMPARABLE)) == len(
        load_paper()["claims"]
    )
    assert "verdict" not in claims_table(tmp_path, MINI)  # the caption says once that none can be compared
    assert "2,006 images" in claims_table(tmp_path, MINI)["ours"].tolist()


def test_our_number_says_of_what_it_is_where_the_papers_words_do_not_fit(tmp_path):
    told = {
        "table_09.l3_mean": measured(48.0, 46.0, 50.0, splits=3),
        "table_09.l3_sd": measured(2.0, splits=3),
        "table_08.l3_top1": measured(48.3, 43.0, 53.0),
        "section_6.parameters": measured(4.8),
    }
    handed(tmp_path, claims=told)
    table = claims_table(tmp_path, MINI).set_index("where")
    assert table.loc["Table 9", "ours was"].tolist() == [
        "CLIP-mini-RN, mean of 3 splits",
        "CLIP-mini-RN, over 3 splits",
    ]
    assert table.loc["Table 8", "ours was"] == "CLIP-mini-RN, the first split"
    assert table.loc["Table 8", "95 % interval"] == "43.0 to 53.0 (Wilson)"
    assert "corrected t" in table["95 % interval"].iloc[1]
    assert table.loc["Section 6", "n"] == ""  # no images stand behind a number of weights


def test_abstract_says_what_the_numbers_say(tmp_path):
    told = {
        "table_08.l3_top1": measured(85.0, 84.0, 86.0, n=3826),
        "table_09.l3_mean": measured(84.0, 83.0, 85.0, splits=7),
    }
    handed(tmp_path, claims=told | {"table_09.l3_sd": measured(0.5, splits=7)})
    entries = {each["id"]: each for each in claims(tmp_path, COMPARABLE)}
    text = _found(entries, COMPARABLE)
    assert "85.0 % of 3,826 test pictures (84.0 to 86.0, Wilson)" in text
    assert "over 7 splits the mean is 84.0 % (83.0 to 85.0, corrected t over splits)" in text
    counted = f"Of {len(load_paper()['claims'])} numbers of the paper this report has 3"
    assert _not_said(entries, COMPARABLE).startswith(f"{counted}: 2 within and 1 not comparable")
    assert "none can be held against the paper's, since this profile has" in _not_said(entries, MINI)
    rows = [("ViT-B/32", 0.846, np.nan), ("yolov8x-cls", 0.878, 1e-9)]
    pd.DataFrame([(*row, 3487) for row in rows], columns=["setting", "accuracy", "p", "n"]).to_csv(
        tmp_path / "tables" / "table_validation.csv", index=False
    )
    assert _found({each["id"]: each for each in claims(tmp_path / "none", MINI)}, MINI).startswith("Nothing yet")
    assert _paired(tmp_path / "none") == ""
    told = _paired(tmp_path)
    assert told == "yolov8x-cls less ViT-B/32: +3.2 points on 3,487 pictures, p < 0.001 (McNemar)."


def test_card_has_the_conclusion_and_both_numbers(tmp_path, capsys):
    handed(tmp_path, claims={"table_08.l3_top1": measured(47.5, 43.0, 52.0)}, conclusion="It **learns** & forgets.")
    shown = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("yogalib.pages.index.show", shown.append)
        show_cards(tmp_path, MINI)
    (card,) = shown
    assert "It <strong>learns</strong> &amp; forgets." in card and 'href="05_fine_tuning.html"' in card
    assert "paper 85.9 %, ours <b>47.5 %</b>, 43.0 to 52.0 (Wilson), n 402" in card


@pytest.mark.parametrize(
    ("value", "unit", "text"), [(51.99, "%", "52.0 %"), (3.5, "x", "3.5 ×"), (-3.2, "points", "−3.2 points")]
)
def test_units_are_written_out(value, unit, text):
    assert with_unit(value, unit) == text


def test_headlines_and_contents_name_what_there_is():
    paper = load_paper()
    assert 8 <= sum(bool(claim.get("headline")) for claim in paper["claims"].values()) <= 12
    items = [name for section in paper["contents"] for name in section["items"]]
    assert len(items) == len(set(items)) and all(title_of(name) for name in items)
    assert {f"table_{number:02d}" for number in range(2, 12)} | {f"table_a{number}" for number in range(1, 9)} <= set(
        items
    )
    assert {f"figure_{number:02d}" for number in range(1, 11)} <= set(items)


def test_figure_of_photographs_weighs_little_and_keeps_its_shape(tmp_path):
    import matplotlib.pyplot as plt

    from yogalib.results.galleries import picture_grid

    noise = np.random.default_rng(0).normal(128, 30, (8, 96, 96, 3)).clip(0, 255).astype("uint8")
    figure = picture_grid(list(noise), ["pose"] * 8)
    figure.savefig(tmp_path / "plain.svg")
    files = figure_files(figure)
    plt.close(figure)
    light = files[".svg"].decode()
    assert len(light) < (tmp_path / "plain.svg").stat().st_size / 2
    assert "data:image/jpeg;base64," in light and "data:image/png" not in light
    with Image.open(BytesIO(files[".png"])) as image:
        assert image.mode == "P" and image.info["dpi"][0] == pytest.approx(100, abs=1)
        size = image.size
    with Image.open(BytesIO(files[".webp"])) as image:  # as sharp as a page shows it
        assert image.size[0] == pytest.approx(1.5 * size[0], abs=2)


def test_progress_says_which_run_of_how_many_and_what_is_left(tmp_path, capsys):
    told = Progress([1, 1, 2])
    for number_of_run in (0, 1, 2, 1):  # the last one is stored by then
        config = {"kind": "fine_tuning", "encoder": "CLIP-mini-RN", "classes": [1, 2, 3], "seed": number_of_run}
        stored_run(tmp_path, config, lambda folder: None, f"fine-tuning, split {number_of_run + 1}", told)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    assert lines[0] == "run 1 of 3: fine-tuning, split 1"
    assert re.fullmatch(r"run 3 of 3: fine-tuning, split 3; about \d+ s left", lines[2])


def test_terminal_hears_runs_and_a_bar_twice_a_minute(monkeypatch, capsys):
    import logging

    from yogalib.pages import console

    now = [0.0]
    monkeypatch.setattr(console, "perf_counter", lambda: now[0])
    logger = logging.getLogger("papermill")
    before = logger.handlers, logger.propagate, logger.level
    console.quiet_papermill("05_fine_tuning")
    try:
        logger.info("Executing Cell 3---")
        for second in range(0, 70, 10):
            now[0] = float(second)
            logger.warning("\rfine-tuning:  29%|##  | 2/7")
        logger.warning("fine-tuning: 100%|####| 7/7")
        logger.warning("run 2 of 3: fine-tuning\n")
    finally:
        (logger.handlers, logger.propagate), level = before[:2], before[2]
        logger.setLevel(level)
    bar = "[05_fine_tuning] fine-tuning:  29%|##  | 2/7"
    assert capsys.readouterr().err.splitlines() == [bar, bar, "[05_fine_tuning] run 2 of 3: fine-tuning"]


def test_time_left_follows_from_the_notebooks_done():
    works = {"a": 0, "b": 1000, "c": 500, "d": 0}
    assert whole_left(works, {"a": 10, "b": 60}, at_once=1) == pytest.approx((10 + 25) + 10)
    assert whole_left(works, {"a": 10, "b": 60}, at_once=2) == pytest.approx(22.5)
    assert whole_left(works, {"b": 60}, at_once=1) == 180, "nobody knows yet what a page alone takes"
    assert whole_left(works, {"a": 10, "b": 60, "c": 35, "d": 10}, at_once=2) == 0


def test_progress_is_quiet_in_jupyterlab(tmp_path, capsys):
    stored_run(tmp_path, {"kind": "zero_shot", "classes": [1]}, lambda folder: None)
    assert capsys.readouterr().err == ""


def test_planned_runs_of_a_notebook_have_their_work(folders):
    study = Study.open("smoke", planned=True)
    assert asked_by(study, "01_dataset") == []
    small = [ask.work for ask in asked_by(study, "06_frugality")]
    assert small and min(small) > 0


@pytest.mark.parametrize(("seconds", "text"), [(12.3, "12 s"), (90, "1.5 min"), (7200, "2.0 h"), (172800, "2.0 d")])
def test_durations_suit_their_size(seconds, text):
    assert duration(seconds) == text
