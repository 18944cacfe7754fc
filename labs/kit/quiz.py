"""The quiz at the end of a lesson: three questions, each answer with its explanation.

A quiz is one Markdown cell with the tag `quiz`. Each answer is an HTML `details` element:
its summary is the answer, its content says `Right.` or `No.`, and why. That works with a
keyboard and a screen reader, in JupyterLab, in the book and on paper, without a script.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from nbformat import NotebookNode

QUESTIONS = 3  # of a lesson
ANSWERS = (3, 4)  # of a question
EXPLAINED = 5  # words, at least: "No. Because" alone explains nothing
QUESTION = re.compile(r"(?m)^\*\*(\d+)\.\s+(.+?)\*\*\s*$")
ANSWER = re.compile(r"<details>\s*<summary>(.+?)</summary>\n\n(.+?)\n\n</details>", re.S)


@dataclass(frozen=True)
class Answer:
    """An answer to choose, whether it is right, and why."""

    text: str
    right: bool
    because: str


@dataclass(frozen=True)
class Question:
    """A question and its answers, in the order in which they are shown."""

    text: str
    answers: tuple[Answer, ...]


def questions(markdown: str) -> tuple[Question, ...]:
    """The questions in the text of a quiz cell."""
    _, *parts = QUESTION.split(markdown)
    return tuple(
        Question(text, _answers(body)) for text, body in zip(parts[1::3], parts[2::3], strict=True)
    )


def _answers(body: str) -> tuple[Answer, ...]:
    return tuple(
        Answer(text.strip(), because.startswith("Right."), because.strip())
        for text, because in ANSWER.findall(body)
    )


def problems(notebook: NotebookNode) -> Iterator[str]:
    """What keeps a reader from learning by the quiz."""
    quizzes = [cell for cell in notebook.cells if "quiz" in cell.metadata.get("tags", [])]
    if len(quizzes) != 1 or quizzes[0].cell_type != "markdown":
        yield f"{len(quizzes)} cells have the tag quiz; write one, in Markdown, of three questions"
        return
    asked = questions(quizzes[0].source)
    if len(asked) != QUESTIONS:
        yield f"cell {quizzes[0].id}: has {len(asked)} questions as '**1. ...?**', not {QUESTIONS}"
    if quizzes[0].source.count("<details>") != sum(len(one.answers) for one in asked):
        yield (
            f"cell {quizzes[0].id}: an answer is not '<details><summary>...</summary>', "
            "a blank line, its explanation, a blank line, '</details>'"
        )
    for number, one in enumerate(asked, 1):
        for problem in _of(one):
            yield f"cell {quizzes[0].id}: question {number} {problem}"
    places = {[answer.right for answer in one.answers].index(True) for one in asked if _fair(one)}
    if len(asked) == QUESTIONS and len(places) == 1:
        yield f"cell {quizzes[0].id}: the right answer is always the same one; move it"


def _fair(one: Question) -> bool:
    return sum(answer.right for answer in one.answers) == 1


def _of(one: Question) -> Iterator[str]:
    if len(one.answers) not in range(ANSWERS[0], ANSWERS[1] + 1):
        yield f"has {len(one.answers)} answers; write {ANSWERS[0]} or {ANSWERS[1]}"
    if not _fair(one):
        yield "needs exactly one answer that begins with 'Right.'"
    for answer in one.answers:
        if not answer.because.startswith(("Right.", "No.")):
            yield f"answer {answer.text!r}: the explanation begins neither with 'Right.' nor 'No.'"
        elif len(answer.because.split()) < EXPLAINED:
            yield f"answer {answer.text!r}: {answer.because!r} explains nothing"
        if "`" in answer.text:
            yield f"answer {answer.text!r}: a backtick in a summary stays one; write <code>"
