"""The built book and a real browser, shared by the tests of the book.

Builds happen once: `book.build` holds a lock and does nothing when the book is
up to date, so every worker can ask for it.
"""

import http.server
import os
import shutil
import threading
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from labs.kit import book

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
MAC = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
SUB_PATH = "/some/sub/path"
NOBODY_ELSE = "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"


@pytest.fixture(scope="session")
def built_book() -> Path:
    return book.build()


@pytest.fixture(scope="module")  # not "session": one process can hold one Playwright at a time
def browser():
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium(), args=[NOBODY_ELSE])
        yield running
        running.close()


def chromium() -> str:
    """The system's browser; its absence fails the test, since nothing else looks at the book."""
    for name in (*NAMES, MAC):
        if found := shutil.which(name):
            return found
    pytest.fail(
        f"None of {', '.join(NAMES)} is on the PATH. Install a browser: `apt-get install chromium` "
        "on Debian, `brew install --cask google-chrome` on macOS."
    )


class Watched:
    """A page, what it asked of other hosts, and what went wrong in it."""

    def __init__(self, page: Page):
        self.page = page
        self.outside: list[str] = []
        self.wrong: list[str] = []
        page.on("request", self._request)
        page.on("pageerror", lambda error: self.wrong.append(f"{page.url}: {error}"))
        page.on("console", self._console)
        page.on("response", self._response)

    def _request(self, request) -> None:
        """The browser finds no host but this machine; what it looks for is noted all the same."""
        address = urlsplit(request.url)
        if address.scheme not in ("file", "data", "blob") and address.hostname != "127.0.0.1":
            self.outside.append(request.url)

    def _console(self, message) -> None:
        if message.type == "error":
            self.wrong.append(f"{self.page.url}: {message.text}")

    def _response(self, response) -> None:
        if response.status >= 400:
            self.wrong.append(f"{self.page.url}: {response.url} answered {response.status}")


@contextmanager
def watched(browser: Browser, **settings):
    """A watched page in a context of its own, which nothing else has visited."""
    context = browser.new_context(**settings)
    try:
        yield Watched(context.new_page())
    finally:
        context.close()


class _BelowSubPath(http.server.SimpleHTTPRequestHandler):
    """Serves the folder at SUB_PATH, and nothing anywhere else."""

    def translate_path(self, path: str) -> str:
        inside = path.startswith(f"{SUB_PATH}/")
        return super().translate_path(path.removeprefix(SUB_PATH)) if inside else os.devnull + "x"

    def log_message(self, *args) -> None:
        pass


@contextmanager
def served(folder: Path):
    """The address of `folder`, served over HTTP below a path."""
    handler = partial(_BelowSubPath, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}{SUB_PATH}"
        server.shutdown()
