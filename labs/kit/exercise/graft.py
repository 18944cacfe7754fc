"""A learner's answers in a newer version of their exercise; nothing they wrote is lost."""

import copy

import nbformat
from nbformat import NotebookNode

from labs.kit.exercise.stub import is_answer

KEPT = "kept"  # tag of a cell that was the learner's and has no place of its own any more


def graft(
    mine: NotebookNode, fresh: NotebookNode, before: NotebookNode | None = None
) -> NotebookNode:
    """`fresh` with what the learner wrote in `mine`.

    `before` is the stub that `mine` began as; without it every cell that `fresh` does
    not have counts as the learner's. An answer goes to the cell with its id. What
    else they wrote (cells of their own, second copies of an answer, changes to given
    cells, answers whose cell is gone) is kept near where it was.
    """
    result = copy.deepcopy(fresh)
    given = {cell.id: cell.source for cell in (before or fresh).cells}
    theirs = _by_place(mine, given, {cell.id: cell for cell in result.cells})
    placed: list[NotebookNode] = list(theirs.get("", []))
    for cell in result.cells:
        placed += [cell, *theirs.get(cell.id, [])]
    result.cells = _with_own_ids(placed)
    return result


def _by_place(
    mine: NotebookNode, given: dict[str, str], target: dict[str, NotebookNode]
) -> dict[str, list[NotebookNode]]:
    """Put answers into `target`, and return the rest by the id of the cell they follow."""
    rest: dict[str, list[NotebookNode]] = {}
    answered: set[str] = set()
    anchor = ""
    for cell in mine.cells:
        place = cell.get("id", "")
        known = target.get(place)
        if known is not None:
            anchor = place
        if not cell.source.strip() or cell.source == given.get(place):
            continue  # empty, or as it was given
        if known is not None and cell.source == known.source:
            continue
        if known is not None and is_answer(known) and place not in answered:
            answered.add(place)
            known.source = cell.source
        else:
            rest.setdefault(anchor, []).append(_kept(cell, changed=place in given))
    return rest


def _kept(cell: NotebookNode, changed: bool) -> NotebookNode:
    """The learner's cell as one of their own; what would run a second time only as text."""
    kind = "raw" if changed or cell.cell_type == "raw" else cell.cell_type
    make = {"code": nbformat.v4.new_code_cell, "markdown": nbformat.v4.new_markdown_cell}
    new = make.get(kind, nbformat.v4.new_raw_cell)(cell.source, id=cell.get("id") or "kept")
    new.metadata["tags"] = sorted({*cell.metadata.get("tags", []), KEPT} - {"answer", "check"})
    return new


def _with_own_ids(cells: list[NotebookNode]) -> list[NotebookNode]:
    """Every cell under an id of its own; those of the kit keep theirs."""
    taken = {cell.id for cell in cells if KEPT not in cell.metadata.get("tags", [])}
    for cell in cells:
        if KEPT not in cell.metadata.get("tags", []):
            continue
        wanted, number = cell.id[:50], 1
        while cell.id in taken:
            number += 1
            cell.id = f"{wanted}-{number}"
        taken.add(cell.id)
    return cells
