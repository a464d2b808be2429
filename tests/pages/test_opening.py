"""Every number opens its pictures: a page in a browser, with a mouse, by keyboard, on a phone, and without a script."""

import os
import re
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
from opened import OFF_SCREEN, OPEN_EACH, Opened, check_openings
from runs_by_hand import answered

from yogalib.pages.notebook import TEMPLATES, render
from yogalib.results import show
from yogalib.results.confusions import beside_each_other, confusion_matrices, matrix_table, pose_openers, pose_table
from yogalib.results.handover import Handover

SCRIPT = (TEMPLATES / "report" / "report.js").read_text(encoding="utf-8")
AXE = Path(os.environ.get("AXE", "axe.min.js"))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A page of two models' answers, as a notebook makes it; beside it the runs."""
    import matplotlib.pyplot as plt

    home = tmp_path_factory.mktemp("made")
    one, other = (
        answered(home, np.arange(0, 82, 3), seed, model, each=2) for seed, model in ((1, "CLIP"), (2, "YOLO"))
    )
    book = Handover(home / "build", "05_fine_tuning")
    shown = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(show, "display", lambda what: shown.append(what.data))
        for answers in (one, other):
            book.known(answers)
        figure, axis = plt.subplots(figsize=(9, 2))
        axis.plot([1, 2])
        book.figure("figure_05", figure, "A curve that is wider than a phone.")
        for matrix in confusion_matrices(one.run):
            figure, _ = plt.subplots(figsize=(1, 1))
            book.figure(matrix.name, figure, matrix.caption, matrix_table(matrix, one))
        poses = pose_table(one.run)
        book.table("table_poses", poses, "Poses.", pose_openers(one, poses))
        both, opens = beside_each_other(one, other)
        book.table("table_both", both, "Both.", opens)
        book.table(
            "table_wide",
            pd.DataFrame({name: ["a name of a few words"] for name in ("what", "where", "why", "who", "ours")}),
            "Wide.",
        )
        book.finish()
    cells = [nbformat.v4.new_markdown_cell("# A page\n\n## Part"), nbformat.v4.new_code_cell("1")]
    cells[1].outputs = [nbformat.v4.new_output("display_data", {"text/html": each}) for each in shown]
    file = home / "page.html"
    file.write_text(render(nbformat.v4.new_notebook(cells=cells), "05_fine_tuning", "smoke"), encoding="utf-8")
    return file


@pytest.fixture
def page(made, browser):
    """The page, opened; no complaint is left unheard."""
    said = []
    shown = browser.new_page(viewport={"width": 1300, "height": 900})
    for event in ("console", "pageerror", "request"):
        shown.on(
            event, lambda what: said.append(getattr(what, "url", None) or getattr(what, "text", None) or str(what))
        )
    shown.goto(made.as_uri())
    yield shown
    shown.close()
    assert [each for each in said if not each.startswith(("data:", made.as_uri()))] == []


def test_script_asks_for_nothing_and_is_short():
    asks = r"https?:|//[a-z]|fetch|XMLHttpRequest|WebSocket|EventSource|sendBeacon|import\b|eval|innerHTML|\.src\s*="
    assert not re.search(asks, SCRIPT)
    assert len(SCRIPT.splitlines()) < 150


def test_page_holds_what_the_runs_answered(made):
    page = made.read_text(encoding="utf-8")
    assert check_openings(page, made.parent) > 100
    assert SCRIPT.strip() in page and page.count("<script>") == 1
    assert "<button" not in page.replace(SCRIPT.strip(), ""), "without the script it is simply the table"
    assert len(page) < 3_000_000


def test_every_number_opens_its_pictures(page, made):
    assert page.locator("button.opens").count() == len(Opened(made.read_text(encoding="utf-8")).openings)
    assert page.evaluate(OPEN_EACH) == []


def test_enter_opens_escape_closes_and_the_focus_comes_back(page):
    button = page.locator("#table_poses button.opens").first
    button.focus()
    page.keyboard.press("Enter")
    dialog = page.locator("dialog")
    assert dialog.is_visible() and "test pictures: pose named right in" in dialog.inner_text()
    page.keyboard.press("Escape")
    assert not dialog.is_visible()
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == button.get_attribute("aria-label")


def test_pictures_come_with_true_pose_and_five_answers_most_sure_first(page, made):
    page.locator("#table_both button.opens").first.click()
    cards = page.locator("dialog article")
    assert re.search(r"True pose: .+ \(.+\)", cards.first.inner_text())
    assert cards.first.locator("li").count() == 5
    tile = cards.first.locator(".tile")
    assert tile.evaluate("e => getComputedStyle(e).backgroundImage.slice(0, 22)") == 'url("data:image/webp;b'
    page.keyboard.press("Escape")
    whole = max(page.locator("button.opens").all(), key=lambda each: int(each.inner_text()))
    whole.click()
    sure = [float(text.split(" %")[0]) for text in page.locator("dialog article li:first-child").all_inner_texts()]
    assert len(sure) > 3 and sure == sorted(sure, reverse=True)
    page.locator("dialog").get_by_label("Sort").select_option("least sure first")
    turned = [float(text.split(" %")[0]) for text in page.locator("dialog article li:first-child").all_inner_texts()]
    assert turned == sorted(sure)
    page.locator("dialog").get_by_label("Show").select_option("wrong")
    assert all("wrong" in text for text in page.locator("dialog article b").all_inner_texts())


def test_figure_is_enlarged_by_click_and_by_enter(page):
    page.locator("#figure_05 img").click()
    image = page.locator("dialog img")
    assert image.evaluate("e => e.clientWidth == e.naturalWidth") and image.get_attribute("alt")
    page.keyboard.press("Escape")
    page.locator("#figure_05 button.enlarge").focus()
    page.keyboard.press("Enter")
    assert image.is_visible()


def test_phone_shows_every_cell_and_says_where_it_scrolls(page):
    page.set_viewport_size({"width": 400, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    assert page.eval_on_selector_all("td[data-label]", OFF_SCREEN) == []
    assert page.locator("#table_wide td[data-label=ours]").is_visible()
    wide = page.locator("#figure_05 .wide.wider")
    wide.wait_for()  # a browser measures when it has time
    assert "scroll sideways" in wide.evaluate("e => getComputedStyle(e, '::before').content")
    assert page.locator("#figure_05 img").evaluate("e => e.clientWidth") == 900, "its letters keep their size"
    matrix = page.locator("#figure_a1 .wide")
    matrix.evaluate("e => e.scrollLeft = 1000")
    assert page.locator("#figure_a1 tbody th").first.evaluate("e => e.getBoundingClientRect().left") >= 0, (
        "poses stay in sight"
    )


def test_without_a_script_it_is_simply_the_table(made, browser):
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(made.as_uri())
        assert page.locator("#figure_a1 td").first.is_visible()
        assert page.locator("button, dialog").count() == 0
        assert "opens its pictures" not in page.locator("main").inner_text()


def test_axe_finds_nothing_serious(page):
    if not AXE.is_file():
        pytest.skip("no axe-core: npm pack axe-core, and AXE=path/to/axe.min.js")
    page.add_script_tag(content=AXE.read_text(encoding="utf-8"))
    for opens in (None, "#table_poses button.opens", "#figure_05 button.enlarge"):
        if opens:
            page.locator(opens).first.click()
        found = page.evaluate("async () => (await axe.run()).violations")
        serious = [
            (each["id"], each["nodes"][0]["html"]) for each in found if each["impact"] in ("serious", "critical")
        ]
        assert serious == []
        page.keyboard.press("Escape")
