"""The committed report in a real browser: what a reviewer sees, on a desk, on a phone and on paper."""

from dataclasses import dataclass, field
from urllib.parse import unquote

import pytest
from opened import OFF_SCREEN, OPEN_EACH

from yogalib.facts.paper import load_paper
from yogalib.paths import from_environment

REPORT = from_environment("REPORTS_DIR", "reports") / "mini"
PAGES = sorted(path.name for path in REPORT.glob("*.html"))


@dataclass
class Opened:
    """Each page of the report in the browser, what it complained of, and what it asked for."""

    pages: dict = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def every(self, selector: str, script: str) -> dict[str, list]:
        """What a script says of each element that a selector finds, by page."""
        return {
            name: page.eval_on_selector_all(selector, f"all => all.map(e => {script})")
            for name, page in self.pages.items()
        }


@pytest.fixture(scope="module")
def opened(browser):
    """All pages, opened once."""
    all_of_it = Opened()
    for name in PAGES:
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.on("console", lambda message: all_of_it.said.append(message.text))
        page.on("pageerror", lambda error: all_of_it.said.append(str(error)))
        page.on("request", lambda request: all_of_it.asked.append(request.url))
        page.goto((REPORT / name).as_uri())
        all_of_it.pages[name] = page
    return all_of_it


def test_no_page_complains_or_asks_for_anything_but_itself(opened):
    assert not opened.said
    asked = [url for url in opened.asked if not url.startswith("data:")]
    assert sorted(asked) == [(REPORT / name).as_uri() for name in PAGES]


def test_every_link_leads_to_a_file_and_a_place_that_are_there(opened):
    places = opened.every("[id]", "e.id")
    for name, links in opened.every("a[href]", "e.getAttribute('href')").items():
        assert links
        for link in links:
            file, _, place = link.partition("#")
            assert (REPORT / file).is_file() or not file, f"{name}: {link}"
            assert not place or unquote(place) in places[file or name], f"{name}: {link}"


def test_every_place_has_one_name_only(opened):
    for name, ids in opened.every("[id]", "e.id").items():
        assert len(ids) == len(set(ids)), name


def test_every_picture_is_drawn_in_its_proportions_and_says_what_it_shows(opened):
    what = "[e.alt, +e.getAttribute('width'), +e.getAttribute('height'), e.naturalWidth, e.naturalHeight]"
    for name, pictures in opened.every("img", what).items():
        for alt, width, height, real_width, real_height in pictures:
            assert len(alt) > 15, name
            assert width / height == pytest.approx(real_width / real_height, rel=0.02), f"{name}: {alt}"


def test_index_holds_the_papers_items_in_the_papers_order(opened):
    ids = opened.every("main [id]", "e.id")["index.html"]
    items = [name for section in load_paper()["contents"] for name in section["items"]]
    assert [name for name in ids if name in items] == items
    cards = [name for name in ids if name.startswith("card-")]
    assert cards == [f"card-{name.removesuffix('.html')}" for name in PAGES if name != "index.html"]
    assert ids.index("figure_beside") < ids.index(cards[0]) < ids.index(items[0])


def test_contents_lead_to_their_headings(opened):
    for name, page in opened.pages.items():
        entries = page.locator(".contents a")
        assert entries.count() == page.locator("main h2, main h3").count() > 0, name
        for entry in (entries.first, entries.last):
            entry.click()
            place = unquote(page.url.partition("#")[2])
            heading = page.locator(f'[id="{place}"]')
            assert 0 <= heading.evaluate("e => e.getBoundingClientRect().top") < 900, name


def test_code_is_folded_until_one_switch_shows_all_of_it(opened):
    page = opened.pages["02_zero_shot.html"]
    code = page.locator("details.code pre")
    assert code.count() > 5
    assert not any(each.is_visible() for each in code.all())
    page.locator("details.code summary").first.click()
    assert [each.is_visible() for each in code.all()].count(True) == 1
    page.locator("label[for=all-code]").click()
    assert all(each.is_visible() for each in code.all())
    page.locator("label[for=all-code]").click()
    assert [each.is_visible() for each in code.all()].count(True) == 1


@pytest.mark.parametrize("width", [390, 768, 1280])
def test_no_page_is_wider_than_the_screen(opened, width):
    for name, page in opened.pages.items():
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name


def test_every_number_opens_as_many_pictures_as_it_says(opened):
    for name, page in opened.pages.items():
        assert page.evaluate(OPEN_EACH) == [], name


def test_no_cell_of_a_table_is_off_a_phones_screen(opened):
    for name, page in opened.pages.items():
        page.set_viewport_size({"width": 400, "height": 900})
        assert page.eval_on_selector_all("td[data-label]", OFF_SCREEN) == [], name


def test_keyboard_reaches_the_content_at_once(opened):
    page = opened.pages["index.html"]
    assert page.locator("html").get_attribute("lang") == "en"
    page.locator("a.skip").focus()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"


def test_print_leaves_contents_and_code_out(opened):
    page = opened.pages["05_fine_tuning.html"]
    page.emulate_media(media="print")
    for selector in ("nav.pages", ".contents", "details.code", "label[for=all-code]"):
        assert not page.locator(selector).first.is_visible(), selector
    assert page.locator("#table_08").is_visible()
    page.emulate_media(media="screen")


def test_report_is_light():
    assert max((REPORT / name).stat().st_size for name in PAGES) < 3_000_000
    assert sum(path.stat().st_size for path in REPORT.rglob("*") if path.is_file()) < 10_000_000
