"""A learner's answers in a newer version of their exercise; nothing they wrote is lost."""

import ast
import copy
import re
from dataclasses import dataclass, field

import nbformat
from nbformat import NotebookNode

from labs.kit.exercise.stub import NO_PYTHON, is_answer, names

KEPT = "kept"  # tag of a cell that was the learner's and has no place of its own any more


def graft(
    mine: NotebookNode, fresh: NotebookNode, before: NotebookNode | None = None
) -> NotebookNode:
    """`fresh` with what the learner wrote in `mine`.

    `before` is the stub that `mine` began as; without it every cell that `fresh` does
    not have counts as the learner's. An answer goes to the cell with its id; where that
    cell is gone, to the one that it stands in for. What else they wrote (cells of their
    own, second copies of an answer, changes to given cells, answers whose cell is gone
    from `fresh`) is kept near where it was.
    """
    result = copy.deepcopy(fresh)
    target = {cell.id: cell for cell in result.cells}
    theirs = _Theirs(target, {cell.id: cell for cell in (before or fresh).cells})
    theirs.read(mine)
    placed, waiting = [], theirs.kept.get("", [])
    for cell in result.cells:
        if cell.id in theirs.present:
            placed, waiting = placed + waiting, []
        placed.append(cell)
        waiting = waiting + theirs.kept.get(cell.id, [])
    result.cells = _with_own_ids(placed + waiting)
    return result


def is_kept(cell: NotebookNode) -> bool:
    """Whether the cell is the learner's own, beside the exercise's."""
    return KEPT in _tags(cell)


@dataclass
class _Theirs:
    """What a learner wrote: answers put into `target`, the rest by the cell that it follows.

    `kept` goes after that cell, and after those behind it that the learner does not have:
    a stub must not undo what was written in its place.
    """

    target: dict[str, NotebookNode]
    given: dict[str, NotebookNode]
    kept: dict[str, list[NotebookNode]] = field(default_factory=dict)
    present: set[str] = field(default_factory=set)
    answered: set[str] = field(default_factory=set)

    def read(self, mine: NotebookNode) -> None:
        """Take up every cell of `mine`."""
        anchor, places = "", _places(mine, self.given)
        self.present = set(places) & set(self.target)
        for cell, place in zip(mine.cells, places, strict=True):
            anchor = place if place in self.target else anchor
            if not self._takes(cell, place):
                self.kept.setdefault(anchor, []).extend(self._own(cell, place))
        self._stand_in()

    def _takes(self, cell: NotebookNode, place: str) -> bool:
        """Whether nothing is left of the cell: it is empty, as it was given, or an answer."""
        text, known = _text(cell), self.target.get(place)
        as_given = place in self.given and text == self.given[place].source
        if not text.strip() or as_given or (known is not None and text == known.source):
            return True
        if known is None or not is_answer(known) or place in self.answered:
            return False
        self._answer(known, cell)
        return True

    def _answer(self, known: NotebookNode, cell: NotebookNode) -> None:
        self.answered.add(known.id)
        known.source = _text(cell)
        if known.cell_type == "markdown" and cell.get("attachments"):
            known.attachments = cell.attachments

    def _own(self, cell: NotebookNode, place: str) -> list[NotebookNode]:
        """The cell as one of the learner's own; what would run a second time only as text."""
        if place not in self.given:
            return [_kept(cell, cell.cell_type)]
        added = _imports(_text(cell)) - _imports(self.given[place].source)
        if cell.cell_type != "code" or is_answer(self.given[place]) or not added:
            return [_kept(cell, "raw")]
        imports = nbformat.v4.new_code_cell("\n".join(sorted(added)), id=place)
        return [_kept(cell, "raw"), _kept(imports, "code")]

    def _stand_in(self) -> None:
        """Put what was written in place of an answer's lost cell into that cell."""
        before = ""
        for place, known in self.target.items():
            if is_answer(known) and place not in self.present:
                drafts = self._drafts(known, before)
                if drafts:
                    self._answer(known, drafts[-1])
                    for cells in self.kept.values():
                        cells[:] = [_as_text(one, drafts) for one in cells if one is not drafts[-1]]
            before = place if place in self.present else before

    def _drafts(self, known: NotebookNode, before: str) -> list[NotebookNode]:
        """Cells of the learner's own that give what `known` asks for."""
        if known.cell_type != "code":
            return [one for one in self.kept.get(before, []) if one.cell_type == "markdown"][:1]
        asked, every = set(names(known)), [one for cells in self.kept.values() for one in cells]
        own = [one for one in every if one.cell_type == "code"]
        return [one for one in own if asked and asked <= set(names(one))]


def _places(mine: NotebookNode, given: dict[str, NotebookNode]) -> list[str]:
    """Which given cell each cell is: by its id, or by its text where ids are lost."""
    places = [str(cell.get("id") or "") for cell in mine.cells]
    lost = {(one.cell_type, one.source): place for place, one in given.items()}
    for at, cell in enumerate(mine.cells):
        same = lost.get((cell.cell_type, _text(cell)))
        if places[at] not in given and same and same not in places:
            places[at] = same
    return places


def _text(cell: NotebookNode) -> str:
    return str(cell.get("source", ""))


def _tags(cell: NotebookNode) -> set[str]:
    found = cell.get("metadata", {}).get("tags", [])
    return {tag for tag in found if isinstance(tag, str)} if isinstance(found, list) else set()


def _imports(source: str) -> set[str]:
    """The imports at the top level of a cell, a line each."""
    try:
        body = ast.parse(source).body
    except NO_PYTHON:
        return set()
    return {ast.unparse(node) for node in body if isinstance(node, ast.Import | ast.ImportFrom)}


def _kept(cell: NotebookNode, kind: str) -> NotebookNode:
    make = {"code": nbformat.v4.new_code_cell, "markdown": nbformat.v4.new_markdown_cell}
    name = re.sub(r"[^A-Za-z0-9_-]", "-", str(cell.get("id") or "")) or KEPT
    new = make.get(kind, nbformat.v4.new_raw_cell)(_text(cell), id=name[:50])
    new.metadata["tags"] = sorted({*_tags(cell), KEPT} - {"answer", "check"})
    if kind != "code" and cell.get("attachments"):
        new.attachments = cell.attachments
    return new


def _as_text(cell: NotebookNode, drafts: list[NotebookNode]) -> NotebookNode:
    """An earlier draft of an answer as text: it would undo the last one."""
    return _kept(cell, "raw") if any(cell is one for one in drafts) else cell


def _with_own_ids(cells: list[NotebookNode]) -> list[NotebookNode]:
    """Every cell under an id of its own; those of the kit keep theirs."""
    taken = {cell.id for cell in cells if not is_kept(cell)}
    for cell in filter(is_kept, cells):
        wanted, number = cell.id, 1
        while cell.id in taken:
            number += 1
            cell.id = f"{wanted}-{number}"
        taken.add(cell.id)
    return cells
