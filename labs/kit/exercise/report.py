"""What a learner reads: per criterion the call, what came back, what was expected, and why."""

import html
import re
from collections.abc import Sequence

from labs.kit.exercise.judge import Result
from labs.kit.exercise.shown import plain
from labs.kit.manifest import Exercise

PRINTED = 400  # characters of what an answer printed
OVERWRITTEN = re.compile(r"[^\n]*\r(?!\n)")  # a progress bar, before it was drawn again
BACKTICKS = re.compile(r"`([^`]+)`")
ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
CELL = "text-align: left; vertical-align: top;"
TABLE = "margin: 0.2em 0 0.8em 1.2em"
MARKS = {"right": "✓", "a person": "○"}  # all else is ✗


def points(results: Sequence[Result]) -> tuple[int, int]:
    """Points earned, and points that could be."""
    ours = [one for one in results if not one.criterion.by_hand]
    return sum(one.earned for one in ours), sum(one.criterion.points for one in ours)


def further(hidden: int, by_hand: int) -> str:
    """The sentence about what is judged later; empty if nothing is."""
    parts = []
    if hidden:
        runs = "check runs" if hidden == 1 else "checks run"
        parts.append(f"{hidden} further {runs} at grading")
    if by_hand:
        parts.append(f"a person reads {'one answer' if by_hand == 1 else f'{by_hand} answers'}")
    return f"{'; '.join(parts)}." if parts else ""


def text(exercise: Exercise, results: Sequence[Result], more: str) -> str:
    """The report as plain text."""
    lines = [f"{exercise.title}: {_score(results)}"]
    for one in results:
        lines.append(f"{_mark(one)} {one.criterion.title} ({_points(one)})")
        lines += [f"    {head:10}{_indented(said)}" for head, said in _said(one)]
    lines += [line for line in (more, _next(exercise, results, "labs hint {}")) if line]
    return "\n".join(lines)


def as_html(exercise: Exercise, results: Sequence[Result], more: str) -> str:
    """The report as HTML for a notebook; readable without colours."""
    rows = "".join(_row(one) for one in results)
    after = " ".join(line for line in (more, _next(exercise, results, 'hint("{}")')) if line)
    return (
        f"<p><b>{html.escape(exercise.title)}</b>: {_score(results)}</p>"
        f'<ul style="list-style: none; padding-left: 0.5em">{rows}</ul>'
        f"<p>{html.escape(after, quote=False)}</p>"
    )


def _row(one: Result) -> str:
    said = "".join(
        f'<tr><td style="{CELL} padding-right: 1em; white-space: nowrap">{head}</td>'
        f'<td style="{CELL} overflow-wrap: anywhere">{_marked_up(head, what)}</td></tr>'
        for head, what in _said(one)
    )
    table = f'<table style="{TABLE}"><tbody>{said}</tbody></table>' if said else ""
    title = html.escape(one.criterion.title, quote=False)
    return f"<li>{_mark(one)} {title} ({_points(one)}){table}</li>"


def _marked_up(head: str, what: str) -> str:
    """A text of the report as HTML: prose as it is, all else as code."""
    escaped = html.escape(what, quote=False)
    if head == "because":
        return BACKTICKS.sub(r"<code>\1</code>", escaped)
    return f'<code style="white-space: pre-wrap">{escaped}</code>'


def _indented(said: str) -> str:
    return said.replace("\n", "\n" + " " * 14)


def _said(one: Result) -> list[tuple[str, str]]:
    """The lines below a criterion: what went wrong if something did, and what was printed."""
    if one.outcome in ("right", "a person"):
        return []
    lines = [("called", one.called), ("came back" if one.called else "answer", one.came)]
    lines += [("expected", one.expected), ("because", one.why), ("printed", _printed(one.printed))]
    return [(head, said) for head, said in lines if said]


def _printed(text: str) -> str:
    """What an answer printed, as a terminal shows it in the end: its beginning and its end."""
    text = plain(ANSI.sub("", OVERWRITTEN.sub("", text)), between="\n")
    return text if len(text) <= PRINTED else f"{text[: PRINTED - 60]} ... {text[-50:]}"


def _mark(one: Result) -> str:
    return MARKS.get(one.outcome, "✗")


def _points(one: Result) -> str:
    if one.criterion.by_hand:
        return f"up to {one.criterion.points} points, given by a person"
    return f"{one.earned} of {one.criterion.points} points"


def _score(results: Sequence[Result]) -> str:
    earned, possible = points(results)
    return f"{earned} of {possible} points"


def _next(exercise: Exercise, results: Sequence[Result], command: str) -> str:
    earned, possible = points(results)
    if earned == possible:
        return "All of these checks pass."
    return f"For a hint: {command.format(exercise.slug)}"
