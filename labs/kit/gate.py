"""The static gate: what nobody sees by running a stored lesson.

`problems` reads the notebook and runs nothing. Each rule is a function from the
notebook to sentences that name the cell and say what to do.
"""

import re
from collections.abc import Iterator

from nbformat import NotebookNode

from labs.kit import blindspots, cuts, pictures, quiz

GROUP = r"[,\u00a0\u202f]"  # what stands between thousands
NUMBER = re.compile(rf"(?<![\w.,/-])\d+(?:{GROUP}\d{{3}})*(?:\.\d+)?(?![\w/]|-\w)")
OPENING = ("What you'll do", "What you'll learn", "What you'll need", "Time")


def problems(notebook: NotebookNode) -> list[str]:
    """Everything that is wrong with a stored lesson; empty if nothing is."""
    rules = (
        blindspots.problems,
        _prose_between_cells,
        unsupported_numbers,
        _opening,
        _alternative_text,
        quiz.problems,
        cuts.problems,
        pictures.problems,
    )
    return [problem for rule in rules for problem in rule(notebook)]


def exercise_problems(notebook: NotebookNode) -> list[str]:
    """Everything that is wrong with a stored solution of an exercise: no quiz, no talk."""
    rules = (
        blindspots.problems,
        _prose_between_cells,
        unsupported_numbers,
        _opening,
        _alternative_text,
        pictures.problems,
    )
    return [problem for rule in rules for problem in rule(notebook)]


def _code(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def _prose_between_cells(notebook: NotebookNode) -> Iterator[str]:
    """Prose before and after each code cell, for those who do not see the notes."""
    previous = None
    for cell in notebook.cells:
        if cuts.is_notes(cell):
            continue
        if cell.cell_type == "code" and (previous is None or previous.cell_type == "code"):
            yield f"cell {cell.id}: no sentence before it"
        previous = cell
    if previous is None or previous.cell_type == "code":
        yield "the lesson ends with a code cell; say what was seen"


def _plain(markdown: str) -> str:
    """Prose without code, links, formulas and headings."""
    text = re.sub(r"```.*?```|`[^`]*`|\$[^$]*\$", " ", markdown, flags=re.S)
    text = re.sub(r"\]\([^)]*\)|<[^>]*>|https?://\S+", " ", text)
    return re.sub(r"(?m)^\s*(#.*|\d+\.)", " ", text)


def _numbers(text: str) -> set[str]:
    return {re.sub(GROUP, "", match) for match in NUMBER.findall(text)}


def supported(notebook: NotebookNode) -> set[str]:
    """Numbers that the lesson's code states or its outputs show."""
    supported: set[str] = set()
    for cell in _code(notebook):
        supported |= _numbers(re.sub(r"[()\[\]{}=*+<>:\"'_%/-]", " ", cell.source))
        for output in cell.outputs:
            texts = [output.get("text", "")]
            texts += [v for k, v in output.get("data", {}).items() if k.startswith("text/")]
            for text in texts:
                visible = re.sub(r"base64,[A-Za-z0-9+/=]+", " ", str(text))
                supported |= _numbers(re.sub(r"[()\[\]{}=*+<>:\"'%/-]", " ", visible))
    return supported


def unsupported_numbers(notebook: NotebookNode) -> Iterator[str]:
    """A number in prose must stand in an output or in code of the same lesson.

    Passages that cite are exempt: a paragraph that links to its source, or that is
    tagged so (cell tag `cites`); so are whole numbers up to 10 and the opening.
    """
    shown = supported(notebook)
    for cell in notebook.cells[1:]:
        if cell.cell_type != "markdown" or "cites" in cell.metadata.get("tags", []):
            continue
        for number in numbers_beyond(cell.source.split("## Sources")[0], shown):
            yield f"cell {cell.id}: says {number}, which no output of this lesson shows"


def numbers_beyond(markdown: str, shown: set[str]) -> list[str]:
    """The numbers in prose that are not among `shown`, for each paragraph in order."""
    return [
        number
        for paragraph in markdown.split("\n\n")
        if "](http" not in paragraph
        for number in sorted(_numbers(_plain(paragraph)))
        if number not in shown and not (number.isdigit() and int(number) <= 10)
    ]


def _opening(notebook: NotebookNode) -> Iterator[str]:
    first = notebook.cells[0].source if notebook.cells else ""
    if not first.startswith("# "):
        yield "the first cell does not open with the title, as '# Roll back a bad release'"
    for heading in OPENING:
        if heading not in first:
            yield f"the first cell does not say {heading!r}"


def _alternative_text(notebook: NotebookNode) -> Iterator[str]:
    for cell in _code(notebook):
        for output in cell.outputs:
            data = output.get("data", {})
            if any(kind.startswith("image/") for kind in data):
                yield f"cell {cell.id}: shows a bare picture; use labs.kit.display.show"
            for image in re.findall(r"<img [^>]{0,2000}", str(data.get("text/html", ""))):
                if not re.search(r'alt="[^"]+"', image):
                    yield f"cell {cell.id}: an image has no alternative text"
