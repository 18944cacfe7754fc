"""`labs class similar`: answers that look alike, side by side, for a human eye."""

import contextlib
import html
from collections import Counter
from collections.abc import Iterator, Sequence

from labs.kit.errors import UserError
from labs.kit.exercise.stub import answers as answers_of
from labs.kit.grading import page, record, submission
from labs.kit.grading.classroom import Classroom
from labs.kit.grading.likeness import Likeness, Pair, Written, compare

MOST = 20  # pairs of an exercise that are listed
SHOWN = 3  # of them in a terminal
LONGEST = 20_000  # characters of an answer that are compared
STYLE = """<style>
.both { display: grid; grid-template-columns: 1fr 1fr; gap: 1rem; }
.both > div { min-width: 0; }
@media (max-width: 48rem) { .both { grid-template-columns: 1fr; } }
.pairs > li { border-top: 1px solid var(--line); padding: 0.4rem 0; }
</style>"""
ABOUT = """<p>This list proves nothing. Short answers look alike when they are right, and two people
may sit at one desk. Look at what both share that is <em>unusual</em>: a detour, a name, a slip.
Then ask both, before you think of anything else.</p>
<p class="soft">Structure: the share of the shorter program that the other has as well, whatever the
names. Wording: the share of phrases, names and comments among them, that both have; what many
in the class have counts little. Lines of the exercise itself are left out; of each learner the
last answer is compared. What is alike in structure is marked.</p>"""


def show(classroom: Classroom) -> None:
    """Print the pairs that are most alike, and write them side by side as a page."""
    found = {slug: one for slug, one in likenesses(classroom) if one.answers > 1}
    if not found:
        raise UserError(f"{classroom.name}: no two answers to one exercise are there to compare.")
    for slug, one in found.items():
        print(f"{slug}: {one.answers} answers; {_usual(one)}")
        for group in one.same[:SHOWN]:
            print(f"  {_names(group, classroom)}: the same to the letter")
        for pair in one.pairs[:SHOWN]:
            print(f"  {_names((pair.first, pair.second), classroom)}: {_shares(pair)}")
    path = page.write(classroom.exports / "similar.html", _page(classroom, found))
    print(f"\nA likeness proves nothing. Look at them side by side: {path}")


def likenesses(classroom: Classroom) -> Iterator[tuple[str, Likeness]]:
    """Each exercise of the class with the answers that are most alike."""
    with record.open_record(classroom) as opened:
        newest = opened.newest()
    for slug in classroom.exercises:
        found = [one for (_, exercise), one in newest.items() if exercise == slug and one.readable]
        written = [_written(classroom, one) for one in found]
        yield slug, compare([one for one in written if one], MOST)


def _written(classroom: Classroom, handed: record.Handed) -> Written | None:
    """What the learner wrote, without what the exercise gave them."""
    with contextlib.suppress(submission.Unreadable):
        for answers in submission.read(classroom.folder / handed.path):
            if answers.exercise == handed.exercise:
                return _extracted(handed.learner, answers)
    return None


def _extracted(learner: str, answers: submission.Answers) -> Written | None:
    stub = submission.stub_of(answers.exercise)
    given = {cell.id: Counter(_lines(cell.source)) for cell in answers_of(stub)}
    given[""] = Counter()  # cells of the learner's own
    parts: dict[str, list[str]] = {"code": [], "markdown": []}
    for cell in answers.cells:
        if cell["cell"] in given:
            parts[cell["kind"]].append(_without(cell["source"], given[cell["cell"]]))
    code, text = ("\n\n".join(filter(None, parts[kind])) for kind in ("code", "markdown"))
    code, text = page.cleaned(code, LONGEST), page.cleaned(text, LONGEST)
    return Written(learner, code, text) if code or text else None


def _without(source: str, given: Counter) -> str:
    """The lines that are not the exercise's."""
    left, kept = Counter(given), []
    for line in _lines(source):
        if line.strip() and left[line]:
            left[line] -= 1
        else:
            kept.append(line)
    return "\n".join(kept).strip("\n")


def _lines(source: str) -> list[str]:
    return [line.rstrip() for line in source.splitlines()]


def _page(classroom: Classroom, found: dict[str, Likeness]) -> str:
    titles = {one.slug: one.title for one in submission.course().exercises}
    parts = [STYLE, f"<h1>{page.text(classroom.name)}: answers that look alike</h1>", ABOUT]
    for slug, one in found.items():
        listing = [_group(group, classroom) for group in one.same]
        listing += [_row(pair, classroom) for pair in one.pairs]
        rows = "".join(f"<li>{row}</li>" for row in listing)
        listed = f'<ol class="pairs">{rows}</ol>' if rows else "<p>No two are alike.</p>"
        parts.append(
            f"<h2>{page.text(titles.get(slug, slug))}</h2>"
            f"<p>{one.answers} answers; {_usual(one)}</p>{listed}"
        )
    return page.page(f"{classroom.name}: answers that look alike", "\n".join(parts), wide=True)


def _group(group: list[Written], classroom: Classroom) -> str:
    head = f"{page.text(_names(group, classroom))}: the same to the letter"
    return f"<details><summary>{head}</summary>{_side(group[0], [])}</details>"


def _row(pair: Pair, classroom: Classroom) -> str:
    sides = "".join(
        f"<div><h3>{page.text(classroom.learner(one.learner).called)}</h3>{_side(one, marks)}</div>"
        for one, marks in zip((pair.first, pair.second), pair.marks, strict=True)
    )
    names = page.text(_names((pair.first, pair.second), classroom))
    head = f"{names}: {_shares(pair)}"
    return f'<details><summary>{head}</summary><div class="both">{sides}</div></details>'


def _side(one: Written, marks: list[tuple[int, int]]) -> str:
    code = f"<pre>{_marked(one.code, marks)}</pre>" if one.code else ""
    text = f'<div class="text">{html.escape(one.text, quote=False)}</div>' if one.text else ""
    return code + text


def _marked(code: str, marks: list[tuple[int, int]]) -> str:
    """The code as HTML, with what the other one has as well between marks."""
    parts, at = [], 0
    for begin, end in marks:
        begin = max(begin, at)
        if end > begin:
            parts += [html.escape(code[at:begin], quote=False), "<mark>"]
            parts += [html.escape(code[begin:end], quote=False), "</mark>"]
            at = end
    return "".join([*parts, html.escape(code[at:], quote=False)])


def _names(both: Sequence[Written], classroom: Classroom) -> str:
    *most, last = (classroom.learner(one.learner).called for one in both)
    return f"{', '.join(most)} and {last}"


def _shares(pair: Pair) -> str:
    return f"structure {pair.structure:.0%}, wording {pair.wording:.0%}"


def _usual(one: Likeness) -> str:
    return f"a usual pair: structure {one.structure:.0%}, wording {one.wording:.0%}."
