"""Which cells of a lesson are slides, in which cut, for how many minutes, with what notes.

A presenter has 15, 30 or 45 minutes: the three cuts. A cell with the metadata
`labs: {minutes: {"15": 2, "30": 3}}` is a slide of the 15-minute cut for two minutes, and
of the 30-minute cut for three. The notes cell after it (tag `notes`) is what to say. Neither
the book nor a learner's copy shows notes. A slide with the tag `output-only` shows what its
code printed or drew, and not the code; one with `labs: {paragraphs: 1}` shows its first
paragraph alone.
"""

import re
from collections.abc import Iterator

from nbformat import NotebookNode

CUTS = (15, 30, 45)  # minutes
TALK = (0.8, 1.0)  # of a cut; what is left is for questions
WORDS = 115  # of a Markdown slide, at most: more is not read from the last row
LINES = 12  # of code on a slide, at most


def is_notes(cell: NotebookNode) -> bool:
    """Whether only the presenter sees the cell."""
    return "notes" in cell.metadata.get("tags", [])


def minutes(cell: NotebookNode) -> dict[int, float]:
    """For each cut that shows the cell, how many minutes it takes there."""
    return {
        int(cut): taken for cut, taken in cell.metadata.get("labs", {}).get("minutes", {}).items()
    }


def slides(notebook: NotebookNode, cut: int) -> list[NotebookNode]:
    """The cells that the cut of so many minutes shows, in order."""
    return [cell for cell in notebook.cells if cut in minutes(cell)]


def notes(notebook: NotebookNode, cell: NotebookNode) -> str:
    """What the presenter says to `cell`: the notes cells that follow it; "" if none does."""
    said = []
    for after in notebook.cells[notebook.cells.index(cell) + 1 :]:
        if not is_notes(after):
            break
        said.append(after.source)
    return "\n\n".join(said)


def paragraphs(cell: NotebookNode) -> int | None:
    """How many of its paragraphs a slide of prose shows; None is all of them."""
    return cell.metadata.get("labs", {}).get("paragraphs")


def problems(notebook: NotebookNode) -> Iterator[str]:
    """What keeps a presenter from giving the lesson as it is marked."""
    for cell in notebook.cells:
        yield from _of(cell)
        if minutes(cell) and not notes(notebook, cell):
            yield f"cell {cell.id}: is a slide, and no notes cell after it says what to say"
    for cut in CUTS:
        total = sum(minutes(cell)[cut] for cell in slides(notebook, cut))
        if not TALK[0] * cut <= total <= TALK[1] * cut:
            least = round(TALK[0] * cut)
            yield f"the {cut}-minute cut has {total:g} minutes of slides; give it {least} to {cut}"


def _of(cell: NotebookNode) -> Iterator[str]:
    taken = minutes(cell)
    if taken and is_notes(cell):
        yield f"cell {cell.id}: notes are not shown, so they take no minutes"
    if set(taken) - set(CUTS) or any(not 0 < length <= 10 for length in taken.values()):
        yield f"cell {cell.id}: minutes are {taken}; the cuts are {CUTS}, a slide is 10 at most"
    longer = [cut for cut in CUTS if taken and cut >= min(taken)]
    if taken and set(longer) - set(taken):
        yield f"cell {cell.id}: is in the {min(taken)}-minute cut, but not in every longer one"
    lines, words = cell.source.count("\n") + 1, len(re.findall(r"\S*\w\S*", cell.source))
    shown = "output-only" not in cell.metadata.get("tags", [])
    if taken and cell.cell_type == "code" and shown and lines > LINES:
        yield (
            f"cell {cell.id}: is a slide with {lines} lines of code; {LINES} can be read. "
            "Shorten it, or show its output alone with the tag output-only"
        )
    if taken and cell.cell_type == "markdown" and words > WORDS:
        yield f"cell {cell.id}: is a slide with {words} words; {WORDS} can be read"
