"""`labs read`: free texts one at a time in a notebook, with their rubric, by keyboard or mouse."""

import getpass
from pathlib import Path

import nbformat

from labs.kit import server
from labs.kit.errors import UserError
from labs.kit.grading import page
from labs.kit.grading.classroom import Classroom, open_class
from labs.kit.grading.panel import Panel
from labs.kit.grading.to_read import Queue
from labs.kit.normalise import KERNELSPEC, dumps

SCRIPT = Path(__file__).with_name("reading.js")
STYLE = Path(__file__).with_name("reading.css")
ABOUT = """# Read what learners wrote

Run the cell below (Shift+Enter). You see one text at a time, without its author's name, and
beside it what points are given for. Points are on record as soon as you give them: stop
whenever you like, and go on tomorrow. Several people can read at the same time."""


def open_queue(classroom: Classroom, port: int = server.PORT, browser: bool = True) -> None:
    """Write a notebook with the texts that wait for a person, and open it in JupyterLab.

    It lies in a folder of its own, so that JupyterLab shows nothing else of the class.
    """
    waiting = len(Queue(classroom, "").left)
    if not waiting:
        print(f"{classroom.name}: no text waits for a person.")
        return
    print(f"{classroom.name}: {waiting} {'text waits' if waiting == 1 else 'texts wait'}.")
    notebook = _notebook(classroom)
    page.write(notebook.with_name(".gitignore"), "*\n")
    _open(notebook, port, browser)


def _notebook(classroom: Classroom) -> Path:
    call = f"from labs.kit.grading.reading import read\n\nread({str(classroom.folder)!r})"
    cells = [
        nbformat.v4.new_markdown_cell(ABOUT, id="about"),
        nbformat.v4.new_code_cell(call, id="read"),
    ]
    made = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": KERNELSPEC})
    return page.write(classroom.folder / "reading" / "read.ipynb", dumps(made))


def _open(notebook: Path, port: int, browser: bool) -> None:
    """Show the notebook in the JupyterLab of its folder, and stay while that is new."""
    folder, name, running = notebook.parent, Path(notebook.name), []
    found = server.find(folder)
    try:
        if not found:
            with server._uninterrupted():
                running.append(server._launch(folder, port, {}, book=False))
            found = server._wait(folder, running[0], {})
        print(f"Read them at\n\n    {server.address(found, name)}\n", flush=True)
        if browser:
            server.webbrowser.open(server.address(found, name))
        if running:
            server._stay(running[0])
    finally:
        for one in running:
            server._end(one)


def read(folder: str | Path, reader: str = "") -> None:
    """Show the texts of the class in `folder`; `reader` (default: who is logged in) signs."""
    from IPython.display import HTML, Javascript, display

    try:
        panel = Panel(Queue(open_class(Path(folder)), reader or getpass.getuser()))
    except UserError as error:
        print(error)
        return
    style = STYLE.read_text(encoding="utf-8")
    display(HTML(f"<style>{style}</style>"), panel.box)
    display(Javascript(SCRIPT.read_text(encoding="utf-8")))
