"""The first lesson as a learner meets it: in JupyterLab, in a real browser."""

import pytest
from browser import browser, watched  # noqa: F401  a fixture
from test_start import Started

from labs.kit import journey, manifest
from labs.kit.warm import policy

MINUTE = 60_000  # milliseconds; a loaded machine takes its time


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "labs"


@pytest.fixture
def kernels(tmp_path):
    """The file that counts JupyterLab's kernels."""
    return tmp_path / "kernels.log"


@pytest.fixture
def started(folder, kernels):
    started = Started(folder, **{policy.LOG: str(kernels)})
    yield started
    if started.process.poll() is None:
        started.stop()


def test_the_welcome_lesson_runs_to_its_end_and_counts_as_done(
    browser,  # noqa: F811
    started,
    folder,
    kernels,
):
    lessons = len(manifest.read().lessons)
    with watched(browser) as seen:
        page = seen.page
        page.goto(started.address().replace("localhost", "127.0.0.1"), timeout=MINUTE)
        quiz = page.locator(".jp-RenderedMarkdown details").first
        quiz.wait_for(timeout=MINUTE)
        assert page.locator("text=Fallback").count() == 0, "the presenter's notes are not here"

        explanation = quiz.locator("p").first
        assert not explanation.is_visible()
        quiz.locator("summary").focus()
        page.keyboard.press("Enter")
        explanation.wait_for(state="visible")
        assert explanation.inner_text().startswith(("No.", "Right."))

        page.locator("text=| Idle").first.wait_for(timeout=MINUTE)  # or the click is forgotten
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        page.locator(f"text=of {lessons} lessons done").first.wait_for(timeout=2 * MINUTE)
        page.keyboard.press("Control+s")
        for _ in range(100):  # until it is saved; a plain sleep would hold up the page's requests
            if journey.stages(folder)[0].done:
                break
            page.wait_for_timeout(300)
    assert seen.outside == []
    assert journey.stages(folder)[0].done, str(journey.stages(folder)[0])
    if not policy.platform_reason():
        assert policy.summary(kernels) == "1 warm, 0 cold"
