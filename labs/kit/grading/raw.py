"""A file from a stranger, read as data: bounded in size, of any form, and never trusted."""

import json
import os
import stat
from pathlib import Path
from typing import Any

LIMIT = 20 * 1024 * 1024  # bytes of a file; outputs are most of a notebook that is larger
CELL_LIMIT = 200_000  # characters of a cell; a long lesson's cells have 20,000 together
CELLS = 2_000  # of one notebook
TEXT_LIMIT = 1_000_000  # characters of all cells together
KINDS = ("code", "markdown")


class Unreadable(Exception):
    """No answers can be read; the text says why, and what the learner can do."""


def content(path: Path) -> bytes:
    """What is in a plain file; raises Unreadable for links, devices and what is too large."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        handle = os.open(path, flags | getattr(os, "O_BINARY", 0))
    except OSError as error:
        link = "it is a link" if path.is_symlink() else error.strerror or str(error)
        raise Unreadable(f"the file cannot be opened: {link}") from None
    with os.fdopen(handle, "rb") as stream:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise Unreadable("it is no file")
        return within_limit(stream.read(LIMIT + 1))


def within_limit(found: bytes) -> bytes:
    """`found`; raises Unreadable if it is larger than a submission may be."""
    if len(found) > LIMIT:
        raise Unreadable(
            f"it is larger than {LIMIT >> 20} MB; clear the outputs of all cells (menu Edit), "
            "save, and hand it in again"
        )
    return found


def as_json(found: bytes) -> dict[str, Any]:
    """The object in a JSON file; raises Unreadable if there is none."""
    if not found.strip():
        raise Unreadable("the file is empty")
    try:
        data = json.loads(found)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}: {error.msg}"
        raise Unreadable(f"it is not valid JSON, as a notebook is ({where})") from None
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"it is not valid JSON, as a notebook is ({_first(error)})") from None
    if not isinstance(data, dict):
        raise Unreadable("it is JSON, but neither a notebook nor a submission")
    return data


def _first(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


def cells_of(data: dict[str, Any]) -> list[dict[str, Any]]:
    """The cells of a notebook of any format, each with id, cell_type, source and metadata."""
    sheets = data.get("worksheets")  # format 2 and 3
    lists = [data.get("cells")]
    if isinstance(sheets, list):
        lists += [sheet.get("cells") for sheet in sheets if isinstance(sheet, dict)]
    found = [cell for cells in lists if isinstance(cells, list) for cell in cells]
    found = [_cell(cell) for cell in found if isinstance(cell, dict)]
    if not found:
        raise Unreadable("it is JSON, but neither a notebook nor a submission: it has no cells")
    check_size([cell["source"] for cell in found])
    return found


def _cell(cell: dict[str, Any]) -> dict[str, Any]:
    kind = str(cell.get("cell_type") or "raw")
    source = text(cell.get("source", cell.get("input", "")))  # `input` until format 3
    if kind == "heading":  # until format 3
        kind, source = "markdown", f"# {source}"
    kind = "markdown" if kind == "html" else kind
    place = cell.get("id")
    return {
        "id": place if isinstance(place, str) else "",
        "cell_type": kind if kind in KINDS else "raw",
        "source": source,
        "metadata": {},
    }


def text(value: Any) -> str:
    """A text, or a list of lines, that any file can hold."""
    if isinstance(value, list):
        value = "".join(part for part in value if isinstance(part, str))
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def check_size(sources: list[str]) -> None:
    """Raise Unreadable if the cells together are more than a notebook of an exercise is."""
    longest = max(map(len, sources), default=0)
    for size, limit, what in (
        (len(sources), CELLS, "cells"),
        (longest, CELL_LIMIT, "characters in one cell"),
        (sum(map(len, sources)), TEXT_LIMIT, "characters in its cells"),
    ):
        if size > limit:
            raise Unreadable(f"it has {size:,} {what}, and {limit:,} are the most that is read")
