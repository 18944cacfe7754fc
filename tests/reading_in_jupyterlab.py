"""`labs read` in a real JupyterLab, by keyboard.

It takes 40 seconds of computing, so it is no part of the suite. After a change to the
panel, its keys or JupyterLab: pytest tests/reading_in_jupyterlab.py
"""

import os
import signal
import subprocess
import sys

import pytest
from axe_playwright_python.sync_playwright import Axe
from browser import browser, watched  # noqa: F401  a fixture
from graded_class import graded, mark, verdict
from test_reading import classroom, given  # noqa: F401  a fixture

MINUTE = 60_000  # milliseconds; a loaded machine takes its time
LETTER = "explains_the_refusal"


@pytest.fixture
def address(classroom):  # noqa: F811
    """Of the notebook, in a JupyterLab that `labs read` has started."""
    evil = "<img src=x onerror='window.hacked = 1'> Dear team"
    graded(classroom, "mary", verdict(mark(LETTER, None, 4, by_hand=True), texts={LETTER: evil}))
    code = (
        "import pathlib, sys; from labs.kit.grading import classroom, reading; "
        "reading.open_queue(classroom.open_class(pathlib.Path(sys.argv[1])), browser=False)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(classroom.folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "LOGNAME": "kim"},
    )
    lines = []
    for line in process.stdout:
        lines.append(line)
        if "/lab/tree/" in line:
            break
    else:
        pytest.fail("no address in:\n" + "".join(lines))
    yield line.strip().replace("localhost", "127.0.0.1")
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0


def test_texts_are_read_by_keyboard(browser, classroom, address):  # noqa: F811
    with watched(browser) as seen:
        page = seen.page
        page.goto(address, timeout=MINUTE)
        page.locator('.jp-Notebook-ExecutionIndicator[data-status="idle"]').wait_for(timeout=MINUTE)
        page.locator(".jp-CodeCell .cm-content").click()
        text, status = page.locator(".labs-read-text"), page.locator(".labs-read-status")
        for _ in range(20):  # until the kernel takes it; what was sent too early is dropped
            page.keyboard.press("Shift+Enter")
            page.locator(".jp-CodeCell .cm-content").first.focus()
            page.wait_for_timeout(500)
            if page.locator(".jp-InputPrompt", has_text="1").count():
                break
        page.locator(".labs-read-words").wait_for(timeout=MINUTE)
        page.locator(".labs-read[data-lm-suppress-shortcuts]").wait_for(timeout=MINUTE)
        text.focus()
        cells = page.locator(".jp-Cell").count()
        for number in (3, 2, 1, 0):
            page.keyboard.press(str(number))
            status.get_by_text(f"Saved: {number} of 4 points. {number} text").wait_for()
            page.keyboard.press("c")
            page.keyboard.type(f"{number} of 4, next")
            page.keyboard.press("Escape")
            before = text.inner_text()
            page.keyboard.press("n")
            page.wait_for_function(
                "before => document.querySelector('.labs-read-text').innerText != before",
                arg=before,
            )
        assert "All texts are read" in text.inner_text()
        assert page.locator(".jp-Cell").count() == cells, "no key went to JupyterLab"
        assert page.evaluate("window.hacked") is None
        violations = Axe().run(page, {"include": [[".labs-read"]]}).response["violations"]
        assert [one["id"] for one in violations] == []
        assert seen.outside == []
    points = sorted(one[-1] for one in given(classroom).values())
    assert points == [("kim", number, f"{number} of 4, next") for number in range(4)]
    assert (classroom.folder / "reading" / ".gitignore").read_text() == "*\n"
