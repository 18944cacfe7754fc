"""A talk's demos on stage: JupyterLab beside the deck, in a real browser."""

import signal
import subprocess
import sys

import pytest
import tiny_talk
from axe_playwright_python.sync_playwright import Axe
from browser import browser, watched  # noqa: F401  a fixture
from tiny_talk import slide

from labs.kit.execute import read_notebook
from labs.kit.talk import copies, kernel, live, polls, talks

MINUTE = 60_000  # milliseconds; a loaded machine takes its time
BAR = {"include": [["#bar"]]}
START = "from labs.kit.talk import live; live.start('sums', 15, 9500, browser=False)"


@pytest.fixture
def course(tmp_path, monkeypatch):
    monkeypatch.setenv("LABS_MATERIAL", str(tmp_path / "material"))
    monkeypatch.setenv("LABS_BUILD", str(tmp_path / "build"))
    monkeypatch.setenv("LABS_WORKSPACE", str(tmp_path / "learner"))
    monkeypatch.setenv("LABS_KERNELS", "cold")
    tiny_talk.write_talk(
        tmp_path / "material",
        slide("adds", "print('live:', sum(numbers))", "stored: 3\n"),
        slide("breaks", "print('half'); raise ArithmeticError('too large')", "stored: 7\n"),
        slide("slides", tiny_talk.SLIDER),
        slide("once", "print('taken:', numbers.pop(), 'of', len(numbers) + 1)", "taken: 2 of 2\n"),
    )
    return tmp_path


@pytest.fixture
def stage(course):
    """The address of the stage."""
    process = subprocess.Popen(
        [sys.executable, "-c", START], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    lines = []
    for line in process.stdout:
        lines.append(line)
        if "/labs/talk/" in line:
            break
    else:
        pytest.fail("no address in:\n" + "".join(lines))
    yield line.strip().replace("localhost", "127.0.0.1")
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0


class Stage:
    """What a presenter does."""

    def __init__(self, page):
        self.page, self.lab = page, page.frame_locator("#live")

    def hears(self, said: str) -> None:
        self.page.locator("#said", has_text=said).wait_for(timeout=2 * MINUTE)

    def goes_to(self, demo: int) -> None:
        """From the deck's slide of the demo, by keyboard, to its cell."""
        place = f"stage.demos[{demo - 1}].slide - 1"
        self.page.get_by_role("button", name="Deck", exact=True).click()
        self.page.evaluate(f"deck.contentWindow.Reveal.slide({place})")
        self.page.keyboard.press("F8")
        self.hears(f"Demo {demo}:")
        self.page.wait_for_function("live.contentDocument.activeElement.closest('.jp-Notebook')")

    def sees(self, text: str):
        found = self.lab.locator(".jp-OutputArea", has_text=text).first
        found.wait_for(timeout=MINUTE)
        return found


def test_demos_run_beside_the_deck_fall_back_and_return_to_the_start(
    browser,  # noqa: F811
    stage,
    course,
):
    with watched(browser) as seen:
        seen.page.goto(stage, timeout=MINUTE)
        presenter = Stage(seen.page)
        presenter.hears("Press Prepare")
        assert presenter.lab.locator("#main.jp-mod-presentationMode").count() == 1
        assert presenter.lab.locator(".jp-OutputArea-output").count() == 0, "nothing is given away"
        seen.page.get_by_role("button", name="Prepare").click()
        presenter.hears("4 demos are ready")

        presenter.goes_to(1)
        seen.page.keyboard.press("Shift+Enter")
        presenter.sees("live: 3")
        presenter.goes_to(2)
        seen.page.keyboard.press("Shift+Enter")
        failed = presenter.sees("it failed with ArithmeticError: too large")
        presenter.sees("stored: 7")
        assert "Traceback" not in failed.inner_text()

        presenter.goes_to(3)
        seen.page.keyboard.press("Shift+Enter")
        presenter.sees("The sum is 4")
        handle = presenter.lab.get_by_role("slider").first
        handle.focus()
        handle.press("ArrowRight")
        presenter.sees("The sum is 5")

        presenter.goes_to(4)
        for name in ("Run step", "Run afresh"):
            seen.page.get_by_role("button", name=name).click()
            presenter.sees("taken: 2 of 2")
        presenter.hears("has run afresh")
        assert [one["id"] for one in Axe().run(seen.page, BAR).response["violations"]] == []

        live.reset("sums", 15)  # as a presenter does in a terminal; the stage notices
        presenter.hears("as they were before the talk")
        assert presenter.lab.locator(".jp-OutputArea-output").count() == 0
        presenter.goes_to(4)
        seen.page.keyboard.press("Shift+Enter")  # unprepared: it runs what it needs, unseen
        assert presenter.sees("taken: 2 of 2").inner_text().strip() == "taken: 2 of 2"
    assert seen.outside == []
    assert not (course / "learner").exists(), "a learner's workspace is nobody's stage"


def test_a_copy_holds_the_demos_alone_and_the_poll_and_the_quiz(course):
    talk = talks.read("sums", 15)
    copies.write(talk)
    path = copies.folder(talk) / copies.notebook(1, "add-numbers")
    cells = {cell.id: cell for cell in read_notebook(path).cells}
    code = [name for name, cell in cells.items() if cell.cell_type == "code"]
    assert code == ["prepare", "adds", "poll-1", "breaks", "slides", "once"]
    assert not any(cells[name].outputs for name in code)
    assert cells["poll-1"].source.endswith('ask("Who adds by hand?", "I do", "Nobody")')
    assert "<details>" in cells["quiz"].source


def test_a_poll_counts_in_the_notebook_and_is_on_paper(course):
    shown = polls.bars("Who adds by hand?", {"I do": 3, "Nobody": 1})
    assert "3 (75 %)" in shown and "width:25%" in shown
    assert "0 (0 %)" in polls.bars("Who?", {"I do": 0})
    paper = polls.on_paper(talks.read("sums", 15))
    assert paper.count("<section") == 2 and paper.count(polls.BOX) == 2 + 3
    assert "Right" not in paper


def test_a_demo_shows_no_traceback_and_what_a_presenter_tries_besides_does(
    course, monkeypatch, capsys
):
    from IPython.core.interactiveshell import InteractiveShell

    talk = talks.read("sums", 15)
    copies.write(talk)
    plan = copies.folder(talk) / ".labs" / "demos" / "add-numbers.json"
    monkeypatch.setenv(kernel.PLAN, str(plan))
    shell = InteractiveShell()
    kernel.load_ipython_extension(shell)
    shell.run_cell("print(sum(numbers) / 0)", cell_id="breaks")
    assert capsys.readouterr().out.count("it failed with ZeroDivisionError") == 1
    shell.run_cell("1 / 0", cell_id="of-my-own")
    tried = capsys.readouterr().out
    assert "Traceback" in tried and "This step" not in tried
