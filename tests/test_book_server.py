"""The book served by a real JupyterLab, and the button that opens a lesson there."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from browser import browser, built_book, watched  # noqa: F401  fixtures

from labs.kit import book, manifest, material, server

COURSE = manifest.read()
LESSON = COURSE.lessons[-1]
PAGE = LESSON.path.with_suffix(".html").as_posix()
TOKEN = "for-the-test"
BASE_URL = "/user/new-hire/"
NO_NEWS = {"@jupyterlab/apputils-extension:notification": {"fetchNews": "false"}}


class Lab:
    """A JupyterLab below a base URL, whose book is not built yet."""

    def __init__(self, folder: Path, port: int):
        self.site = folder / "built" / "book"
        self.site.parent.mkdir()
        self.workspace = folder / "workspace"
        self.address = f"http://127.0.0.1:{port}{BASE_URL}"
        target = self.workspace / COURSE.workspace_path(LESSON)
        target.parent.mkdir(parents=True)
        shutil.copy(material.root() / LESSON.path, target)
        settings = folder / "settings"
        settings.mkdir()
        (settings / "overrides.json").write_text(json.dumps(NO_NEWS), encoding="utf-8")
        command = [
            *(sys.executable, "-c", server.JUPYTERLAB, "--no-browser", "--allow-root"),
            f"--ServerApp.root_dir={self.workspace}",
            *(f"--ServerApp.port={port}", "--ServerApp.port_retries=0"),
            *(f"--ServerApp.base_url={BASE_URL}", f"--IdentityProvider.token={TOKEN}"),
            "--ServerApp.jpserver_extensions={'labs.kit.book_server': True}",
            f"--LabApp.app_settings_dir={settings}",
        ]
        private = {"LABS_BOOK": self.site, "JUPYTER_CONFIG_DIR": folder, "JUPYTER_DATA_DIR": folder}
        self.log = folder / "log"
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(
                command,
                env={**os.environ, **{name: str(value) for name, value in private.items()}},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait(self) -> "Lab":
        while self.process.poll() is None:
            try:
                self.get("api/status", TOKEN)
                return self
            except OSError:
                time.sleep(0.2)
        raise AssertionError(self.log.read_text(encoding="utf-8"))

    def get(self, path: str, token: str = "") -> tuple[int, str]:
        """Status and text of the answer at `path`, sent exactly as written."""
        headers = {"Authorization": f"token {token}"} if token else {}
        request = urllib.request.Request(self.address + path, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def stop(self) -> None:
        if hasattr(os, "killpg"):
            os.killpg(self.process.pid, signal.SIGTERM)
        else:
            self.process.terminate()
        self.process.wait(20)


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    running = Lab(tmp_path_factory.mktemp("lab"), port)
    try:
        yield running.wait()
    finally:
        running.stop()


@pytest.fixture
def lab_with_book(lab, built_book):  # noqa: F811
    shutil.copytree(built_book, lab.site, dirs_exist_ok=True)
    return lab


@pytest.fixture
def lab_without_book(lab):
    shutil.rmtree(lab.site, ignore_errors=True)
    return lab


def test_a_page_says_that_the_book_is_being_built_and_then_becomes_it(
    browser,  # noqa: F811
    lab_without_book,
    built_book,  # noqa: F811
):
    lab = lab_without_book
    with watched(browser) as visit:
        visit.page.goto(f"{lab.address}labs/book/{PAGE}?token={TOKEN}")
        assert "being built" in visit.page.inner_text("h1")
        book.failure(lab.site).write_text("somewhere.md: WARNING: no such page", encoding="utf-8")
        visit.page.get_by_text("no such page").wait_for()
        assert "labs book" in visit.page.inner_text("main")
        book.failure(lab.site).unlink()
        shutil.copytree(built_book, lab.site)
        visit.page.locator(".labs-lesson").wait_for()
        assert visit.outside == []
        assert visit.wrong == []


def test_the_button_opens_the_lesson_in_this_jupyterlab(browser, lab_with_book):  # noqa: F811
    with watched(browser) as visit:
        visit.page.goto(f"{lab_with_book.address}labs/book?token={TOKEN}")
        visit.page.wait_for_url(f"**/labs/book/{book.FIRST}.html")
        visit.page.goto(f"{lab_with_book.address}labs/book/{PAGE}")
        assert not visit.page.locator(".labs-command").is_visible()
        with visit.page.expect_popup() as opened:
            visit.page.get_by_role("link", name="Open this lesson").click()
        opened.value.locator(".jp-NotebookPanel h1", has_text=LESSON.title).wait_for(timeout=60_000)
        assert visit.outside == []
        assert visit.wrong == []


def test_nothing_is_served_without_the_token(lab_with_book):
    for path in ("labs/book/", f"labs/book/{PAGE}", "labs/book/_static/labs-server.js"):
        status, text = lab_with_book.get(path)
        assert status == 403 or "Password or token" in text, path
        assert "labs-lesson" not in text


@pytest.mark.parametrize(
    "path",
    [
        "../log",
        "../../log",
        "%2e%2e/%2e%2e/log",
        "..%2f..%2flog",
        "%2e%2e%2f%2e%2e%2flog",
        "....//....//log",
        "/etc/passwd",
        "%2fetc%2fpasswd",
    ],
)
def test_no_path_leads_out_of_the_book(lab_with_book, path):
    assert lab_with_book.get(f"labs/book/{path}", TOKEN)[0] in (403, 404)


def test_pages_are_asked_for_anew_each_time(lab_with_book):
    request = urllib.request.Request(
        f"{lab_with_book.address}labs/book/{PAGE}", headers={"Authorization": f"token {TOKEN}"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.headers["Cache-Control"] == "no-cache"
