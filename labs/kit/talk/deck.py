"""The deck of a talk: its slides as one HTML file that asks nobody for anything.

nbconvert renders the cells with our own template; reveal.js, fonts, pictures and, if a slide
has a formula, MathJax stand in the file.
"""

import ast
import re
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from labs.kit import cuts, material
from labs.kit.talk import assets, talks
from labs.kit.talk.slides import Slide
from labs.kit.talk.talks import Talk

FORMULA = re.compile(r"\$\$.+?\$\$|(?<![\\\w$])\$[^\s$](?:[^$\n]*[^\s$])?\$(?!\w)", re.S)
FENCED = re.compile(r"```.*?```|`[^`\n]*`", re.S)
LOCAL_LINK = re.compile(r"(?<!!)\[([^\]]+)\]\((?![a-z]+:)[^)]*\)")
FOR_READERS = re.compile(r"(?ms)^\*\*(?:What you'll need|Time)\*\*.*?(?=\n\n|\Z)")
HEADING = re.compile(r"\A\s*#{1,6} +.+?$\n*", re.M)


def folder() -> Path:
    """Where decks lie."""
    return material.build_folder() / "talks"


def build(talk: Talk, into: Path | None = None) -> Path:
    """The deck of a talk, if all it claims holds; raises UserError that names what does not."""
    from labs.kit.talk import claims

    claims.hold(talk)
    return write(talk, into)


def write(talk: Talk, into: Path | None = None) -> Path:
    """The deck of a talk as a file in the folder `into`, its claims unseen."""
    into = into or folder()
    into.mkdir(parents=True, exist_ok=True)
    path = into / f"{talk.slug}-{talk.minutes}.html"
    path.write_text(page(talk), encoding="utf-8")
    return path


def page(talk: Talk) -> str:
    """The deck as HTML."""
    slides = talks.slides(talk)
    notebook = nbformat.v4.new_notebook(cells=[_cell(slide, talk) for slide in slides])
    parts = {
        "title": talk.title,
        "early": assets.own("early.js"),
        "css": assets.styles(_text(notebook)),
        "script": assets.closed(assets.own("deck.js")),
        "mathjax": assets.mathjax() if any(map(formulas, notebook.cells)) else "",
        **assets.reveal(),
    }
    return _rendered(notebook, parts)


def formulas(cell: NotebookNode) -> list[str]:
    """The formulas in a cell of prose."""
    return FORMULA.findall(FENCED.sub(" ", cell.source)) if cell.cell_type == "markdown" else []


def shown(source: str, most: int | None = None) -> str:
    """The prose of a slide: at most so many paragraphs of it, without its heading, which
    stands above, and without what is for a reader at a computer alone."""
    text = FOR_READERS.sub("", HEADING.sub("", source, count=1))
    paragraphs = LOCAL_LINK.sub(r"\1", text).strip().split("\n\n")
    return "\n\n".join(paragraphs[:most])


def shown_code(source: str) -> str:
    """The code of a slide: without assertions, which test the lesson and tell a room nothing."""
    lines = source.splitlines()
    for node in reversed(ast.parse(source).body):
        if isinstance(node, ast.Assert):
            del lines[node.lineno - 1 : node.end_lineno]
    return "\n".join(lines).strip("\n")


def _rendered(notebook: NotebookNode, parts: dict[str, str]) -> str:
    """The page that our template makes of the notebook.

    nbconvert's own HTML exporter would parse it once more, and give each picture without an
    alternative text one that says nothing; nobody would find out.
    """
    from nbconvert.exporters import HTMLExporter, TemplateExporter
    from nbconvert.filters import Highlight2HTML

    exporter = HTMLExporter(
        template_name="deck",
        extra_template_basedirs=[str(assets.TEMPLATE)],
        exclude_anchor_links=True,
        embed_images=False,
    )
    exporter.register_filter("highlight_code", Highlight2HTML(pygments_lexer="python"))
    resources = {"deck": parts}
    return TemplateExporter.from_notebook_node(exporter, notebook, resources)[0]


def _cell(slide: Slide, talk: Talk) -> NotebookNode:
    """A cell that the template turns into the slide; what it needs to know is in its metadata."""
    new = nbformat.v4
    if slide.cell is None:
        cell = new.new_markdown_cell("")
    elif slide.cell.cell_type == "code":
        outputs = slide.cell.outputs
        source = shown_code(slide.cell.source)
        cell = new.new_code_cell(source, outputs=outputs, execution_count=1)
    else:
        cell = new.new_markdown_cell(shown(slide.cell.source, cuts.paragraphs(slide.cell)))
    drawn = "data:image/" in str(slide.cell.get("outputs", "")) if slide.cell else False
    cell.metadata["deck"] = {
        "id": re.sub(r"\W+", "-", slide.name),
        "name": slide.name,
        "kind": slide.kind,
        "heading": slide.heading,
        "seconds": round(60 * slide.minutes),
        "notes": slide.notes,
        "lesson": slide.lesson,
        "cell": slide.cell.id if slide.cell else None,
        "demo": slide.demo,
        "code": slide.code,
        "pictured": drawn,
        "explore": "An interactive view" in str(slide.cell.get("outputs", "")) if drawn else False,
        **_own(slide, talk),
    }
    return cell


def _own(slide: Slide, talk: Talk) -> dict:
    """What slides that are no cell of a lesson show."""
    if slide.kind == "title":
        return {"audience": talk.audience, "length": talk.minutes}
    if slide.kind == "opening":
        return {"text": talk.opening}
    if slide.kind == "poll":
        return {"text": slide.poll.question, "choices": slide.poll.choices}
    if slide.kind == "quiz":
        right = next(answer for answer in slide.question.answers if answer.right)
        answers = [{"text": one.text, "right": one.right} for one in slide.question.answers]
        because = right.because.removeprefix("Right.").strip()
        return {"text": slide.question.text, "answers": answers, "because": because}
    if slide.kind == "closing":
        return {"text": talk.closing, "lessons": talk.lessons}
    return {}


def _text(notebook: NotebookNode) -> str:
    """Every character that the slides can show."""
    texts = [str(cell.source) + str(cell.metadata) for cell in notebook.cells]
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            texts += [output.get("text", ""), *map(str, output.get("data", {}).values())]
    return "".join(texts) + "✓"
