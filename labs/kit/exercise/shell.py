"""`labs check`: the saved answers, run from the top in a fresh kernel, and judged there."""

import contextlib
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from labs.kit import manifest
from labs.kit.conditions import environment
from labs.kit.errors import UserError
from labs.kit.execute import execute
from labs.kit.exercise import desk
from labs.kit.exercise.notebook import SAID
from labs.kit.exercise.shown import plain
from labs.kit.exercise.stub import is_check

ASK = "from labs.kit.exercise import notebook\nnotebook.say_results({slug!r})"

NOTHING_SAVED = "No answer is saved yet: what you write counts once you press Ctrl+S in JupyterLab."


def check(slug: str, folder: Path) -> str:
    """The report on the learner's saved copy; the same as `check` shows in the notebook.

    Answers are taken by cell id, so that moved, doubled or deleted cells do no harm.
    Raises UserError if there is no copy, it cannot be read, or a cell never ends.
    """
    saved = desk.saved(slug, folder)
    unsaved = [NOTHING_SAVED] if desk.is_untouched(saved, manifest.read().exercise(slug)) else []
    notebook = runnable(saved, slug)
    place = folder / manifest.read().place(slug)
    with contextlib.chdir(place.parent):  # where JupyterLab runs it
        execute(notebook, slug, environment(folder))
    report, points = _said(notebook)
    desk.record_points(folder, slug, *points)
    return "\n".join([report, *unsaved, *_errors(notebook)])


def runnable(notebook: NotebookNode, slug: str) -> NotebookNode:
    """The notebook with a question at its end; a cell that raises does not stop the others."""
    notebook.cells = [cell for cell in notebook.cells if not is_check(cell)]
    notebook.cells.append(nbformat.v4.new_code_cell(ASK.format(slug=slug), id="labs-check-asks"))
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.metadata["tags"] = [*cell.metadata.get("tags", []), "raises-exception"]
    return notebook


def _said(notebook: NotebookNode) -> tuple[str, tuple[int, int]]:
    for output in notebook.cells[-1].outputs:
        said = output.get("data", {}).get(SAID)
        if said:
            return said["report"], (said["earned"], said["possible"])
    why = "; ".join(_errors(notebook)[-1:])
    raise UserError(
        f"The checks could not run ({why or 'nothing came back'}). Look in your cells for one that "
        "changes a library, as in `np.mean = ...`; choose a name of your own instead."
    )


def _errors(notebook: NotebookNode) -> list[str]:
    """A line for each cell that raised."""
    return [
        f"cell {cell.id} raised {output.ename}: {plain(output.evalue)[:300]}"
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if output.output_type == "error"
    ]
