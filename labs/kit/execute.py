"""Run a notebook from its first cell to its last, in an environment that is always the same."""

import asyncio
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

from labs.kit import manifest, material, pictures
from labs.kit.conditions import CELL_SECONDS, environment
from labs.kit.errors import UserError
from labs.kit.normalise import dumps, normalise, parse


@contextmanager
def temporary_workspace():
    """A workspace folder of one run's own, removed afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="mlops-labs-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def read_notebook(path: Path) -> NotebookNode:
    """The notebook at `path`; raises UserError that names the file and what is wrong."""
    try:
        return parse(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: no such notebook; check its slug in course.toml.") from None
    except (ValueError, UnicodeDecodeError) as error:
        raise UserError(
            f"{path}: not a notebook ({error}). In a clone, restore it from git; in your "
            "workspace, rename it and a fresh one is written by: labs start"
        ) from None


def execute(
    notebook: NotebookNode, name: str, env: dict[str, str], seconds: float = CELL_SECONDS
) -> NotebookNode:
    """Run every cell of `notebook` in a fresh kernel, in place, and return it.

    `env` is added to this process's environment; `seconds` is the limit for each
    cell. Raises UserError that names the notebook and the cell if a cell fails,
    does not end, or takes the kernel down.
    """
    import os

    started: dict[str, NotebookNode] = {}
    client = NotebookClient(
        notebook,
        timeout=seconds,
        kernel_name="python3",
        record_timing=False,
        extra_arguments=["--IPKernelApp.log_level=40"],  # errors only
        store_widget_state=False,
        shutdown_kernel="immediate",
        on_cell_execute=lambda cell, cell_index: started.update(cell=cell, index=cell_index),
    )
    try:
        client.execute(env={**os.environ, **env})
    except (asyncio.CancelledError, AssertionError):  # how nbclient ends after Ctrl-C
        raise KeyboardInterrupt from None
    except CellTimeoutError:
        raise UserError(
            f"{_place(name, started)} did not end within {seconds:g} seconds. "
            "Make it do less, or stop what it waits for."
        ) from None
    except DeadKernelError:
        raise UserError(
            f"{_place(name, started)} took the kernel down (it ended without an answer). "
            "Look for os._exit, a crash in a compiled library, or too little memory."
        ) from None
    except CellExecutionError as error:
        raise UserError(
            f"{_place(name, started)} failed: {error.ename}: {error.evalue}\n"
            f"{_source(started)}\nRun that cell in JupyterLab to see the whole traceback."
        ) from None
    return notebook


def _place(name: str, started: dict) -> str:
    if not started:
        return f"{name}: the kernel did not start, or"
    return f"{name}: cell {started['index'] + 1} ({started['cell'].get('id', 'no id')})"


def _source(started: dict) -> str:
    lines = started["cell"].source.splitlines() if started else []
    return "\n".join(f"    {line}" for line in lines[:12])


def refresh(slugs: Iterable[str] = ()) -> Iterator[tuple[str, bool, list[str]]]:
    """Execute lessons and solutions (default: all) and store their outputs in normal form.

    Yields the slug of each, whether its file changed, and what there is to look at: pictures
    that nobody has accepted. A lesson that fails keeps its file as it was.
    """
    for lesson in _lessons(slugs):
        yield lesson.slug, *_refresh(lesson)


def _lessons(slugs: Iterable[str]) -> Iterable[manifest.Lesson]:
    course = manifest.read()
    return [course.notebook(slug) for slug in slugs] or course.notebooks


def _refresh(lesson: manifest.Lesson) -> tuple[bool, list[str]]:
    path = material.root() / lesson.path
    before = path.read_text(encoding="utf-8") if path.is_file() else ""
    notebook = read_notebook(path)
    with temporary_workspace() as folder:
        execute(notebook, str(lesson.path), environment(folder))
    after = dumps(normalise(notebook))
    to_look_at = pictures.lay_out(lesson.slug, parse(before), notebook)
    if after != before:
        path.write_text(after, encoding="utf-8")
    return after != before, to_look_at


def main(slugs: Iterable[str]) -> int:
    """Refresh lessons; say which files changed, and which pictures wait to be accepted."""
    for slug, changed, to_look_at in refresh(slugs):
        print(f"{slug}: {'outputs stored' if changed else 'unchanged'}", flush=True)
        for sentence in to_look_at:
            print(f"  {sentence}")
        if to_look_at:
            print(f"  If they are right: labs refresh --accept-pictures {slug}", flush=True)
    return 0


def accept_pictures(slugs: Iterable[str]) -> int:
    """Accept the stored pictures of lessons (default: all); nothing is executed."""
    for lesson in _lessons(slugs):
        path = material.root() / lesson.path
        notebook = read_notebook(path)
        if cells := pictures.accept(notebook):
            path.write_text(dumps(notebook), encoding="utf-8")
        pictures.lay_out(lesson.slug, notebook, notebook)
        said = f"pictures accepted in {', '.join(cells)}" if cells else "unchanged"
        print(f"{lesson.slug}: {said}")
    return 0
