"""From the solution to what a learner gets: the same notebook without the answers."""

import ast
import copy
import re
from collections.abc import Callable

from nbformat import NotebookNode

BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
REGION = re.compile(rf"(?ms)^([ \t]*){BEGIN}[ \t]*\n(.*?)^[ \t]*{END}[ \t]*(?:\n|\Z)")
PROSE = re.compile(r"(?s)<!-- BEGIN SOLUTION -->(.*?)<!-- END SOLUTION -->")
PROSE_ID = "answer-"  # how the id of a Markdown answer begins
NO_PYTHON = (SyntaxError, ValueError, MemoryError, RecursionError)  # what parsing a text raises
YOURS, YOUR_PROSE = "...  # your code", "*Your answer.*"


def is_answer(cell: NotebookNode) -> bool:
    """Whether a learner writes in this cell."""
    return "answer" in cell.metadata.get("tags", [])


def is_check(cell: NotebookNode) -> bool:
    """Whether the cell calls `check`."""
    return "check" in cell.metadata.get("tags", [])


def answers(notebook: NotebookNode) -> list[NotebookNode]:
    """The cells in which a learner writes."""
    return [cell for cell in notebook.cells if is_answer(cell)]


def stub(solution: NotebookNode) -> NotebookNode:
    """The learner's notebook: no solutions, no outputs; everything else as it is."""
    return _changed(solution, lambda cell: _without(cell.source))


def solved(solution: NotebookNode) -> NotebookNode:
    """The solution without the marks around its answers, and without outputs."""
    return _changed(solution, lambda cell: _unmarked(cell.source))


def _changed(solution: NotebookNode, rewrite: Callable[[NotebookNode], str]) -> NotebookNode:
    notebook = copy.deepcopy(solution)
    for cell in notebook.cells:
        if is_answer(cell):
            cell.source = rewrite(cell)
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return notebook


def _without(source: str) -> str:
    text = REGION.sub(lambda match: f"{match[1]}{YOURS}\n", source)
    return PROSE.sub(YOUR_PROSE, text).rstrip("\n")


def _unmarked(source: str) -> str:
    text = REGION.sub(lambda match: match[2], source)
    return PROSE.sub(lambda match: match[1].strip(), text).rstrip("\n")


def has_solution(cell: NotebookNode) -> bool:
    """Whether the cell marks what a learner is to write."""
    return bool(REGION.search(cell.source) or PROSE.search(cell.source))


def prose_name(cell: NotebookNode) -> str:
    """The name of a Markdown answer: `answer-why` is known as `why`."""
    return prose_name_of(cell.id)


def prose_name_of(cell_id: str) -> str:
    """The name of the Markdown answer in the cell `cell_id`."""
    return cell_id.removeprefix(PROSE_ID).replace("-", "_")


def names(cell: NotebookNode) -> list[str]:
    """The names that an answer cell gives: functions, classes and variables of its top level."""
    if cell.cell_type != "code":
        return [prose_name(cell)]
    try:
        tree = ast.parse(cell.source)
    except NO_PYTHON:
        return []
    found: dict[str, None] = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found[node.name] = None
        for part in ast.walk(node):
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                break
            if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
                found[part.id] = None
    return list(found)
