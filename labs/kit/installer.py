"""Runs pip for an environment: progress while it works, one clear cause when it fails."""

import os
import queue
import re
import signal
import subprocess
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from labs.kit.errors import UserError
from labs.kit.progress import Progress

ARRIVING = re.compile(r"\s*(?:Collecting|Processing|Requirement already satisfied:) (\S+)")
TICK = 0.2  # seconds between looks at what is already installed
NO_NETWORK = (
    "NewConnectionError",
    "ConnectTimeout",
    "ReadTimeout",
    "NameResolutionError",
    "Temporary failure in name resolution",
    "getaddrinfo failed",
    "Network is unreachable",
    "Max retries exceeded",
    "ProxyError",
    "Connection broken",
    "Connection aborted",
)
PATIENCE = 10  # seconds that a stopped program gets to end by itself
AGAIN = "Run the same command again; it goes on where it stopped."


def follow(
    command: list[str],
    log: Path | None,
    inherited: int | None,
    at_line: Callable[[str], None],
    folder: Path | None = None,
) -> int:
    """Run a program in `folder`; its exit code. `at_line` gets every line, '' in silence.

    `log` gets a copy. The program inherits the file `inherited`, and with it the
    lock on the environment: should this process be killed, the next one waits
    until the program has ended too.
    """
    keep = (inherited,) if inherited is not None and os.name != "nt" else ()
    arrived: queue.Queue[bytes | None] = queue.Queue()
    with (
        open(log or os.devnull, "ab", buffering=0) as copy,
        subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=keep,
            start_new_session=True,  # so that its own helpers end with it
        ) as program,
    ):
        threading.Thread(target=_listen, args=(program.stdout, arrived), daemon=True).start()
        try:
            while (line := _next(arrived)) is not None:
                copy.write(line)
                at_line(line.decode("utf-8", errors="replace").rstrip())
            return program.wait()
        finally:
            _end(program)


def _listen(stream, arrived: queue.Queue) -> None:
    for line in stream:
        arrived.put(line)
    arrived.put(None)


def _next(arrived: queue.Queue) -> bytes | None:
    try:
        return arrived.get(timeout=TICK)
    except queue.Empty:
        return b""


def _end(program: subprocess.Popen) -> None:
    if program.poll() is not None:
        return
    _signal(program, signal.SIGTERM)
    try:
        program.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        _signal(program, getattr(signal, "SIGKILL", signal.SIGTERM))


def _signal(program: subprocess.Popen, number: int) -> None:
    """Tell a program and all that it has started; on Windows, the program alone."""
    if os.name == "nt":
        program.terminate()
        return
    with suppress(ProcessLookupError):
        os.killpg(program.pid, number)


def run(
    command: list[str], log: Path, inherited: int | None = None, folder: Path | None = None
) -> None:
    """Run a program to its end; raises UserError with the cause if it fails."""
    start = _size(log)
    if follow(command, log, inherited, lambda line: None, folder):
        raise UserError(diagnose(_since(log, start), log))


def install(
    command: list[str], total: int, installed: Callable[[], int], log: Path, inherited: int | None
) -> None:
    """Run `pip install` for `total` packages, of which `installed()` counts those in place."""
    start = _size(log)
    watch = _Watch(total, installed)
    failed = follow(command, log, inherited, watch.at_line)
    watch.step.done(failed=bool(failed))
    if failed:
        raise UserError(diagnose(_since(log, start), log))


class _Watch:
    """Turns the lines of `pip install` into progress: first fetching, then installing."""

    def __init__(self, total: int, installed: Callable[[], int]):
        self.installed, self.before = installed, installed()
        self.fetched: set[str] = set()
        self.fetching = True
        self.step = Progress("Fetching packages", total)

    def at_line(self, line: str) -> None:
        if line.startswith("Ignoring "):  # its marker names another platform
            self.step.total -= 1
        elif arriving := ARRIVING.match(line):
            self.fetched.add(_name(arriving[1]))
            self.step.at(len(self.fetched), _name(arriving[1]))
        elif line.startswith("Installing collected packages:"):
            self.step.done()
            self.fetching = False
            self.step = Progress("Installing packages", line.count(",") + 1)
        elif not self.fetching:
            self.step.at(self.installed() - self.before)


def _size(log: Path) -> int:
    return log.stat().st_size if log.exists() else 0


def _since(log: Path, start: int) -> str:
    return log.read_bytes()[start:].decode("utf-8", errors="replace")


def _name(requirement: str) -> str:
    """`ruff` in ruff==0.17.6 and in /wheels/ruff-0.17.6-py3-none-any.whl."""
    file = re.split(r"[/\\]", requirement)[-1]
    return re.split(r"-" if file.endswith(".whl") else r"[=<>;\[]", file)[0]


def diagnose(text: str, log: Path) -> str:
    """What made the program fail, judged by what it printed, and what to do about it."""
    details = f"Details: {log}"
    if "No space left on device" in text or "not enough space on the disk" in text:
        return f"The disk is full. Make room (about 2 GB). {AGAIN}\n{details}"
    if "DO NOT MATCH THE HASHES" in text:
        return (
            "A downloaded package is not the one in the lock: its hash differs. Nothing of it "
            "was installed.\nA proxy or a mirror may have altered it; try another network. "
            f"{AGAIN}\n{details}"
        )
    if "SSLError" in text or "CERTIFICATE_VERIFY_FAILED" in text:
        return (
            "The package index shows a certificate that this machine does not trust.\n"
            "Behind a company proxy, tell pip its certificate: "
            f"pip config set global.cert FILE. {AGAIN}\n{details}"
        )
    if any(sign in text for sign in NO_NETWORK):
        return (
            "The package index does not answer: the network is off, or a proxy is in the way.\n"
            f"The first run needs it; later ones do not. {AGAIN}\n{details}"
        )
    if missing := re.search(r"No matching distribution found for (\S+)", text):
        return (
            f"{missing[1]}: the package index has no build of it for this Python and machine.\n"
            f"Another Python (3.11 to 3.14, 64 bit) may have one; else renew the lock.\n{details}"
        )
    if "Permission denied" in text:
        return (
            "The environment cannot be written: permission denied. Clone the labs into a folder "
            f"of your own.\n{details}"
        )
    said = [line for line in text.splitlines() if line.strip()][-3:]
    return "\n".join(["Setting up the environment failed:", *said, details])
