"""The book as it is built: its contents, its errors, and when it does nothing."""

import html
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from browser import built_book  # noqa: F401  a fixture

import labs
from labs import cli
from labs.kit import book, book_server, cuts, execute, manifest, material
from labs.kit.errors import UserError

COURSE = manifest.read()
RECORD = {
    "date": "2026-11-21",
    "nbval": "passed",
    "papermill": "failed",
    "seconds": 3.2,
    "python": "3.11.7",
    "platform": "Linux x86_64",
    "packages": {"mlflow": "3.17.2"},
}


def read(site: Path, page: str) -> str:
    return (site / f"{page}.html").read_text(encoding="utf-8")


def test_contents_are_the_manifest_s_lessons_and_every_prose_page():
    lessons = [book.page_of(lesson) for lesson in COURSE.lessons]
    prose = [f"book/{path.stem}" for path in (material.root() / "book").glob("*.md")]
    listed = book.pages(COURSE)
    assert [page for page in listed if page.startswith("notebooks/")] == lessons
    assert sorted(page for page in listed if page.startswith("book/")) == sorted(prose)


def test_a_track_without_lessons_is_not_in_the_contents():
    track = manifest.Track("monitoring", "Monitoring", "Nothing yet.")
    course = manifest.Course("x", (*COURSE.tracks, track), COURSE.lessons)
    assert "Monitoring" not in [part["caption"] for part in book.contents(course)["parts"]]


def test_every_page_is_built(built_book):  # noqa: F811
    for page in [*book.pages(COURSE), "index", "search"]:
        assert (built_book / f"{page}.html").is_file()


def test_a_second_build_does_nothing():
    before = (book.build() / "index.html").stat()
    after = (book.build() / "index.html").stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_a_lesson_page_shows_what_the_manifest_says(built_book):  # noqa: F811
    for lesson in COURSE.lessons:
        page = read(built_book, book.page_of(lesson))
        assert f"{lesson.minutes} minutes" in page
        assert f"<code>labs open {lesson.slug}</code>" in page
        assert f'data-path="{COURSE.workspace_path(lesson).as_posix()}"' in page


def test_the_introduction_lists_every_lesson_with_its_objectives(built_book):  # noqa: F811
    page = re.sub("[\u2018\u2019]", "'", html.unescape(read(built_book, "book/intro")))
    for lesson in COURSE.lessons:
        assert lesson.title in page
        for objective in lesson.objectives:
            assert objective in page


def test_a_track_has_a_page_of_its_own_that_lists_its_lessons(built_book):  # noqa: F811
    page = read(built_book, "book/deployment")
    track = next(track for track in COURSE.tracks if track.slug == "deployment")
    lessons = COURSE.in_track(track)
    assert f"{len(lessons)} lessons, {sum(lesson.minutes for lesson in lessons)} minutes" in page
    for lesson in lessons:
        assert f"../{book.page_of(lesson)}.html" in page
        assert lesson.title in (material.root() / "book/deployment.md").read_text("utf-8")


def test_titles_named_on_the_track_s_page_are_lessons():
    text = (material.root() / "book/deployment.md").read_text("utf-8").split("### To read next")[0]
    named = set(re.findall(r"(?<!\*)\*([A-Z][^*]+)\*(?!\*)", text)) - {"In practice"}
    titles = {lesson.title for lesson in COURSE.lessons} | {"Start here"}
    assert named <= titles and len(named) >= 10


def test_a_lesson_page_leads_to_the_one_before_and_the_one_after(built_book):  # noqa: F811
    pages = book.pages(COURSE)
    for lesson in COURSE.lessons:
        place = pages.index(book.page_of(lesson))
        links = re.findall(
            r'<a class="(left-prev|right-next)"\s+href="([^"]+)"',
            read(built_book, book.page_of(lesson)),
        )
        ends = {name: address.rsplit("/")[-1] for name, address in links}
        before, after = (pages[place + step].rsplit("/")[-1] for step in (-1, 1))
        assert ends == {"left-prev": f"{before}.html", "right-next": f"{after}.html"}


def test_a_lesson_page_shows_its_quiz_and_no_presenter_s_notes(built_book):  # noqa: F811
    for lesson in COURSE.lessons:
        notebook = execute.read_notebook(material.root() / lesson.path)
        page = read(built_book, book.page_of(lesson))
        answers = sum(cell.source.count("<details>") for cell in notebook.cells)
        assert page.count("<details>") == answers >= 9
        said = re.sub("[\u2018\u2019]", "'", html.unescape(page))
        for cell in notebook.cells:
            if cuts.is_notes(cell):
                longest = max(re.split(r"[.?!`*'\"]\s*", cell.source), key=len)
                assert longest not in said, f"{lesson.slug}: {cell.id}"


def test_the_command_reference_is_complete(built_book):  # noqa: F811
    page = read(built_book, "book/commands")
    commands = next(a for a in cli.parser()._actions if a.dest == "command").choices
    for name, command in commands.items():
        assert f"<h2>labs {name}" in page
        for option in (text for action in command._actions for text in action.option_strings):
            assert option in page, f"labs {name} {option}"


def test_a_missing_tool_is_named_with_its_remedy(tmp_path, monkeypatch):
    monkeypatch.setattr(book, "TOOLS", ("no-such-tool-is-installed",))
    monkeypatch.setenv("LABS_BOOK", str(tmp_path / "book"))
    with pytest.raises(UserError, match=r"(?s)no-such-tool-is-installed .* pip install"):
        book.build()
    assert "no-such-tool" in book_server.waiting_page(tmp_path / "book")


def test_the_page_that_waits_shows_an_error_as_text(tmp_path):
    book.failure(tmp_path / "book").write_text("<script>alert(1)</script>", encoding="utf-8")
    page = book_server.waiting_page(tmp_path / "book")
    assert "&lt;script&gt;" in page
    assert "labs book" in page


def test_a_folder_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LABS_BOOK", str(tmp_path / "file" / "book"))
    with pytest.raises(UserError, match="LABS_BOOK"):
        book.build()


def test_a_port_in_use_is_passed_over_and_the_book_is_served_until_ctrl_c(built_book):  # noqa: F811
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "labs.cli", "book", "--serve", "--port", str(port)]
        serving = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert serving.stdout.readline() == f"Port {port} is in use.\n"
        address = re.search(r"http://\S+", serving.stdout.readline()).group()
        with urllib.request.urlopen(address, timeout=30) as answer:
            assert b"MLOps Labs" in answer.read()
        serving.send_signal(signal.SIGINT)
        assert serving.wait(30) == 0


def test_no_port_at_all_is_an_error_with_a_remedy(built_book):  # noqa: F811
    with pytest.raises(UserError, match="Choose another: labs book --serve --port"):
        book.serve_until_stopped(70_000)


class Installed:
    """The kit as a wheel installs it, with the material inside the package."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.material = folder / "labs" / "_material"
        self.site = folder / "cache" / "book"
        skipped = shutil.ignore_patterns("__pycache__", "*.pyc")
        shutil.copytree(Path(labs.__file__).parent, folder / "labs", ignore=skipped)
        for name in material.FOLDERS:
            shutil.copytree(material.root() / name, self.material / name, ignore=skipped)

    def build(self) -> subprocess.CompletedProcess:
        settings = {
            "PYTHONPATH": str(self.folder),
            "LABS_BUILD": str(self.folder / "cache"),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        env = {key: value for key, value in os.environ.items() if key != "LABS_BOOK"}
        command = [sys.executable, "-P", "-m", "labs.cli", "book"]
        return subprocess.run(
            command, cwd=self.folder, env={**env, **settings}, capture_output=True, text=True
        )

    def keep_first_lesson(self):
        """Take all else out of the course: a build then takes half the time."""
        course = self.material / "exercises" / "course.toml"
        course.chmod(0o644)
        first = course.read_text(encoding="utf-8").split("\n[[lessons]]")[:2]
        course.write_text("\n[[lessons]]".join(first), encoding="utf-8")

    def files(self) -> list[str]:
        return sorted(path.as_posix() for path in self.material.rglob("*"))


def whisper_in(path):
    """Add cells for the presenter alone, of each kind, to the lesson."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    hidden = [{"tags": ["notes"]}, {"tags": ["skip-book"]}, {"slideshow": {"slide_type": "notes"}}]
    for number, metadata in enumerate(hidden):
        cell = {"cell_type": "markdown", "id": f"hidden-{number}", "metadata": metadata}
        notebook["cells"].append({**cell, "source": ["whispered to the presenter"]})
    removed = {"cell_type": "code", "id": "removed", "metadata": {"tags": ["remove-cell"]}}
    source = {"execution_count": 1, "outputs": [], "source": ["whispered = 1"]}
    notebook["cells"].append({**removed, **source})
    path.write_text(json.dumps(notebook), encoding="utf-8")


def test_installed_material_is_only_read_and_a_broken_link_keeps_the_last_good_book(tmp_path):
    """Cells for the presenter are not shown either."""
    kit = Installed(tmp_path)
    whisper_in(kit.material / COURSE.lessons[0].path)
    files = kit.files()
    for path in [kit.material, *kit.material.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)

    done = kit.build()
    assert done.returncode == 0, done.stderr
    assert kit.files() == files
    assert "not been verified on this machine" in read(kit.site, "book/verified")
    assert "whispered" not in read(kit.site, book.page_of(COURSE.lessons[0]))

    kit.keep_first_lesson()
    first_day = kit.material / "book" / "first-day.md"
    good = first_day.read_text(encoding="utf-8")
    first_day.chmod(0o644)
    first_day.write_text(good + "\n[nowhere](nowhere.md)\n", encoding="utf-8")
    record = {COURSE.lessons[0].slug: RECORD}
    (tmp_path / "cache" / "verified.json").write_text(json.dumps(record), encoding="utf-8")
    done = kit.build()
    assert done.returncode == 1
    assert "book/first-day.md" in done.stderr
    assert "nowhere" in done.stderr
    assert "Traceback" not in done.stderr
    assert book.failure(kit.site).is_file()
    assert "Your first day" in read(kit.site, "book/first-day")

    first_day.write_text(good, encoding="utf-8")
    assert kit.build().returncode == 0
    assert not book.failure(kit.site).exists()
    verified = read(kit.site, "book/verified")
    for shown in ("2026-11-21", "passed", "failed", "3.2", "mlflow 3.17.2"):
        assert shown in verified


def test_a_lesson_that_is_not_written_is_named(tmp_path):
    kit = Installed(tmp_path)
    missing = COURSE.lessons[-1]
    (kit.material / missing.path).unlink()
    done = kit.build()
    assert done.returncode == 1
    assert f"{missing.path}: the manifest names this lesson" in done.stderr
    assert "Traceback" not in done.stderr
    (kit.material / missing.path).write_text("{half a notebook", encoding="utf-8")
    done = kit.build()
    assert done.returncode == 1
    assert f"{missing.path.name}: not a notebook" in done.stderr
    assert "Traceback" not in done.stderr
