"""The slides of a talk, in order, each with its minutes and what to say to it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from nbformat import NotebookNode

from labs.kit import cuts, quiz
from labs.kit.errors import UserError
from labs.kit.talk import source
from labs.kit.talk.talks import Part, Poll, Talk

ASKED = 1.0  # minutes that a question to the room takes
QUIZ = 3.0  # minutes for the closing quiz, if the cut leaves them
LEAST = 0.5  # minutes for one question of it; with less it is on the handout alone
STEP = 0.25  # minutes; nobody keeps finer time
TITLE = "While people sit down. Press S for this view, F for the whole screen, D for dark, O for \
all slides."
HANDS = "Ask for a show of hands, and keep the counts on a sheet. Then say: let us look."


@dataclass(frozen=True)
class Slide:
    """One slide: `kind` is title, opening, content, poll, quiz or closing.

    Only content has a lesson and a cell. `demo` says that its code is run before the room.
    """

    name: str  # of its own in the deck, as roll-back-a-bad-release/figure
    kind: str
    minutes: float
    notes: str
    heading: str = ""
    lesson: str | None = None
    cell: NotebookNode | None = None
    demo: bool = False
    code: bool = False  # whether its code is shown, and not its outputs alone
    poll: Poll | None = None
    question: quiz.Question | None = None


def of(talk: Talk) -> list[Slide]:
    """The slides of a talk; raises UserError if they do not add up to its cut."""
    shown = list(_shown(talk))
    total = sum(slide.minutes for slide in shown)
    least, most = round(cuts.TALK[0] * talk.minutes), round(cuts.TALK[1] * talk.minutes)
    asked = quiz_of(talk)
    each = _each(min(QUIZ, most - total), len(asked))
    total += each * len(asked)
    if not least <= total <= most:
        raise UserError(
            f"{talk.source}: the {talk.minutes}-minute cut has {total:g} minutes of slides; give "
            f"it {least} to {most}: add or take away cells, or write another cut for a lesson."
        )
    return [*shown, *_asked(asked, each), _closing(talk)]


def quiz_of(talk: Talk) -> tuple[quiz.Question, ...]:
    """The closing quiz: that of the lesson which the talk names, or of its last one."""
    for cell in source.lesson_notebook(talk.quiz or talk.lessons[-1]).cells:
        if "quiz" in cell.metadata.get("tags", []):
            return quiz.questions(cell.source)
    return ()


def _shown(talk: Talk) -> Iterator[Slide]:
    yield Slide("title", "title", 0.0, TITLE, talk.title)
    if talk.opening:
        said = "Ask, and wait. Take three answers and judge none."
        yield Slide("opening", "opening", ASKED, said, "A question first")
    polls = {poll: f"poll-{place}" for place, poll in enumerate(talk.polls, 1)}
    for part in talk.parts:
        for slide in _of_part(part):
            yield slide
            for poll, name in polls.items():
                if poll.after == slide.name:
                    yield Slide(name, "poll", ASKED, HANDS, "What do you think?", poll=poll)


def _of_part(part: Part) -> Iterator[Slide]:
    notebook = source.lesson_notebook(part.lesson)
    cells = {cell.id: cell for cell in notebook.cells if cuts.minutes(cell)}
    chosen = part.cells
    if chosen is None:
        chosen = tuple(cell.id for cell in cuts.slides(notebook, part.pace))
    for name in chosen:
        cell = cells[name]
        yield Slide(
            f"{part.lesson}/{name}",
            "content",
            part.each or _minutes(cell, part.pace),
            cuts.notes(notebook, cell),
            heading(notebook, cell),
            part.lesson,
            cell,
            is_demo(cell),
            part.code and "output-only" not in cell.metadata.get("tags", []),
        )


def _minutes(cell: NotebookNode, pace: int) -> float:
    """How long the cell takes in that cut; if it is in longer ones alone, in the shortest."""
    taken = cuts.minutes(cell)
    return float(taken.get(pace, taken[min(taken)]))


def is_demo(cell: NotebookNode) -> bool:
    """Whether the cell is run before the room: it is marked `demo`, or its code is shown."""
    tags = cell.metadata.get("tags", [])
    return cell.cell_type == "code" and ("demo" in tags or "output-only" not in tags)


def heading(notebook: NotebookNode, cell: NotebookNode) -> str:
    """The heading under which the cell stands, its own included."""
    before = notebook.cells[: notebook.cells.index(cell) + 1]
    found = [
        line
        for one in before
        if one.cell_type == "markdown" and not cuts.is_notes(one)
        for line in re.findall(r"(?m)^#{1,6} +(.+?) *$", re.sub(r"(?s)```.*?```", "", one.source))
    ]
    return found[-1] if found else ""


def _each(left: float, count: int) -> float:
    each = left / count // STEP * STEP if count else 0.0
    return each if each >= LEAST else 0.0


def _asked(questions: tuple[quiz.Question, ...], each: float) -> Iterator[Slide]:
    for place, question in enumerate(questions, 1):
        right = next(answer for answer in question.answers if answer.right)
        said = f"{HANDS}\n\nThe answer: {right.text} {right.because.removeprefix('Right. ')}"
        if not each:
            said += "\n\nThere is no time left for it in this cut: it is on the handout."
        yield Slide(f"quiz-{place}", "quiz", each, said, "Check yourself", question=question)


def _closing(talk: Talk) -> Slide:
    said = "Say what to do first, and by when. What is left of the time is for questions."
    return Slide("closing", "closing", 0.0, said, "What to do now")
