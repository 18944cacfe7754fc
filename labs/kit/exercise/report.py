"""What a learner reads: per criterion the call, what came back, what was expected, and why."""

import html
from collections.abc import Sequence

from labs.kit.exercise.judge import Result
from labs.kit.manifest import Exercise

MARKS = {"right": "✓", "a person": "○"}  # all else is ✗


def points(results: Sequence[Result]) -> tuple[int, int]:
    """Points earned, and points that could be."""
    ours = [one for one in results if not one.criterion.by_hand]
    return sum(one.earned for one in ours), sum(one.criterion.points for one in ours)


def further(hidden: int, by_hand: int) -> str:
    """The sentence about what is judged later; empty if nothing is."""
    parts = []
    if hidden:
        parts.append(f"{hidden} further check{'s' if hidden > 1 else ''} run at grading")
    if by_hand:
        parts.append(f"a person reads {'one answer' if by_hand == 1 else f'{by_hand} answers'}")
    return f"{'; '.join(parts)}." if parts else ""


def text(exercise: Exercise, results: Sequence[Result], more: str) -> str:
    """The report as plain text."""
    lines = [f"{exercise.title}: {_score(results)}"]
    for one in results:
        lines.append(f"{_mark(one)} {one.criterion.title} ({_points(one)})")
        lines += [f"    {head:10}{said}" for head, said in _said(one)]
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
        f"<tr><td style='text-align: left; padding-right: 1em'>{head}</td>"
        f"<td style='text-align: left'><code>{html.escape(what, quote=False)}</code></td></tr>"
        if head != "because"
        else f"<tr><td style='text-align: left; padding-right: 1em'>{head}</td>"
        f"<td style='text-align: left'>{html.escape(what, quote=False)}</td></tr>"
        for head, what in _said(one)
    )
    table = f"<table><tbody>{said}</tbody></table>" if said else ""
    title = html.escape(one.criterion.title, quote=False)
    return f"<li>{_mark(one)} {title} ({_points(one)}){table}</li>"


def _said(one: Result) -> list[tuple[str, str]]:
    """The lines below a criterion: what went wrong if something did, and what was printed."""
    if one.outcome in ("right", "a person"):
        return []
    lines = [("called", one.called), ("came back", one.came), ("expected", one.expected)]
    lines += [("because", one.why), ("printed", one.printed.strip()[:300])]
    return [(head, said) for head, said in lines if said]


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
