"""Polls in the three places where a room answers: by hands, on paper, in the notebook.

By hands is a slide of the deck. On paper is a part of the handout. In the notebook of the
live demos the presenter types the counts, and bars show them.
"""

from collections.abc import Iterable
from html import escape

from labs.kit import quiz
from labs.kit.display import explore
from labs.kit.talk import slides, talks

MOST = 9999  # people
BOX = "&#9744;"


def ask(question: str, *choices: str) -> None:
    """Show a field for the count of each choice, and the counts as bars."""
    import ipywidgets

    wide = {"style": {"description_width": "initial"}}
    fields = {
        f"choice_{place}": ipywidgets.BoundedIntText(0, 0, MOST, description=choice, **wide)
        for place, choice in enumerate(choices)
    }
    explore(
        lambda **counts: bars(question, dict(zip(choices, counts.values(), strict=True))), **fields
    )


def bars(question: str, counts: dict[str, int]) -> str:
    """The counts as HTML: a row for each choice, with a bar, its count and its share."""
    total = sum(counts.values())
    rows = [_bar(choice, count, total) for choice, count in counts.items()]
    heading = f'<caption style="text-align:left"><strong>{escape(question)}</strong></caption>'
    return f'<table style="font-size:1.3em; width:100%">{heading}{"".join(rows)}</table>'


def _bar(choice: str, count: int, total: int) -> str:
    share = round(100 * count / total) if total else 0
    bar = f"display:inline-block; height:1em; width:{share}%; background:#0072B2"
    return (
        f'<tr><th scope="row" style="text-align:left">{escape(choice)}</th>'
        f'<td style="width:60%; text-align:left"><span style="{bar}"></span></td>'
        f"<td>{count} ({share} %)</td></tr>"
    )


def on_paper(talk: talks.Talk) -> str:
    """The polls and the closing quiz as HTML with boxes to tick, and no answer."""
    questions = [(escape(poll.question), map(escape, poll.choices)) for poll in talk.polls]
    questions += [(one.text, texts(one)) for one in slides.quiz_of(talk)]
    return "".join(
        f'<section class="poll"><p><strong>{place}. {text}</strong></p><ul>{_boxes(choices)}</ul>'
        "</section>"
        for place, (text, choices) in enumerate(questions, 1)
    )


def texts(question: quiz.Question) -> tuple[str, ...]:
    """The answers of a quiz's question, as they are to be chosen from."""
    return tuple(answer.text for answer in question.answers)


def _boxes(choices: Iterable[str]) -> str:
    return "".join(f"<li>{BOX} {choice}</li>" for choice in choices)
