"""The built book in a real browser: from files and over HTTP, light and dark."""

import json

import pytest
from browser import browser, built_book, served, watched  # noqa: F401  fixtures

from labs.kit import book, manifest

COURSE = manifest.read()
LESSON = COURSE.lessons[0]
LESSON_PAGE = LESSON.path.with_suffix(".html").as_posix()
SPECIAL = ["search", "genindex"]


@pytest.fixture(params=["file", "http"])
def site(request, built_book):  # noqa: F811
    """The address of the book, in the two ways it is read without JupyterLab."""
    if request.param == "file":
        yield built_book.as_uri()
    else:
        with served(built_book) as address:
            yield address


@pytest.fixture
def page(browser):  # noqa: F811
    """A page that may ask no other host for anything, and raise no error."""
    with watched(browser) as visit:
        yield visit.page
        assert visit.outside == []
        assert visit.wrong == []


PHONE, LAPTOP = {"width": 390, "height": 844}, {"width": 1366, "height": 768}
WIDER = """
const right = (one) => one.getBoundingClientRect().right;
return [...document.querySelectorAll(".cell pre, .cell_output table")].filter(
  (one) => one.scrollWidth > one.clientWidth + 1 || right(one) > right(one.closest(".cell")) + 1
).map((one) => one.innerText.slice(0, 200));
"""
LESSONS = {book.page_of(lesson) for lesson in COURSE.lessons}


def fits(page, name):
    """A phone never scrolls sideways; a laptop cuts no code, output or table of a lesson off."""
    page.set_viewport_size(PHONE)
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= 390, f"{name} is {wide} pixels wide"
    page.set_viewport_size(LAPTOP)
    if name in LESSONS:
        assert page.evaluate(f"() => {{{WIDER}}}") == [], name


def test_next_leads_through_the_whole_book_and_every_page_is_whole_and_fits(page, site):
    page.goto(f"{site}/{book.FIRST}.html")
    pages = book.pages(COURSE)
    assert set(pages) >= LESSONS
    for name in pages:
        if name != book.FIRST:
            page.locator("a.right-next").click()
            page.wait_for_url(f"{site}/{name}.html")
        assert page.locator("h1").count() >= 1, name
        if site.startswith("file:"):  # it looks the same over HTTP
            fits(page, name)
    assert page.locator("a.right-next").count() == 0
    for name in SPECIAL:
        page.goto(f"{site}/{name}.html")
        assert page.locator("h1").count() >= 1, name


def test_the_front_door_leads_to_the_introduction(page, site):
    page.goto(f"{site}/index.html")
    page.wait_for_url(f"{site}/{book.FIRST}.html")


def test_search_finds_a_lesson(page, site):
    page.goto(f"{site}/{book.FIRST}.html")
    page.keyboard.press("Control+k")
    page.keyboard.type(LESSON.title.split()[-1])
    page.keyboard.press("Enter")
    page.wait_for_url("**/search.html?**")
    found = page.locator("#search-results a", has_text=LESSON.title).first
    found.click()
    page.wait_for_url(f"{site}/{LESSON_PAGE}**")


def test_formulas_are_typeset(page, site):
    page.goto(f"{site}/book/glossary.html")
    page.wait_for_selector("mjx-container")


def test_a_static_page_gives_the_command_that_opens_the_lesson(page, site):
    page.goto(f"{site}/{LESSON_PAGE}")
    header = page.locator(".labs-lesson")
    assert f"{LESSON.minutes} minutes" in header.inner_text()
    assert f"labs open {LESSON.slug}" in header.inner_text()
    assert not header.locator(".labs-open").is_visible()
    header.get_by_role("button", name="Copy").click()
    header.locator("[role=status]", has_text="op").wait_for()  # Copied, or how to copy


def test_the_notebook_can_be_downloaded(page, built_book, tmp_path):  # noqa: F811
    with served(built_book) as address:
        page.goto(f"{address}/{LESSON_PAGE}")
        with page.expect_download() as begun:
            page.get_by_text("Download notebook").click()
        assert begun.value.suggested_filename == f"{LESSON.slug}.ipynb"
        begun.value.save_as(tmp_path / "lesson.ipynb")
    assert json.loads((tmp_path / "lesson.ipynb").read_text(encoding="utf-8"))["cells"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_follow_the_system_until_the_reader_chooses(browser, built_book, scheme):  # noqa: F811
    with watched(browser, color_scheme=scheme) as visit:
        visit.page.goto((built_book / LESSON_PAGE).as_uri())
        assert visit.page.locator("html").get_attribute("data-theme") == scheme
        other = {"light": "dark", "dark": "light"}[scheme]
        for _ in range(3):  # the switch goes through light, dark and the system's
            if visit.page.locator("html").get_attribute("data-theme") == scheme:
                visit.page.locator(".theme-switch-button:visible").first.click()
        visit.page.reload()
        assert visit.page.locator("html").get_attribute("data-theme") == other
        assert visit.wrong == []
