"""What a talk shows live: the code that is run in front of people, and what must run before it."""

from dataclasses import dataclass

from nbformat import NotebookNode

from labs.kit.talk import talks
from labs.kit.talk.slides import Slide
from labs.kit.talk.source import lesson_notebook


@dataclass(frozen=True)
class Demo:
    """One code cell that is run live, and the `place` of its slide in the deck, from 1.

    `steps` are the lesson's code cells between the demo before it and itself: they are
    run, and not shown. Those of a lesson's `first` demo are run before the talk begins.
    """

    number: int
    place: int
    slide: Slide
    steps: tuple[NotebookNode, ...]
    first: bool

    @property
    def lesson(self) -> str:
        """The slug of its lesson."""
        return self.slide.lesson

    @property
    def cell(self) -> NotebookNode:
        """The cell that is run, with its stored outputs."""
        return self.slide.cell


def of(talk: talks.Talk) -> list[Demo]:
    """The demos of a talk, in the order of its slides."""
    found: list[Demo] = []
    done: dict[str, int] = {}  # of each lesson: how many of its code cells have run
    for place, slide in enumerate(talks.slides(talk), 1):
        if is_live(slide):
            code = code_of(slide.lesson)
            own = [cell.id for cell in code].index(slide.cell.id)
            begun = done.get(slide.lesson, 0)
            steps = tuple(code[begun:own])
            found.append(Demo(len(found) + 1, place, slide, steps, slide.lesson not in done))
            done[slide.lesson] = max(begun, own + 1)
    return found


def code_of(lesson: str) -> list[NotebookNode]:
    """The code cells of a lesson, in order."""
    return [cell for cell in lesson_notebook(lesson).cells if cell.cell_type == "code"]


def is_live(slide: Slide) -> bool:
    """Whether a slide is run live: the talk says so, or it has a slider, which is to be moved."""
    code = slide.cell is not None and slide.cell.cell_type == "code"
    return code and (slide.demo or "explore(" in slide.cell.source)
