"""Which slides a walk through a whole track shows: of each lesson, what tells most."""

from nbformat import NotebookNode

from labs.kit import cuts, manifest
from labs.kit.pictures import drawn
from labs.kit.talk.source import lesson_notebook
from labs.kit.talk.talks import Part

SPOKEN = 0.9  # of the cut
LEAST = 1.5  # minutes that a slide should have
STEP = 0.25  # minutes


def parts(lessons: list[manifest.Lesson], minutes: int) -> tuple[Part, ...]:
    """As many slides of each lesson as the cut has time for, at least one."""
    each = max(1, int(SPOKEN * minutes / len(lessons) / LEAST))
    chosen = {lesson.slug: _telling(lesson_notebook(lesson.slug), each) for lesson in lessons}
    count = sum(map(len, chosen.values()))
    length = SPOKEN * minutes / count // STEP * STEP
    return tuple(Part(slug, minutes, cells, length) for slug, cells in chosen.items())


def _telling(notebook: NotebookNode, count: int) -> tuple[str, ...]:
    """The ids of the best slides of the shortest cut, in the lesson's order."""
    slides = cuts.slides(notebook, min(cuts.CUTS))
    best = sorted(slides, key=_weight, reverse=True)[:count]
    return tuple(cell.id for cell in slides if cell in best)


def _weight(cell: NotebookNode) -> tuple[bool, float]:
    """Pictures before text, and what its lesson gives more time before the rest."""
    return bool(drawn(cell)), cuts.minutes(cell)[min(cuts.CUTS)]
