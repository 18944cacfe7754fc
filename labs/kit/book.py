"""The book: prose pages and lessons as a Jupyter Book, built without running anything.

The table of contents is made from the manifest. Lessons are shown with the
outputs that are stored in them. A build that ends with a warning has failed, and
leaves the last good book where it was.
"""

import hashlib
import http.server
import importlib.metadata
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import webbrowser
from functools import partial
from pathlib import Path

from labs.kit import manifest, material
from labs.kit.errors import UserError
from labs.kit.execute import read_notebook

FIRST = "book/intro"
BEFORE = {"Start here": ("book/first-day", "book/glossary")}  # caption: pages before the lessons
AFTER = {
    "Practise": ("book/exercises",),
    "Reference": ("book/commands", "book/verified", "book/sources"),
    "For mentors": ("book/present-and-mentor", "book/grade-a-class"),
    "For maintainers": ("book/write-a-lesson", "book/write-an-exercise"),
}
TOOLS = ("jupyter-book", "sphinx", "sphinx-book-theme", "myst-nb", "sphinx-mathjax-offline")
COMPLAINTS = 15  # what fits on a screen
STAMP = ".stamp"  # in the built book: what it was built from
PORTS = 20  # how many ports after the wanted one `serve` tries
RUN = "import labs.kit; from jupyter_book.cli.main import main; main()"
ENTRANCE = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>MLOps Labs</title>'
    '<link rel="icon" href="_static/favicon.svg">'
    '<meta http-equiv="refresh" content="0; url={page}"></head>'
    '<body><main><h1>MLOps Labs</h1><a href="{page}">Open the book</a></main></body></html>\n'
)


def folder() -> Path:
    """Where the built book lies; the environment variable LABS_BOOK names another folder."""
    named = os.environ.get("LABS_BOOK")
    return Path(named).expanduser().resolve() if named else material.build_folder() / "book"


def failure(site: Path) -> Path:
    """The file that says why the last build of `site` failed; absent if it did not."""
    return site.with_name(f"{site.name}.error.txt")


def contents(course: manifest.Course) -> dict:
    """The book's table of contents, in the format `jb-book` of sphinx-external-toc."""
    tracks = {track.title: _pages_of(course, track) for track in course.tracks}
    parts = {**BEFORE, **{title: pages for title, pages in tracks.items() if pages}, **AFTER}
    return {
        "format": "jb-book",
        "root": FIRST,
        "parts": [
            {"caption": caption, "chapters": [{"file": page} for page in pages]}
            for caption, pages in parts.items()
        ],
    }


def _pages_of(course: manifest.Course, track: manifest.Track) -> list[str]:
    """The track's own page, if there is a `book/<track>.md`, and its lessons."""
    own = f"book/{track.slug}"
    lessons = [page_of(lesson) for lesson in course.in_track(track)]
    return [own, *lessons] if (material.root() / f"{own}.md").is_file() else lessons


def page_of(lesson: manifest.Lesson) -> str:
    """The page of one lesson, as a path without its ending."""
    return lesson.path.with_suffix("").as_posix()


def pages(course: manifest.Course) -> list[str]:
    """Every page of the book in reading order, as a path without its ending."""
    parts = contents(course)["parts"]
    return [FIRST, *(chapter["file"] for part in parts for chapter in part["chapters"])]


def build(force: bool = False) -> Path:
    """Build the book unless it is up to date, and return its folder.

    Raises UserError with the warnings of a build that did not pass.
    """
    site = folder()
    try:
        if force or not _is_built(site):
            _build_alone(site, force)
        failure(site).unlink(missing_ok=True)
    except OSError as error:
        raise UserError(
            f"The book cannot be written to {site}: {error.strerror or error}. Free some space or "
            "mend its permissions, or name another folder in the environment variable LABS_BOOK."
        ) from None
    return site


def main(open_browser: bool, serve: bool, port: int) -> None:
    """`labs book`: build, say where the book is, and show it if that is wanted."""
    if serve:
        return serve_until_stopped(port, open_browser)
    site = open_in_browser() if open_browser else build()
    print(f"The book is {site / 'index.html'}")


def open_in_browser() -> Path:
    """Build the book and show it in the browser, straight from its files."""
    site = build()
    webbrowser.open((site / "index.html").as_uri())
    return site


def serve_until_stopped(port: int = 8000, open_browser: bool = False) -> None:
    """Build the book and serve it on this machine alone, until Ctrl-C."""
    server = _server(build(), port)
    address = f"http://127.0.0.1:{server.server_port}/"
    if server.server_port != port:
        print(f"Port {port} is in use.")
    print(f"The book is at {address}  (Ctrl-C ends it)", flush=True)
    if open_browser:
        webbrowser.open(address)
    with server:
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print()


def _build_alone(site: Path, force: bool) -> None:
    from labs.kit.workspace import Locked  # imports nbformat, which takes seconds

    with Locked(site.with_name(f"{site.name}.lock")):
        if force or not _is_built(site):  # another process may have built it meanwhile
            try:
                _build(site)
            except UserError as error:
                failure(site).write_text(f"{error}\n", encoding="utf-8")
                raise


def _stamp(course: manifest.Course) -> str:
    """A hash of all that the book is made of: sources, machinery, tools."""
    digest = hashlib.sha256(platform.python_version().encode())
    for tool in TOOLS:
        digest.update(f"{tool} {_version(tool)}\n".encode())
    for path in _sources(course):
        digest.update(f"{path} {_digest(path)}\n".encode())
    return digest.hexdigest()


def _version(tool: str) -> str:
    try:
        return importlib.metadata.version(tool)
    except importlib.metadata.PackageNotFoundError:
        raise UserError(
            f"{tool} is not installed, and the book needs it. In a clone run: "
            "python3 labs start\nElsewhere run: pip install 'mlops-labs[book]'"
        ) from None


def _sources(course: manifest.Course) -> list[Path]:
    root, kit = material.root(), Path(__file__).parent
    book = sorted(path for path in (root / "book").rglob("*") if path.is_file())
    lessons = [root / lesson.path for lesson in course.lessons]
    for path in lessons:
        if not path.is_file():
            raise UserError(
                f"{path.relative_to(root)}: the manifest names this lesson, and there is no such "
                "file. Restore it from git, or take it out of course.toml."
            )
        read_notebook(path)  # names the file, where Sphinx would show a traceback
    machinery = [
        root / "exercises" / "course.toml",
        *sorted(kit.glob("*.py")),
        kit.parent / "cli.py",
    ]
    return [path for path in book if path.suffix != ".pyc"] + lessons + machinery + [_verified()]


def _verified() -> Path:
    return material.build_folder() / "verified.json"


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "none"


def _is_built(site: Path) -> bool:
    try:
        course = manifest.read()
        return (site / STAMP).read_text() == _stamp(course) and not _missing(site, course)
    except (FileNotFoundError, UserError):  # `_build` meets the error again, and reports it
        return False


def _missing(site: Path, course: manifest.Course) -> list[str]:
    return [page for page in pages(course) if not (site / f"{page}.html").is_file()]


def _build(site: Path) -> None:
    """Build beside `site` and put the new book in its place only when it is whole."""
    course = manifest.read()
    stamp = _stamp(course)
    work = site.with_name(f"{site.name}.building")
    shutil.rmtree(work, ignore_errors=True)
    try:
        work.mkdir(parents=True)
        toc = work / "_toc.yml"
        toc.write_text(json.dumps(contents(course)), encoding="utf-8")  # JSON is YAML
        _jupyter_book(toc, work)
        html = work / "_build" / "html"
        if missing := _missing(html, course):
            raise UserError(
                f"The book lacks {', '.join(missing)}. Remove {work.parent} and run: labs book"
            )
        (html / "index.html").write_text(ENTRANCE.format(page=f"{FIRST}.html"), encoding="utf-8")
        (html / STAMP).write_text(stamp)
        if site.exists():
            os.replace(site, work / "before")
        os.replace(html, site)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _jupyter_book(toc: Path, work: Path) -> None:
    root, package = material.root(), Path(__file__).resolve().parents[2]
    settings = {
        "PYTHONPATH": os.pathsep.join([str(package), os.environ.get("PYTHONPATH", "")]),
        "PYTHONUTF8": "1",
        "COLUMNS": "80",  # the width at which argparse wraps a usage line
        "NO_COLOR": "1",
        "LABS_BUILD": str(material.build_folder()),
    }
    command = [sys.executable, "-P", "-c", RUN]
    command += ["build", str(root), "--config", str(root / "book" / "_config.yml")]
    command += ["--toc", str(toc), "--path-output", str(work), "-W", "-n", "--keep-going", "-q"]
    done = subprocess.run(
        command, cwd=work, env={**os.environ, **settings}, capture_output=True, text=True,
        encoding="utf-8", errors="replace", stdin=subprocess.DEVNULL,
    )  # fmt: skip
    if done.returncode:
        raise UserError(
            f"The book was not built:\n{_complaints(done.stderr + done.stdout, root)}\n"
            "Mend that and run: labs book"
        )


def _complaints(said: str, root: Path) -> str:
    """The warnings and errors in what Jupyter Book said, or its last lines if it gave none."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", said).replace(f"{root}{os.sep}", "")
    lines = [f"  {line}" for line in plain.splitlines() if line.strip()]
    marked = [line for line in lines if "WARNING:" in line or "ERROR:" in line]
    if len(marked) > COMPLAINTS:
        marked[COMPLAINTS:] = [f"  and {len(marked) - COMPLAINTS} more"]
    return "\n".join(marked or lines[-COMPLAINTS:])


def _server(site: Path, port: int) -> http.server.ThreadingHTTPServer:
    handler = partial(_Quiet, directory=str(site))
    for candidate in range(port, port + PORTS):
        try:
            return http.server.ThreadingHTTPServer(("127.0.0.1", candidate), handler)
        except (OSError, OverflowError):
            continue
    raise UserError(
        f"No port from {port} to {port + PORTS - 1} can be used. Choose another: labs book "
        "--serve --port NUMBER"
    )


class _Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves files without a line for each request."""

    def log_message(self, *args: object) -> None:
        pass
