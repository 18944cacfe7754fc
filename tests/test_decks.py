"""Decks as a room sees them: drawn by a browser, asking nobody, readable, and nothing lost."""

import re
from html.parser import HTMLParser

import pytest
from axe_playwright_python.sync_playwright import Axe
from browser import browser, built_book, watched  # noqa: F401  fixtures

from labs.kit import book, cuts, manifest
from labs.kit.errors import UserError
from labs.kit.pictures import drawn
from labs.kit.talk import chromium, deck, legible, pdf, talks
from labs.kit.talk.source import lesson_notebook

COURSE = manifest.read()
EVERY = [(name, cut) for name in talks.all() for cut in cuts.CUTS]
LONGEST = [(name, max(cuts.CUTS)) for name in talks.all()]
MOST_CODE = ("one-way-to-deploy", 45)
CONTRAST = {"runOnly": {"type": "rule", "values": ["color-contrast"]}}
READY = "() => window.deckIsReady"


@pytest.fixture(scope="module")
def decks(tmp_path_factory):
    """The deck of every talk in every cut."""
    folder = tmp_path_factory.mktemp("decks")
    return {one: deck.write(talks.read(*one), folder) for one in EVERY}


def text(path):
    return path.read_text(encoding="utf-8")


@pytest.mark.parametrize("talk", EVERY, ids=lambda one: f"{one[0]}-{one[1]}")
def test_a_deck_asks_nobody_and_can_be_read_at_both_sizes(browser, decks, talk):  # noqa: F811
    with watched(browser) as visit:
        visit.page.close = lambda: None  # `look` closes what it opened
        opened = type("Opened", (), {"new_page": lambda self: visit.page})()
        themes = ("light", "dark") if talk == MOST_CODE else ("light",)
        assert [str(problem) for problem in legible.look(decks[talk], opened, themes)] == []
        assert visit.outside == []
        assert visit.wrong == []
        shown = visit.page.evaluate("() => Reveal.getTotalSlides()")
    assert shown == len(talks.slides(talks.read(*talk)))


@pytest.mark.parametrize("talk", LONGEST, ids=lambda one: one[0])
def test_no_serious_accessibility_violation(browser, decks, talk):  # noqa: F811
    """On all slides at once, as they are printed; the contrast of code is looked at above."""
    with watched(browser, viewport={"width": 1280, "height": 720}) as visit:
        dark = [("dark", CONTRAST)] if talk == LONGEST[0] else []
        for theme, rules in [("light", {}), *dark]:
            visit.page.goto(f"{decks[talk].as_uri()}?print-pdf&theme={theme}")
            visit.page.evaluate(READY)
            violations = (
                Axe().run(visit.page, {"exclude": [[".highlight"]]}, rules).response["violations"]
            )
            serious = [v for v in violations if v["impact"] in ("serious", "critical")]
            assert [f"{v['id']}: {v['nodes'][0]['html'][:200]}" for v in serious] == []


def test_the_speaker_sees_notes_and_clock(browser, decks):  # noqa: F811
    talk = ("when-a-model-goes-bad", 15)
    with watched(browser) as visit:
        visit.page.goto(f"{decks[talk].as_uri()}#/2")
        visit.page.evaluate(READY)
        with visit.page.expect_popup() as opened:
            visit.page.keyboard.press("s")
        speaker = opened.value
        notes = speaker.locator(".speaker-controls-notes .value")
        notes.get_by_text("Two mistakes, both ordinary").wait_for()
        assert speaker.locator(".clock-value").inner_text()
        assert speaker.locator(".pacing").is_visible()
        assert visit.outside == []


def test_each_slide_carries_its_seconds(decks):
    talk = talks.read("one-way-to-deploy", 30)
    seconds = re.findall(r'data-timing="(\d+)"', text(decks["one-way-to-deploy", 30]))
    assert [int(one) for one in seconds] == [60 * slide.minutes for slide in talks.slides(talk)]


def test_a_quiz_is_answered_when_the_room_has_chosen(browser, decks):  # noqa: F811
    with watched(browser) as visit:
        visit.page.goto(f"{decks['one-way-to-deploy', 30].as_uri()}#/quiz-1")
        visit.page.evaluate(READY)
        slide = visit.page.locator("#quiz-1")
        assert not slide.locator(".because").is_visible()
        assert "answered" not in slide.get_attribute("class")
        visit.page.keyboard.press("Space")
        slide.locator(".because").wait_for(state="visible")
        assert "answered" in slide.get_attribute("class")
        assert slide.locator(".right").count() == 1


def test_demos_are_linked_where_jupyterlab_runs_beside(browser, decks):  # noqa: F811
    path = decks["one-way-to-deploy", 30]
    with watched(browser) as visit:
        visit.page.goto(f"{path.as_uri()}?live=http://127.0.0.1:1/%7Blesson%7D.ipynb%23%7Bcell%7D")
        visit.page.evaluate(READY)
        links = visit.page.locator("a.demo:not([hidden])")
        demos = [s for s in talks.slides(talks.read("one-way-to-deploy", 30)) if s.demo]
        assert links.count() == len(demos)
        first = links.first.get_attribute("href")
        assert first == "http://127.0.0.1:1/deploy-with-one-function.ipynb#deploy"
        visit.page.goto("about:blank")
        visit.page.goto(path.as_uri())
        visit.page.evaluate(READY)
        assert links.count() == 0


def test_light_and_dark_follow_the_system_and_change_with_a_key(browser, decks):  # noqa: F811
    theme = "() => document.documentElement.dataset.theme"
    with watched(browser, color_scheme="dark") as visit:
        visit.page.goto(decks["when-a-model-goes-bad", 15].as_uri())
        visit.page.evaluate(READY)
        assert visit.page.evaluate(theme) == "dark"
        visit.page.keyboard.press("d")
        assert visit.page.evaluate(theme) == "light"


FLAWS = {
    "too-wide": '<table style="white-space: nowrap"><tr><td>' + "wide " * 90 + "</td></tr></table>",
    "too-high": "<pre>" + "line\n" * 40 + "</pre>",
    "too-small": '<p style="font-size: 12px">small print</p>',
    "too-pale": '<p style="color: #bbbbbb">pale</p>',
    "no-picture": '<img alt="gone" src="data:image/png;base64,AAAA">',
    "no-alternative": '<img src="data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA=">',
}
SEEN = {
    "too-wide": "wider than the slide",
    "too-high": "higher than the slide",
    "too-small": "text is 12 px of 720 high",
    "too-pale": "contrast is 1.9",
    "no-picture": "a picture is missing",
    "no-alternative": "no alternative text",
}


@pytest.fixture(scope="module")
def flawed_deck(decks, tmp_path_factory):
    """A deck with a slide more for each thing that a room could not read."""
    page = text(decks["when-a-model-goes-bad", 15])
    slides = "".join(
        f'<section data-slide="lesson/{name}" data-cell="{name}"><header><h2>Flawed</h2></header>'
        f'<div class="body"><div class="output">{flaw}</div></div></section>'
        for name, flaw in FLAWS.items()
    )
    path = tmp_path_factory.mktemp("flawed") / "flawed.html"
    path.write_text(page.replace('<section id="title"', f'{slides}<section id="title"', 1))
    return path


def test_what_cannot_be_read_is_named_with_its_cell(flawed_deck):
    """As `labs preflight` looks: with the browser of the machine, told over its protocol."""
    found = legible.look(flawed_deck)
    for name, what in SEEN.items():
        said = [str(problem) for problem in found if problem.cell == f"lesson/{name}"]
        assert any(what in one for one in said), (name, said)
    assert {problem.slide for problem in found} == set(range(1, len(FLAWS) + 1))


def test_a_missing_browser_is_a_message(monkeypatch):
    monkeypatch.setenv(chromium.NAMED, "no-such-browser")
    with pytest.raises(UserError, match="no-such-browser is not there"):
        chromium.find()


PAGE = re.compile(rb"/Type /Page\b(?!s)")


def test_the_deck_prints_a_page_a_slide_and_the_handout_is_one(decks, tmp_path):
    talk = ("from-twenty-patterns-to-one", 45)
    printed = pdf.of_deck(decks[talk])
    assert len(PAGE.findall(printed.read_bytes())) == len(talks.slides(talks.read(*talk)))
    handout = pdf.of_handout(talks.read(*talk), tmp_path)
    assert len(PAGE.findall(handout.read_bytes())) == 1
    page = text(handout.with_suffix(".html"))
    assert "labs open" in page and "Answers:" in page
    for poll in talks.read(*talk).polls:
        assert poll.question in page


class Seen(HTMLParser):
    """The alternative texts of pictures, the tables and the formulas of a page."""

    def __init__(self, html):
        super().__init__()
        self.pictures, self.tables = [], 0
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        if tag == "img" and "data:image" in (dict(attributes).get("src") or ""):
            self.pictures.append(dict(attributes)["alt"])
        self.tables += tag == "table"


def outputs(cells):
    return "".join(
        str(output.get("data", {}).get("text/html", ""))
        for cell in cells
        for output in cell.get("outputs", [])
    )


@pytest.mark.parametrize("lesson", COURSE.lessons, ids=lambda lesson: lesson.slug)
def test_no_widget_formula_or_figure_is_lost(built_book, lesson):  # noqa: F811
    notebook = lesson_notebook(lesson.slug)
    slides = cuts.slides(notebook, 45)
    assert sum(len(drawn(cell)) for cell in notebook.cells) > 0
    stored, page = Seen(outputs(slides)), deck.page(talks.read(lesson.slug, 45))
    shown = Seen(page)
    assert shown.pictures == stored.pictures
    assert shown.tables == stored.tables + sum("|---" in cell.source for cell in slides)
    site = text(built_book / f"{book.page_of(lesson)}.html")
    assert Seen(site).pictures == Seen(outputs(notebook.cells)).pictures
    widgets = sum("An interactive view" in str(cell.get("outputs", "")) for cell in slides)
    assert page.count('class="hint"') == widgets
    formulas = sum(len(deck.formulas(cell)) for cell in slides)
    assert ("window.MathJax = {tex" in page) == bool(formulas)
    assert site.count('class="math') >= sum(len(deck.formulas(cell)) for cell in notebook.cells)


def test_a_formula_is_typeset(browser, tmp_path, monkeypatch):  # noqa: F811
    """No slide has one yet; the first that gets one must not show dollar signs."""
    (cell,) = [c for c in lesson_notebook("welcome").cells if c.id == "break"]
    monkeypatch.setitem(cell, "source", "## Sums\n\nThe mean is $\\bar x = \\sum_i x_i / n$.")
    path = deck.write(talks.read("welcome", 15), tmp_path)
    with watched(browser) as visit:
        visit.page.goto(f"{path.as_uri()}#/welcome-break")
        visit.page.evaluate(READY)
        assert visit.page.locator("#welcome-break mjx-container svg").is_visible()
        assert "$" not in visit.page.locator("#welcome-break .body").inner_text()
        assert visit.outside == [] and visit.wrong == []


def test_a_slide_leaves_out_what_is_for_a_reader_alone():
    opening = "# Title\n\n**What you'll do**: this.\n\n**What you'll need**: that.\n\n**Time**: 9"
    assert deck.shown(opening) == "**What you'll do**: this."
    assert deck.shown("See [the lesson](../a.ipynb) and [a page](https://x.org).\n\nMore.", 1) == (
        "See the lesson and [a page](https://x.org)."
    )
    assert deck.shown_code("x = 1\nassert (\n    x\n)\nprint(x)") == "x = 1\nprint(x)"
