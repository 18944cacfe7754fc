"""The browser of this machine, without a window: it looks at decks and prints them.

It is told what to do over the DevTools protocol, through websocket-client, which comes with
Jupyter's server.
"""

import base64
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from labs.kit.errors import UserError

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
PLACES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "C:/Program Files/Google/Chrome/Application/chrome.exe",
    "C:/Program Files (x86)/Microsoft/Edge/Application/msedge.exe",
)
NAMED = "LABS_CHROMIUM"  # environment variable: the browser to use
OPENED = 'document.readyState === "complete"'
SECONDS = 60  # for one thing that it is told to do, on a slow machine
OPTIONS = (
    "--headless",
    "--no-sandbox",  # the page is our own file and asks nobody; containers have no sandbox
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",  # a container's is small
    "--remote-debugging-port=0",
)


def find() -> str:
    """The path of the browser; raises UserError if there is none."""
    named = os.environ.get(NAMED)
    for name in (named,) if named else (*NAMES, *PLACES):
        if found := shutil.which(name):
            return found
    raise UserError(
        f"No browser to look at slides with: {named or ', '.join(NAMES)} is not there. Install "
        f"Chromium or Chrome, or name yours in the environment variable {NAMED}."
    )


class Page:
    """One page of the browser."""

    def __init__(self, socket: Any):
        self.socket, self.told = socket, 0

    def tell(self, method: str, **arguments: Any) -> dict:
        """Tell the page to do something, by a name of the DevTools protocol; what it answers."""
        self.told += 1
        self.socket.send(json.dumps({"id": self.told, "method": method, "params": arguments}))
        while (answer := json.loads(self.socket.recv())).get("id") != self.told:
            pass
        if "error" in answer:
            raise UserError(f"{find()} could not {method}: {answer['error']['message']}.")
        return answer["result"]

    def goto(self, address: str) -> None:
        """Open an address."""
        self.tell("Page.navigate", url=address)
        until = time.monotonic() + SECONDS
        while not self.evaluate(
            f"() => {OPENED} && location.href.startsWith({json.dumps(address)})"
        ):
            if time.monotonic() > until:
                raise UserError(f"{address}: the browser did not open it in {SECONDS} seconds.")
            time.sleep(0.02)

    def evaluate(self, function: str) -> Any:
        """What the JavaScript `function` gives, awaited."""
        answer = self.tell(
            "Runtime.evaluate",
            expression=f"({function})()",
            awaitPromise=True,
            returnByValue=True,
        )
        if "exceptionDetails" in answer:
            raise UserError(f"The page failed: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def resize(self, width: int, height: int) -> None:
        """Give the page the size of a screen."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.tell("Emulation.setDeviceMetricsOverride", **size)

    def pdf(self, **options: Any) -> bytes:
        """The page as PDF."""
        return base64.b64decode(self.tell("Page.printToPDF", **options)["data"])


@contextmanager
def opened() -> Iterator[Page]:
    """A page of a browser with a profile that nobody else has; both end with the block."""
    import websocket

    with tempfile.TemporaryDirectory(prefix="mlops-labs-", ignore_cleanup_errors=True) as profile:
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        command = [find(), *OPTIONS, f"--user-data-dir={profile}", "about:blank"]
        process = subprocess.Popen(command, **quiet)
        try:
            port, _ = _ports(Path(profile) / "DevToolsActivePort", process)
            socket = websocket.create_connection(
                _page_of(port), timeout=SECONDS, suppress_origin=True
            )
            yield Page(socket)
            socket.close()
        finally:
            process.terminate()
            process.wait(SECONDS)


def _ports(path: Path, process: subprocess.Popen) -> list[str]:
    """The two lines that the browser writes once it listens: its port, and its own address."""
    until = time.monotonic() + SECONDS
    while process.poll() is None and time.monotonic() < until:
        if path.is_file() and len(lines := path.read_text().split()) == 2:
            return lines
        time.sleep(0.02)
    raise UserError(
        f"{find()} did not start. Start it by hand to see why, or name another browser in the "
        f"environment variable {NAMED}."
    )


def _page_of(port: str) -> str:
    """The address of the browser's first page."""
    import urllib.request

    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(f"http://127.0.0.1:{port}/json/list", timeout=SECONDS) as answer:
        pages = [one for one in json.load(answer) if one["type"] == "page"]
    return pages[0]["webSocketDebuggerUrl"]
