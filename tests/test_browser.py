"""The committed report in a real browser: what a reviewer sees, on a desk, on a phone and on paper."""

import shutil
from urllib.parse import unquote, urlparse

import pytest

from yogalib.paths import from_environment

REPORT = from_environment("REPORTS_DIR", "reports") / "mini"
PAGES = sorted(path.name for path in REPORT.glob("*.html"))
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def browser():
    """A headless Chromium, the machine's own."""
    playwright = pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine (Debian: apt-get install chromium)")
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def look(browser):
    """Open pages of the report; all that they complain of and ask for is noted in `said` and `asked`."""

    class Look:
        said, asked = [], []

        def __call__(self, name: str, width: int = 1280):
            page = browser.new_page(viewport={"width": width, "height": 900})
            page.on("console", lambda message: self.said.append(f"{name}: {message.text}"))
            page.on("pageerror", lambda error: self.said.append(f"{name}: {error}"))
            page.on("request", lambda request: self.asked.append(request.url))
            page.goto((REPORT / name).as_uri())
            opened.append(page)
            return page

    opened = []
    yield Look()
    for page in opened:
        page.close()


def test_no_page_complains_or_asks_for_anything_but_itself(look):
    for name in PAGES:
        look(name)
    assert not look.said
    asked = [url for url in look.asked if not url.startswith("data:")]
    assert sorted(asked) == [(REPORT / name).as_uri() for name in PAGES]


def test_every_link_leads_to_a_file_and_a_place_that_are_there(look):
    opened = {name: look(name) for name in PAGES}
    places = {
        name: set(page.eval_on_selector_all("[id]", "all => all.map(e => e.id)")) for name, page in opened.items()
    }
    for name, page in opened.items():
        links = page.eval_on_selector_all("a[href]", "all => all.map(e => e.href)")
        assert links
        for link in map(urlparse, links):
            target = (
                REPORT / unquote(link.path).rpartition("/")[2] if link.path.endswith(".html") else unquote(link.path)
            )
            assert REPORT.joinpath(target).is_file(), f"{name}: {link.geturl()}"
            if link.fragment:
                assert unquote(link.fragment) in places[REPORT.joinpath(target).name], f"{name}: {link.geturl()}"


def test_every_place_has_one_name_only(look):
    for name in PAGES:
        ids = look(name).eval_on_selector_all("[id]", "all => all.map(e => e.id)")
        assert len(ids) == len(set(ids)), name


def test_every_picture_is_drawn_in_its_proportions_and_says_what_it_shows(look):
    for name in PAGES:
        pictures = look(name).eval_on_selector_all(
            "img", "all => all.map(e => [e.alt, +e.getAttribute('width'), +e.getAttribute('height'), e.naturalWidth, e.naturalHeight])"
        )  # fmt: skip
        for alt, width, height, real_width, real_height in pictures:
            assert len(alt) > 20, name
            assert width / height == pytest.approx(real_width / real_height, rel=0.02), f"{name}: {alt}"


def test_index_holds_the_papers_items_in_the_papers_order(look):
    from yogalib.paper import load_paper

    page = look("index.html")
    ids = page.eval_on_selector_all("main [id]", "all => all.map(e => e.id)")
    items = [name for section in load_paper()["contents"] for name in section["items"]]
    assert [name for name in ids if name in items] == items
    assert page.locator("#table_headline tbody tr").count() >= 8
    assert ids.index("table_headline") < ids.index(items[0])


def test_contents_lead_to_their_headings(look):
    for name in PAGES:
        page = look(name)
        entries = page.locator(".contents a")
        assert entries.count() == page.locator("main h2, main h3").count() > 0, name
        for place in (0, entries.count() - 1):
            entries.nth(place).click()
            heading = page.locator(f"[id='{unquote(urlparse(page.url).fragment)}']")
            assert heading.evaluate("e => e.getBoundingClientRect().top") < 900, name


def test_code_is_folded_until_one_switch_shows_all_of_it(look):
    page = look("05_fine_tuning.html")
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
def test_no_page_is_wider_than_the_screen(look, width):
    for name in PAGES:
        page = look(name, width)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name


def test_keyboard_reaches_the_content_at_once(look):
    page = look("index.html")
    assert page.locator("html").get_attribute("lang") == "en"
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"


def test_print_leaves_contents_and_code_out(look):
    page = look("05_fine_tuning.html")
    page.emulate_media(media="print")
    for selector in ("nav.pages", ".contents", "details.code", "label[for=all-code]"):
        assert not page.locator(selector).first.is_visible(), selector
    assert page.locator("#table_08").is_visible()


def test_report_is_light():
    assert max((REPORT / name).stat().st_size for name in PAGES) < 3_000_000
    assert sum(path.stat().st_size for path in REPORT.rglob("*") if path.is_file()) < 8_000_000
