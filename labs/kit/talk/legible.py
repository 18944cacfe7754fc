"""What of a deck cannot be read from the last row: in its cells, and drawn by a browser."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labs.kit import cuts
from labs.kit.talk import assets, chromium, deck, talks
from labs.kit.talk.slides import Slide

SIZES = ((1280, 720), (1920, 1080))  # of the two projectors that rooms have
PRINTED = 18  # lines that code printed, on a slide


@dataclass(frozen=True)
class Problem:
    """What is wrong with one slide of a deck, counted from 1, and how to mend it."""

    slide: int
    cell: str
    what: str
    remedy: str

    def __str__(self) -> str:
        where = f"slide {self.slide}" + f", cell {self.cell}" * bool(self.cell)
        return f"{where}: {self.what}; {self.remedy}."


def problems(talk: talks.Talk) -> list[Problem]:
    """What can be seen without drawing: too many lines of code, printed lines or words."""
    return [
        Problem(place, f"{slide.cell.id} of {slide.lesson}", what, remedy)
        for place, slide in enumerate(talks.slides(talk), 1)
        if slide.cell
        for what, remedy in _of(slide)
    ]


def _of(slide: Slide) -> Iterator[tuple[str, str]]:
    cell = slide.cell
    if slide.code and cell.cell_type == "code":
        lines = len(deck.shown_code(cell.source).splitlines())
        if lines > cuts.LINES:
            yield f"{lines} lines of code", f"show {cuts.LINES} at most, or the output alone"
    for output in cell.get("outputs", []):
        lines = len(output.get("text", "").splitlines())
        if lines > PRINTED:
            yield f"{lines} printed lines", f"print {PRINTED} at most"
    words = len(re.findall(r"\w+", deck.shown(cell.source, cuts.paragraphs(cell))))
    if cell.cell_type == "markdown" and words > cuts.WORDS:
        yield f"{words} words", f"show {cuts.WORDS} at most, or fewer paragraphs"


def look(path: Path, browser: Any = None, themes: tuple[str, ...] = ("light",)) -> list[Problem]:
    """What a browser sees wrong with the deck at `path`, at both sizes, each thing once.

    `browser` is a Playwright browser; without one, the browser of this machine is run.
    """
    found: dict[tuple, Problem] = {}
    with _page(browser) as page:
        for theme in themes:
            page.goto(f"{path.resolve().as_uri()}?theme={theme}")
            for width, height in SIZES:
                page.resize(width, height)
                for one in page.evaluate(assets.own("look.js")):
                    place = one["name"] if one["cell"] else ""
                    problem = Problem(one["slide"], place, one["what"], one["remedy"])
                    found.setdefault((problem.slide, problem.what.split(" is ")[0]), problem)
    return list(found.values())


@contextmanager
def _page(browser: Any) -> Iterator[Any]:
    """A page to look with."""
    if browser is None:
        with chromium.opened() as page:
            yield page
        return
    page = browser.new_page()
    page.resize = lambda width, height: page.set_viewport_size({"width": width, "height": height})
    try:
        yield page
    finally:
        page.close()
