"""A talk on paper: its deck as PDF, and a handout of one page for everyone in the room."""

from html import escape
from pathlib import Path

import nbformat

from labs.kit.errors import UserError
from labs.kit.talk import assets, chromium, deck, polls, slides, talks
from labs.kit.talk.talks import Talk

LINES = 16  # of key points on a handout, at most
SIZES = (11.0, 10.5, 10.0, 9.5, 9.0)  # points; the first at which the handout is one page
PAGES = (
    "async () => { await window.deckIsReady; return document.querySelectorAll('.pdf-page').length }"
)


def of_deck(path: Path) -> Path:
    """The deck at `path` as PDF beside it, a page for each slide."""
    with chromium.opened() as page:
        page.goto(f"{path.resolve().as_uri()}?print-pdf")
        count = page.evaluate(PAGES)
        printed = page.pdf(
            preferCSSPageSize=True, printBackground=True, pageRanges=f"1-{count}"
        )  # reveal.js leaves a blank page behind the last one
    return _written(path.with_suffix(".pdf"), printed)


def of_handout(talk: Talk, into: Path | None = None) -> Path:
    """The handout of a talk as PDF, and as HTML beside it; one page of A4.

    Raises UserError if it needs more than one even in small print.
    """
    path = (into or deck.folder()) / f"{talk.slug}-{talk.minutes}-handout.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    with chromium.opened() as page:
        for size in SIZES:
            path.write_text(handout(talk, size), encoding="utf-8")
            page.goto(path.resolve().as_uri())
            printed = page.pdf(preferCSSPageSize=True, printBackground=True)
            if printed.count(b"/Type /Page\n") + printed.count(b"/Type /Page ") == 1:
                return _written(path.with_suffix(".pdf"), printed)
    raise UserError(f"{talk.source}: the handout needs more than one page; shorten the closing.")


def _written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def handout(talk: Talk, size: float = SIZES[0]) -> str:
    """The handout as HTML: what was shown, questions with boxes, answers, what to do now."""
    styles = assets.own("handout.css").replace("SIZE", f"{size}pt")
    fonts = assets.faces(_letters(talk))
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(talk.title)}'
        f'</title><link rel="icon" href="data:,"><style>{fonts}{styles}</style></head><body><main>'
        f"{_head(talk)}<div>{_shown(talk)}{_now(talk)}</div>"
        f'<div class="asked"><h2>Questions</h2>{polls.on_paper(talk)}</div>{_answers(talk)}'
        "</main></body></html>\n"
    )


def _head(talk: Talk) -> str:
    asked = f"<p><em>{escape(talk.opening)}</em></p>" if talk.opening else ""
    return (
        f"<header><h1>{escape(talk.title)}</h1><p>For {escape(talk.audience)}</p>{asked}</header>"
    )


def _shown(talk: Talk) -> str:
    """What the slides were about, each heading once, with the first line that was printed."""
    points: dict[str, str] = {}
    for slide in talks.slides(talk):
        if slide.cell:
            points[slide.heading] = points.get(slide.heading) or _result(slide.cell)
    rows = [f"<li>{_inline(head)}{said}</li>" for head, said in list(points.items())[:LINES]]
    return f"<h2>What you saw</h2><ul>{''.join(rows)}</ul>"


def _result(cell: nbformat.NotebookNode) -> str:
    for output in cell.get("outputs", []):
        if lines := output.get("text", "").strip().splitlines():
            return f"<br><code>{escape(lines[0].strip())}</code>"
    return ""


def _now(talk: Talk) -> str:
    commands = "".join(
        f"<li><code>labs open {slug}</code></li>" for slug in dict.fromkeys(talk.lessons)
    )
    own = f"<h2>What to do now</h2>{_markdown(talk.closing)}" if talk.closing else ""
    return f"{own}<h2>Run it yourself</h2><ul>{commands}</ul>"


def _answers(talk: Talk) -> str:
    """The letters of the right answers, at the foot; polls have none."""
    said = []
    for place, question in enumerate(slides.quiz_of(talk), len(talk.polls) + 1):
        right = next(answer for answer in question.answers if answer.right)
        said.append(f"{place}. {right.text}")
    return f"<footer>Answers: {' '.join(said)}</footer>" if said else ""


def _inline(text: str) -> str:
    return _markdown(text).replace("<p>", "").replace("</p>", "").strip()


def _markdown(text: str) -> str:
    from nbconvert.filters import markdown2html

    return markdown2html(text)


def _letters(talk: Talk) -> str:
    return "☐·" + "".join(
        str([slide.heading, slide.cell, slide.poll, slide.question]) for slide in talks.slides(talk)
    )
