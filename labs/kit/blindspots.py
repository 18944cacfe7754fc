"""What neither nbval nor papermill sees in a stored lesson.

nbval passes a cell that was never run, what follows an unknown magic, and a cell that was
to raise and does not. Each rule here is a function from the notebook to sentences that name
the cell and say what to do.
"""

import ast
import io
import re
import tokenize
from collections.abc import Iterator

from nbformat import NotebookNode

from labs.kit import cuts
from labs.kit.normalise import UUID

IGNORED_SHARE = 0.1  # of a lesson's code cells may have outputs that nbval ignores
REASON_WORDS = 4  # fewer are not a sentence
IGNORE = "nbval-ignore-output"
HIDING = {
    "nbval-skip": "nbval leaves the cell out, so what follows is tested in another state",
    "raises-exception": "nbval passes if nothing is raised, and papermill stops; catch it",
    "nbval-raises-exception": "nbval passes if nothing is raised, and papermill stops; catch it",
    "pytest-validate-ignore-output": f"an old name; write {IGNORE}",
}
MARKER = re.compile(r"\s*#+\s*((?:PYTEST_VALIDATE|NBVAL)_\w+)")
SILENT = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}
SILENT |= {tokenize.ENDMARKER}


def problems(notebook: NotebookNode) -> Iterator[str]:
    """Everything that the runners would let pass."""
    rules = (_executed_in_order, _own_ids, _sources, _tags, _ignored_with_a_reason, _outputs)
    for rule in rules:
        yield from rule(notebook)


def _code(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def _tags_of(cell: NotebookNode) -> list[str]:
    return cell.metadata.get("tags", [])


def _executed_in_order(notebook: NotebookNode) -> Iterator[str]:
    """nbval passes a cell without a number vacuously."""
    for count, cell in enumerate(_code(notebook), 1):
        if cell.execution_count != count:
            yield (
                f"cell {cell.id}: was executed as {cell.execution_count}, not {count}; "
                "store outputs with: labs refresh"
            )


def _own_ids(notebook: NotebookNode) -> Iterator[str]:
    """A doubled id is replaced by a random one already when the file is read."""
    seen: set[str] = set()
    for place, cell in enumerate(notebook.cells, 1):
        if UUID.fullmatch(cell.id) or cell.id in seen:
            yield (
                f"cell {cell.id}: cell {place} of the notebook has no id of its own, or one that "
                "another cell has too; give it one, or run: labs refresh"
            )
        seen.add(cell.id)


def _sources(notebook: NotebookNode) -> Iterator[str]:
    """Only Python, without a last semicolon, and without nbval's marks in comments."""
    for cell in _code(notebook):
        for line in cell.source.splitlines():
            if mark := MARKER.match(line):
                yield f"cell {cell.id}: the comment {mark[1]} steers nbval; use a tag ({IGNORE})"
        yield from _python(cell)


def _python(cell: NotebookNode) -> Iterator[str]:
    """An unknown magic ends a cell without an error message; nbval then passes it."""
    try:
        tree = compile(
            cell.source, cell.id, "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        )
    except SyntaxError as error:
        line = cell.source.splitlines()[min(error.lineno or 1, cell.source.count("\n") + 1) - 1]
        what = "is a magic, and nbval passes what follows" if _is_magic(cell) else "is not Python"
        yield f"cell {cell.id}: {line.strip()!r} {what}"
        return
    if any(isinstance(node, ast.Name) and node.id == "get_ipython" for node in ast.walk(tree)):
        yield f"cell {cell.id}: calls get_ipython, which is a magic in other words"
    if _ends_with_semicolon(cell.source):
        yield f"cell {cell.id}: ends with a semicolon; write `_ = ...` instead"


def _is_magic(cell: NotebookNode) -> bool:
    """Whether IPython would make calls out of the source: `%`, `%%`, `!`, or `?`."""
    from IPython.core.inputtransformer2 import TransformerManager

    made = TransformerManager().transform_cell(cell.source)
    return made.count("get_ipython()") > cell.source.count("get_ipython()")


def _ends_with_semicolon(source: str) -> bool:
    """As IPython sees it: the last token that is no comment."""
    tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
    said = [token.string for token in tokens if token.type not in SILENT]
    return said[-1:] == [";"]


def _tags(notebook: NotebookNode) -> Iterator[str]:
    """Tags that make a runner look away."""
    for cell in _code(notebook):
        for tag in _tags_of(cell):
            if tag in HIDING:
                yield f"cell {cell.id}: has the tag {tag}: {HIDING[tag]}"


def _ignored_with_a_reason(notebook: NotebookNode) -> Iterator[str]:
    """Few outputs are ignored, each with a sentence that readers see, too."""
    ignored = [cell for cell in _code(notebook) if IGNORE in _tags_of(cell)]
    count = len(_code(notebook))
    if len(ignored) > IGNORED_SHARE * count:
        yield f"{len(ignored)} of {count} outputs are ignored, above {IGNORED_SHARE:.0%}"
    prose = ""
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and not cuts.is_notes(cell):
            prose = cell.source
        yield from _reason(cell, prose)


def _reason(cell: NotebookNode, prose: str) -> Iterator[str]:
    why = " ".join(str(cell.metadata.get("labs", {}).get("ignored", "")).split())
    if IGNORE not in _tags_of(cell):
        if why:
            yield f"cell {cell.id}: says why its output is ignored, but has no tag {IGNORE}"
    elif len(why.split()) < REASON_WORDS:
        yield (
            f"cell {cell.id}: its output is ignored without a reason; put one, of "
            f'{REASON_WORDS} words or more, into its metadata: {{"labs": {{"ignored": "..."}}}}'
        )
    elif why not in " ".join(prose.split()):
        yield f"cell {cell.id}: the prose above it does not say why it is ignored: {why!r}"


def _outputs(notebook: NotebookNode) -> Iterator[str]:
    """No error, not even one with a tag that allows it (papermill stops at any); no stderr."""
    for cell in _code(notebook):
        for output in cell.outputs:
            if output.output_type == "error":
                yield f"cell {cell.id}: shows an error; catch it and print it"
            if output.output_type == "stream" and output.name == "stderr":
                yield f"cell {cell.id}: writes to stderr: {output.text.strip()[:80]!r}"
