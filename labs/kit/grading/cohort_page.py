"""The view of a class as a page: plots with words beside them, one file, no request."""

from labs.kit.grading import page
from labs.kit.grading.cohort import RESULTS, Cohort, Missed, Progress, result, summary
from labs.kit.grading.gradebook import Row, by_learner
from labs.kit.grading.sittings import SITTING

# Dark and light ends differ in lightness too, so that nobody has to tell colours apart.
COLOURS = dict(zip(RESULTS, ("all", "half", "less", "open", "none"), strict=True))
WIDTH, HEIGHT = 300, 18  # of a bar, in pixels
STYLE = """<style>
:root { --all: #00584f; --half: #6fb3aa; --less: #e2a15c; --open: #8d9099; --none: #ffffff; }
@media (prefers-color-scheme: dark) {
  :root { --all: #8ee0d2; --half: #3d8278; --less: #b06a2c; --open: #6c7079; --none: #16181c; } }
svg { display: block; max-width: 100%; height: auto; }
rect.all { fill: var(--all); } rect.half { fill: var(--half); } rect.less { fill: var(--less); }
rect.open { fill: var(--open); } rect.none { fill: var(--none); }
rect { stroke: var(--ink); stroke-width: 0.7; }
.key { display: flex; flex-wrap: wrap; gap: 0.3rem 1.2rem; list-style: none; padding: 0; }
.key li { display: flex; gap: 0.4rem; align-items: center; }
td svg { min-width: 8rem; margin-top: 0.2rem; }
.every td { border-left: 0.5rem solid transparent; padding-left: 0.5rem; }
.every td.all { border-left-color: var(--all); } .every td.half { border-left-color: var(--half); }
.every td.less { border-left-color: var(--less); }
.every td.open { border-left-color: var(--open); }
</style>"""


def as_html(found: Cohort) -> str:
    """The whole page."""
    body = [
        STYLE,
        f'<p class="soft">{found.at:%d %B %Y, %H:%M}</p><h1>{page.text(found.name)}</h1>',
        f"<p>{page.text(summary(found))}</p>",
        _exercises(found),
        _stuck(found),
        *(_criteria(one) for one in found.exercises if one.missed),
        _everybody(found),
    ]
    return page.page(f"{found.name}: how it fares", "\n".join(body), wide=True)


def _exercises(found: Cohort) -> str:
    rows = "".join(_exercise(one) for one in found.exercises)
    names = "".join(f'<th scope="col" class="number">{name}</th>' for name in RESULTS)
    head = f'<th scope="col">Exercise</th><th scope="col">Learners</th>{names}'
    minutes = "".join(
        f'<th scope="col" class="number">{name}</th>' for name in ("minutes", "planned")
    )
    note = (
        f"Minutes: the middle of those learners who handed in twice within {SITTING} minutes; the "
        "time between counts for the second. The number of them stands behind it."
    )
    return (
        f"<h2>How far the class has come</h2>{_key()}"
        f'<div class="wider" tabindex="0" role="region" aria-label="Exercises"><table>'
        f"<thead><tr>{head}{minutes}</tr></thead><tbody>{rows}</tbody></table></div>"
        f'<p class="soft">{note}</p>'
    )


def _exercise(one: Progress) -> str:
    counts = "".join(f'<td class="number">{one.results[name]}</td>' for name in RESULTS)
    taken = "-" if one.minutes is None else f"{one.minutes:.0f} (of {one.timed})"
    return (
        f'<tr><th scope="row">{page.text(one.title)}</th><td>{_stack(one)}</td>{counts}'
        f'<td class="number">{taken}</td><td class="number">{one.planned}</td></tr>'
    )


def _stack(one: Progress) -> str:
    """A bar of all learners, by how they fare."""
    total, place, parts = sum(one.results.values()) or 1, 0.0, []
    for name, count in one.results.items():
        width = WIDTH * count / total
        if count:
            parts.append(_rect(COLOURS[name], place, width))
        place += width
    said = ", ".join(f"{count} {name}" for name, count in one.results.items() if count)
    return _svg(f"{one.title}: {said}", "".join(parts))


def _rect(kind: str, place: float, width: float) -> str:
    return (
        f'<rect class="{kind}" x="{place + 1:.1f}" y="1" width="{width:.1f}" '
        f'height="{HEIGHT - 2}"/>'
    )


def _svg(said: str, parts: str) -> str:
    size = f'width="{WIDTH + 2}" height="{HEIGHT}" viewBox="0 0 {WIDTH + 2} {HEIGHT}"'
    return f'<svg role="img" aria-label="{page.text(said)}" {size}>{parts}</svg>'


def _key() -> str:
    each = "".join(
        f'<li><svg aria-hidden="true" width="16" height="16"><rect class="{kind}" x="1" y="1" '
        f'width="14" height="14"/></svg>{name}</li>'
        for name, kind in COLOURS.items()
    )
    return f'<ul class="key">{each}</ul>'


def _stuck(found: Cohort) -> str:
    if not found.stuck:
        return "<h2>Who may need a hand</h2><p>Nobody, by what was graded so far.</p>"
    titles = {one.slug: one.title for one in found.exercises}
    rows = "".join(
        f'<tr><th scope="row">{page.text(one.row.learner.called)}</th>'
        f"<td>{page.text(titles.get(one.row.exercise, one.row.exercise))}</td>"
        f'<td class="number">{page.text(one.row.short)}</td><td class="number">{one.tries}</td>'
        f"<td>{page.prose(one.why)}</td></tr>"
        for one in found.stuck
    )
    heads = {"Learner": "", "Exercise": "", "Points": "number", "Hand-ins": "number"}
    heads["What is missing first"] = ""
    names = "".join(f'<th scope="col" class="{kind}">{name}</th>' for name, kind in heads.items())
    return (
        "<h2>Who may need a hand</h2><p>Less than half of the points, three hand-ins without all "
        "of them, or a program that did not come to its end.</p>"
        '<div class="wider" tabindex="0" role="region" aria-label="Who may need a hand"><table>'
        f"<thead><tr>{names}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _criteria(one: Progress) -> str:
    ordered = sorted(one.missed, key=lambda each: (-each.missed, -each.share))
    rows = "".join(_missed(each) for each in ordered)
    return (
        f"<h2>What is missed: {page.text(one.title)}</h2>"
        f'<div class="wider" tabindex="0" role="region" aria-label="{page.text(one.title)}"><table>'
        '<thead><tr><th scope="col">Criterion</th><th scope="col">Share of learners</th>'
        f'<th scope="col" class="number">Missed by</th></tr></thead><tbody>{rows}</tbody>'
        "</table></div>"
    )


def _missed(one: Missed) -> str:
    hidden = "" if one.public else ' <span class="soft">(hidden)</span>'
    bar = _rect("less", 0, WIDTH * one.share) + _rect(
        "none", WIDTH * one.share, WIDTH * (1 - one.share)
    )
    return (
        f'<tr><th scope="row">{page.prose(one.title)}{hidden}</th>'
        f"<td>{_svg(f'{one.share:.0%} miss it', bar)}</td>"
        f'<td class="number">{one.missed} of {one.judged}</td></tr>'
    )


def _everybody(found: Cohort) -> str:
    names = "".join(f'<th scope="col">{page.text(one.title)}</th>' for one in found.exercises)
    rows = "".join(
        f'<tr><th scope="row">{page.text(learner.called)}</th>{"".join(map(_cell, theirs))}</tr>'
        for learner, theirs in by_learner(found.rows)
    )
    return (
        f"<h2>Everybody</h2>{_key()}"
        '<p class="soft">~ a person has to read yet; ! the program did not come to its end, or '
        "nothing could be read; * handed in late; ? not graded yet; - not handed in</p>"
        '<div class="wider" tabindex="0" role="region" aria-label="Everybody">'
        '<table class="every"><thead><tr>'
        f'<th scope="col">Learner</th>{names}</tr></thead><tbody>{rows}</tbody></table></div>'
    )


def _cell(row: Row) -> str:
    kind = COLOURS[result(row)]
    return f'<td class="{kind}">{page.text(row.short)}</td>'
