"""The run of show: slide by slide, what to say, which demo, how long it took, which fallback."""

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass

from labs.kit.talk import demos, slides, talks, timing

FALLBACK = re.compile(r"\s*Fallback:\s*(.+?[.?!])(?=\s|$)", re.S)  # one sentence
STORED = "The stored output, which the slide shows too"
HEADS = ("From", "Slide", "Minutes", "Say", "Demo", "Fallback")


@dataclass(frozen=True)
class Row:
    """One slide: the minute it begins, its minutes, and what a presenter does."""

    begins: float
    place: int
    heading: str
    minutes: float
    say: str
    demo: str
    fallback: str


def rows(talk: talks.Talk) -> list[Row]:
    """The run of show of a talk; its minutes add up to the cut, less the time for questions."""
    live = {demo.place: demo for demo in demos.of(talk)}
    made, begins = [], 0.0
    for place, slide in enumerate(talks.slides(talk), 1):
        made.append(_row(begins, place, slide, live.get(place)))
        begins += slide.minutes
    return made


def _row(begins: float, place: int, slide: slides.Slide, demo: demos.Demo | None) -> Row:
    found = FALLBACK.search(slide.notes)
    say = FALLBACK.sub("", slide.notes).strip()
    fallback = found[1][:1].upper() + found[1][1:].strip() if found else STORED
    took = describe(demo) if demo else ""
    return Row(
        begins, place, slide.heading, slide.minutes, say, took, fallback if demo or found else ""
    )


def describe(demo: demos.Demo) -> str:
    """A demo's number, what may be waited for it, and what its last verified run took."""
    said, took = f"Demo {demo.number}, {timing.budget(demo):.0f} s at most", timing.of(demo)
    if took is None:
        return f"{said}; never timed here: labs test {demo.lesson}"
    where = "" if took.here else " on another machine"
    said += f"; took {took.waited(demo):.1f} s{where} on {took.date}"
    if demo.first and took.before >= 1:
        said += f", after {took.before:.0f} s of preparing"
    return said


def clock(minutes: float) -> str:
    """Minutes as on a stop watch: 2.5 is 02:30."""
    seconds = round(60 * minutes)
    return f"{seconds // 60:02d}:{seconds % 60:02d}"


def summary(talk: talks.Talk) -> str:
    """What the whole takes, and how much of the cut is left for questions."""
    total = sum(slide.minutes for slide in talks.slides(talk))
    left = talk.minutes - total
    return (
        f"For {talk.audience}. {total:g} minutes of slides, {left:g} for questions: "
        f"{talk.minutes} in all."
    )


def _cells(row: Row) -> tuple[str, ...]:
    minutes = f"{row.minutes:g}" if row.minutes else "–"
    slide = f"{row.place}. {row.heading}"
    return (clock(row.begins), slide, minutes, row.say, row.demo, row.fallback)


def markdown(talk: talks.Talk) -> str:
    """The run of show as a Markdown table."""
    lines = [f"# Run of show: {talk.title}", "", summary(talk), "", _line(HEADS)]
    lines.append(_line(["---"] * len(HEADS)))
    lines += [_line(_cells(row)) for row in rows(talk)]
    return "\n".join([*lines, ""])


def _line(cells) -> str:
    return f"| {' | '.join(_on_one_line(cell) for cell in cells)} |"


def _on_one_line(text: str) -> str:
    return re.sub(r"\s*\n\s*", "<br>", text.strip()).replace("|", "\\|")


def table(talk: talks.Talk) -> str:
    """The run of show as an HTML table, for the handout of a presenter."""
    head = "".join(f'<th scope="col">{name}</th>' for name in HEADS)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(_rows(talk))}</tbody></table>"


def _rows(talk: talks.Talk) -> Iterator[str]:
    for row in rows(talk):
        first, *rest = _cells(row)
        inner = "".join(f"<td>{_paragraphs(cell)}</td>" for cell in rest)
        yield f'<tr><th scope="row">{first}</th>{inner}</tr>'


def _paragraphs(text: str) -> str:
    plain = "<br>".join(html.escape(part) for part in re.split(r"\n+", text))
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", plain)


def page(talk: talks.Talk) -> str:
    """The run of show as an HTML page of its own, to print."""
    title = html.escape(f"Run of show: {talk.title}")
    style = (
        "body { font: 10.5pt/1.35 system-ui, sans-serif; margin: 1.5cm; color-scheme: light dark }"
        "table { border-collapse: collapse } td, th { border: 1px solid #888; padding: .25em .5em;"
        " text-align: left; vertical-align: top } tr { break-inside: avoid }"
    )
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<link rel="icon" href="data:,"><style>{style}</style></head><body><main><h1>{title}</h1>'
        f"<p>{html.escape(summary(talk))}</p>{table(talk)}</main></body></html>\n"
    )
