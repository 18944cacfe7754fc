"""`labs feedback`: a page and a text file for every learner and exercise."""

import re
from pathlib import Path

from labs.kit.exercise.report import BACKTICKS
from labs.kit.grading import page, record
from labs.kit.grading.classroom import Classroom
from labs.kit.grading.told import Feedback, Point, feedback

SIGNS = {"right": "✓", "part": "◐", "wrong": "✗", "waits": "○", "broken": "○"}
WORDS = {
    "right": "Right",
    "part": "In part",
    "wrong": "Not right yet",
    "waits": "Waits for a person",
    "broken": "Waits for your mentor",
}
COLOURS = {"right": "good", "part": "wait", "wrong": "bad", "waits": "wait", "broken": "wait"}
TALK = ("because",)  # lines of prose; all others are code
FENCE = re.compile(r"`{3,}")
MARKUP = re.compile(r"([\\`*_\[\]#|~])")


def write_all(classroom: Classroom) -> list[Path]:
    """Write the feedback on every grade that counts into its learner's folder; the paths."""
    with record.open_record(classroom) as opened:
        grades = opened.grades()
    written = []
    for grade in grades:
        found = feedback(grade, classroom.learner(grade.learner).called, classroom.name)
        folder = classroom.feedback / grade.learner
        written.append(page.write(folder / f"{grade.exercise}.html", as_html(found)))
        written.append(page.write(folder / f"{grade.exercise}.md", as_markdown(found)))
    return written


def as_html(found: Feedback) -> str:
    """The feedback as a page of its own."""
    head = (
        f'<p class="soft">{page.text(found.course)}: feedback for {page.text(found.learner)}</p>'
        f"<h1>{page.text(found.title)}</h1>"
        f'<div class="box"><p class="score">{found.score}</p><p>{page.prose(found.outcome)}</p>'
        + "".join(f'<p class="wait">{page.prose(one)}</p>' for one in found.waits)
        + "</div>"
    )
    steps = "".join(f"<li>{page.prose(one)}</li>" for one in found.next_steps)
    body = [head, f"<h2>What to do next</h2><ul>{steps}</ul>"]
    body += [_block("Errors in your cells", found.errors)] if found.errors else []
    for objective, points in found.groups:
        rows = "".join(_row(one) for one in points)
        body.append(f'<h2>{page.prose(objective)}</h2><ul class="marks">{rows}</ul>')
    body += [_block("What your cells printed", found.printed)] if found.printed else []
    return page.page(f"{found.title}: feedback", "\n".join([*body, _foot(found)]))


def _row(one: Point) -> str:
    said = "".join(
        f"<dt>{head}</dt><dd>{page.prose(words) if head in TALK else _code(words)}</dd>"
        for head, words in one.said
    )
    below = f"<dl>{said}</dl>" if said else ""
    if one.wrote.strip():
        wrote = f'<div class="text">{page.code(one.wrote)}</div>'
        below += f"<details><summary>What you wrote</summary>{wrote}</details>"
    if one.comment:
        below += (
            f'<div class="text"><b>{page.text(one.read_by)}</b>\n{page.code(one.comment)}</div>'
        )
    note = f'<p class="soft">{one.note}</p>' if one.note else ""
    return (
        f'<li><div class="head"><span class="{COLOURS[one.state]}">'
        f'<span aria-hidden="true">{SIGNS[one.state]}</span>'
        f'<span class="unseen">{WORDS[one.state]}:</span></span>'
        f"<span>{page.prose(one.mark.title)}</span><span>{one.score}</span></div>"
        f'<div class="below">{note}{below}</div></li>'
    )


def _code(words: str) -> str:
    return f"<code>{page.code(words)}</code>"


def _block(heading: str, words: str) -> str:
    return f"<h2>{heading}</h2><pre>{page.code(words)}</pre>"


def _foot(found: Feedback) -> str:
    return f'<footer><p class="soft">{page.text(found.source)}</p></footer>'


def as_markdown(found: Feedback) -> str:
    """The feedback as Markdown, in which nothing that a learner wrote is markup."""
    lines = [f"# {_md(found.title)}", f"{_md(found.course)}: feedback for {_md(found.learner)}"]
    lines += [f"**{found.score}.** {_md(found.outcome)}", *map(_md, found.waits)]
    lines += ["## What to do next", "\n".join(f"- {_md(one)}" for one in found.next_steps)]
    lines += ["## Errors in your cells", _fenced(found.errors)] if found.errors else []
    for objective, points in found.groups:
        lines.append(f"## {_md(objective)}")
        for one in points:
            lines += _paragraphs(one)
    lines += ["## What your cells printed", _fenced(found.printed)] if found.printed else []
    return "\n\n".join([*lines, f"*{_md(found.source)}*"]) + "\n"


def _paragraphs(one: Point) -> list[str]:
    state, title = WORDS[one.state].lower(), _md(one.mark.title)
    lines = [f"### {SIGNS[one.state]} {title}", f"{one.score}, {state}. {one.note}".strip()]
    for head, words in one.said:
        lines.append(f"{head}: {_md(words)}" if head in TALK else f"{head}:\n\n{_fenced(words)}")
    if one.wrote.strip():
        lines += ["What you wrote:", _fenced(one.wrote)]
    return [*lines, f"{_md(one.read_by)}:", _fenced(one.comment)] if one.comment else lines


def _md(words: str) -> str:
    """Words as Markdown, with what stands between backticks as code."""
    parts = BACKTICKS.split(page.line(words))
    plain = [_plain(one) if place % 2 == 0 else f"`{one}`" for place, one in enumerate(parts)]
    return "".join(plain)


def _plain(words: str) -> str:
    escaped = MARKUP.sub(r"\\\1", words)
    return escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _fenced(words: str) -> str:
    """Words as a block of code, between fences that are longer than any in it."""
    shown = page.cleaned(words)
    longest = max((len(one) for one in FENCE.findall(shown)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}text\n{shown}\n{fence}"
