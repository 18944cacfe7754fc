"""One normal form for notebooks, so that executing a lesson twice leaves the same bytes.

`normalise` is a pipe of small functions, notebook in, notebook out. It is
idempotent, keeps every output that nbval compares, and removes only what differs
from run to run or from machine to machine; `labs.kit.rules` says what that is in text.
"""

import base64
import hashlib
import json
import re

import nbformat
from nbformat import NotebookNode

from labs.kit.display import WIDGET_VIEW, bare_png
from labs.kit.rules import pseudonyms

KERNELSPEC = {"display_name": "Python 3", "language": "python", "name": "python3"}
KEPT_CELL_METADATA = {"tags", "slideshow", "labs"}  # the rest is editor state
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{8}")


def normalise(notebook: NotebookNode) -> NotebookNode:
    """`notebook` in its normal form; the argument itself is changed and returned."""
    for step in (
        _notebook_metadata,
        _cell_metadata,
        _cell_ids,
        _execution_counts,
        _merged_streams,
        _static_widgets,
        _picture_bytes,
        pseudonyms,
    ):
        notebook = step(notebook)
    return notebook


def dumps(notebook: NotebookNode) -> str:
    """The text of a notebook file, a line of source on a line of its own."""
    return nbformat.writes(notebook).rstrip("\n") + "\n"


def _code(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def _notebook_metadata(notebook: NotebookNode) -> NotebookNode:
    notebook.metadata = nbformat.from_dict(
        {"kernelspec": KERNELSPEC, "language_info": {"name": "python"}}
    )
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    return notebook


def _cell_metadata(notebook: NotebookNode) -> NotebookNode:
    for cell in notebook.cells:
        kept = {k: v for k, v in cell.metadata.items() if k in KEPT_CELL_METADATA and v}
        if "tags" in kept:
            kept["tags"] = sorted(set(kept["tags"]))
        cell.metadata = nbformat.from_dict(kept)
        cell.pop("attachments", None) if not cell.get("attachments") else None
    return notebook


def _cell_ids(notebook: NotebookNode) -> NotebookNode:
    """Keep the ids an author gave; replace random or doubled ones by position."""
    seen: set[str] = set()
    for place, cell in enumerate(notebook.cells, 1):
        given = cell.get("id", "")
        if not given or UUID.fullmatch(given) or given in seen:
            given = f"{cell.cell_type}-{place}"
            while given in seen:
                given += "-x"
        cell.id = given
        seen.add(given)
    return notebook


def _execution_counts(notebook: NotebookNode) -> NotebookNode:
    """Number executed cells 1..n; a cell that never ran stays without a number."""
    for count, cell in enumerate(_code(notebook), 1):
        if cell.execution_count is None:
            continue
        cell.execution_count = count
        for output in cell.outputs:
            if output.output_type == "execute_result":
                output.execution_count = count
    return notebook


def _merged_streams(notebook: NotebookNode) -> NotebookNode:
    """One stdout and one stderr for each run of streams: their interleaving is a race."""
    for cell in _code(notebook):
        merged: list[NotebookNode] = []
        for output in cell.outputs:
            same = [
                earlier
                for earlier in _trailing_streams(merged)
                if output.output_type == "stream" and earlier.name == output.name
            ]
            if same:
                same[0].text += output.text
            else:
                merged.append(output)
                _sort_trailing_streams(merged)
        cell.outputs = merged
    return notebook


def _trailing_streams(outputs: list[NotebookNode]) -> list[NotebookNode]:
    streams = []
    for output in reversed(outputs):
        if output.output_type != "stream":
            break
        streams.insert(0, output)
    return streams


def _sort_trailing_streams(outputs: list[NotebookNode]) -> None:
    streams = _trailing_streams(outputs)
    if streams:
        outputs[-len(streams) :] = sorted(streams, key=lambda s: s.name, reverse=True)


def _static_widgets(notebook: NotebookNode) -> NotebookNode:
    """Drop a widget's random model id; what stays is its static picture."""
    for cell in _code(notebook):
        for output in cell.outputs:
            if WIDGET_VIEW in output.get("data", {}):
                del output.data[WIDGET_VIEW]
    return notebook


def _picture_bytes(notebook: NotebookNode) -> NotebookNode:
    """Drop PNG text chunks: they carry the version of the drawing library."""
    for cell in _code(notebook):
        for output in cell.outputs:
            data = output.get("data", {})
            if "image/png" in data:
                data["image/png"] = _bare_png_text(data["image/png"])
    return notebook


def _bare_png_text(encoded: str) -> str:
    return base64.b64encode(bare_png(base64.b64decode(encoded))).decode()


def source_hash(notebook: NotebookNode) -> str:
    """A hash of what a person wrote: the kinds and texts of the cells, not the outputs.

    Empty cells do not count: JupyterLab adds one at the end of a lesson that is run.
    """
    parts = [(cell.cell_type, cell.source) for cell in notebook.cells if cell.source.strip()]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def parse(text: str) -> NotebookNode:
    """The notebook in `text`; raises ValueError if it is not JSON or not a notebook."""
    try:
        return nbformat.reads(text, as_version=4)
    except Exception as error:
        raise ValueError(str(error).splitlines()[0] if str(error) else repr(error)) from None
