"""The pages that grading writes, in a real browser: accessible, narrow, and without requests."""

import json

import pytest
from axe_playwright_python.sync_playwright import Axe
from browser import browser, watched  # noqa: F401  a fixture
from graded_class import RECORD, SLUG, graded, mark, new_class, verdict, waiting

from labs.kit import manifest
from labs.kit.exercise.desk import fresh_stub
from labs.kit.exercise.stub import answers
from labs.kit.grading import cohort, collect, feedback, reading, similar

NARROW = 360  # pixels
COLOURS = {"runOnly": {"type": "rule", "values": ["color-contrast"]}}


@pytest.fixture(scope="module")
def classroom(tmp_path_factory):
    """One learner to whom everything happened, and another who is done."""
    made = new_class(tmp_path_factory.mktemp("pages") / "class")
    broken = {"earned": None, "outcome": "broken", "title": "The champion deserves it"}
    hidden = {"public": False, "objective": RECORD, "why": "a lean of 0.2 must be refused"}
    marks = mark(), mark("part", 1, 3), mark("no", 0, called="f(1)", came="2", why="`f` is 3")
    marks += mark("hidden", 0, **hidden), mark("broken", **broken), waiting()
    found = verdict(
        *marks,
        outcome="needs a person",
        errors=("cell answer-gate raised NameError: name 'held' is not defined",),
        printed="800 cars are held back\n" * 30,
        texts={"explains_the_refusal": "Dear colleagues in Lund, " * 30},
    )
    graded(made, "ada", found)
    graded(made, "grace", verdict(mark()))
    for learner, answer in (("ada", "total = 1\n" * 30), ("grace", "kr = 1\n" * 31)):
        notebook = fresh_stub(manifest.read().exercise("cost-per-row"))
        answers(notebook)[0].source = answer
        (made.inbox / learner).mkdir()
        (made.inbox / learner / "cost-per-row.ipynb").write_text(json.dumps(notebook))
    collect.collect(made)
    return made


def page_of(classroom, name):
    """The path of a page, freshly written."""
    if name != "feedback":
        {"cohort": cohort, "similar": similar}[name].show(classroom)
        return classroom.exports / f"{name}.html"
    feedback.write_all(classroom)
    return classroom.feedback / "ada" / f"{SLUG}.html"


@pytest.mark.parametrize("name", ["feedback", "cohort", "similar"])
def test_pages_are_accessible_and_ask_nobody(browser, classroom, name):  # noqa: F811
    address = page_of(classroom, name).as_uri()
    with watched(browser, viewport={"width": NARROW, "height": 740}) as visit:
        visit.page.goto(address)
        for summary in visit.page.locator("summary").all():
            summary.click()
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= NARROW
        found = Axe().run(visit.page).response["violations"]
        visit.page.emulate_media(color_scheme="dark")
        found += Axe().run(visit.page, options=COLOURS).response["violations"]
        assert [(one["id"], one["nodes"][0]["html"][:200]) for one in found] == []
        assert visit.outside == [] and visit.wrong == []


PANEL = """
<div class="labs-read"><div class="labs-read-text">Dear team</div>
<button class="labs-read-points-0">0</button><button class="labs-read-points-3">3</button>
<textarea></textarea><button class="labs-read-back">Back</button>
<button class="labs-read-skip">Skip</button><button class="labs-read-next">Next</button>
<div class="labs-read-status"></div></div><p tabindex="0">elsewhere</p>
<script>window.told = ""; document.addEventListener("keydown", (e) => told += e.key, true);
document.querySelectorAll("button").forEach((b) => (b.onclick = () => told += `[${b.innerText}]`));
</script>
"""


def test_keys_press_the_buttons_and_go_nowhere_else(browser):  # noqa: F811
    """JupyterLab would make a heading of the cell, or delete it."""
    with watched(browser) as seen:
        page = seen.page
        page.set_content(PANEL)
        page.evaluate(reading.SCRIPT.read_text(encoding="utf-8"))
        assert page.evaluate("document.activeElement.className") == "labs-read-text"
        page.keyboard.type("3n0sb7")
        assert page.evaluate("told") == "[3][Next][0][Skip][Back]"
        page.keyboard.type("c3n")
        assert page.locator("textarea").input_value() == "3n"
        page.keyboard.press("Escape")
        page.keyboard.type("0")
        page.locator("p").focus()
        page.keyboard.type("0")
        assert page.evaluate("told") == "[3][Next][0][Skip][Back]3n[0]0"
        assert page.get_by_role("status").count() == 1
        assert page.get_by_role("region", name="The text to read").count() == 1
        assert seen.wrong == []
