"""A process that imports libraries once, and then forks a child for each request.

It is started by `labs.kit.warm.starting`, never imported into another process: a
fork is safe only where there is one thread and nothing open, and that is asserted
here after the imports. The child is a function named at the start, so that a
server for kernels and one for grading share the mechanism and nothing else.
"""

import atexit
import contextlib
import ctypes
import gc
import importlib
import json
import os
import selectors
import signal
import socket
import sys
import threading
import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path

from labs.kit.warm import memory, policy, preload, protocol

PATIENCE = 10  # seconds for a request to arrive whole
HELPERS = ("jemalloc_bg_thd",)  # an allocator's thread, which restarts itself in a fork
PR_SET_PDEATHSIG = 1  # Linux: the signal a process gets when its parent dies


class Unsafe(Exception):
    """The process cannot be forked safely; the message says why."""


@dataclass
class Child:
    """A fork that runs: its number, its end as a descriptor, its client's connection."""

    pid: int
    end: int
    connection: socket.socket


@dataclass
class Server:
    """One fork server. `idle` is how many seconds it stays without a child; None: for ever."""

    listener: socket.socket
    function: str
    idle: float | None = None
    lifeline: int | None = None
    begun: dict[str, str] = field(default_factory=lambda: dict(os.environ))
    children: dict[int, Child] = field(default_factory=dict)
    sources: list[str] = field(default_factory=list)

    def __post_init__(self):
        self.began_with = policy.stamp(self.sources)

    def serve(self) -> None:
        """Fork until told to end, until the lifeline breaks, or until idle for long enough."""
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.listener, selectors.EVENT_READ, self._accept)
        if self.lifeline is not None:
            self.selector.register(self.lifeline, selectors.EVENT_READ, self._lifeline_broke)
        last = time.monotonic()
        while True:
            for key, _ in self.selector.select(None if self.idle is None else 1.0):
                key.data()
            if self.children:
                last = time.monotonic()
            elif self.idle is not None and time.monotonic() - last > self.idle:
                return

    def retire(self) -> None:
        """End with the last child: a later server has taken this one's place."""
        self.idle = 0.0

    def _lifeline_broke(self) -> None:
        raise SystemExit(0)

    def end(self) -> None:
        """Kill every child that still runs."""
        for child in self.children.values():
            _kill_group(child.pid)

    def _accept(self) -> None:
        connection, _ = self.listener.accept()
        if protocol.peer(connection)[1] != os.getuid():
            connection.close()
            return
        connection.settimeout(PATIENCE)
        try:
            request, files = protocol.receive_request(connection)
        except (OSError, ValueError, TypeError):
            connection.close()
            return
        reason = policy.difference(request.env, self.begun, dict(os.environ)) or self._stale()
        if reason:
            protocol.say(connection, refused=reason)
            protocol.close(files)
            connection.close()
        else:
            self._fork(connection, request, files)

    def _stale(self) -> str:
        if policy.stamp(self.sources) == self.began_with:
            return ""
        return "labs or the installed packages have changed since the fork server began"

    def _fork(self, connection: socket.socket, request, files: list[int]) -> None:
        pid = os.fork()
        if pid == 0:
            self._be_child(connection, request, files)
        protocol.close(files)
        child = Child(pid, os.pidfd_open(pid), connection)
        self.children[pid] = child
        self.selector.register(child.end, selectors.EVENT_READ, lambda: self._ended(child))
        self.selector.register(connection, selectors.EVENT_READ, lambda: self._left(child))
        protocol.say(connection, pid=pid)

    def _ended(self, child: Child) -> None:
        """Reap a child, and tell its client how it ended."""
        _, status = os.waitpid(child.pid, 0)
        self.selector.unregister(child.end)
        os.close(child.end)
        with contextlib.suppress(KeyError, ValueError):  # the client may have left before
            self.selector.unregister(child.connection)
        protocol.say(child.connection, exit=os.waitstatus_to_exitcode(status))
        child.connection.close()
        del self.children[child.pid]

    def _left(self, child: Child) -> None:
        """A client that goes takes its kernel with it; nothing else is ever sent to us."""
        self.selector.unregister(child.connection)
        _kill_group(child.pid)

    def _be_child(self, connection: socket.socket, request, files: list[int]) -> None:
        """Leave the server behind and run the function; never returns."""
        code = 1
        try:
            self._leave(connection, request, files)
            module, name = self.function.split(":")
            run = getattr(sys.modules[module], name)
            code = run(request, lambda: _say_ready(connection))
            threading._shutdown()  # what an interpreter does at its end, in its order
        except SystemExit as leaving:
            code = leaving.code if isinstance(leaving.code, int) else int(bool(leaving.code))
        except BaseException:
            traceback.print_exc()
        finally:
            _exit(code)

    def _leave(self, connection: socket.socket, request, files: list[int]) -> None:
        os.setsid()
        _die_with_parent()
        gc.enable()
        for number, place in zip(files, (0, 1, 2), strict=True):
            os.dup2(number, place)
        for child in self.children.values():
            os.close(child.end)
            child.connection.close()
        protocol.close(files)
        self.selector.close()
        self.listener.close()
        if self.lifeline is not None:
            os.close(self.lifeline)
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        made = {k: v for k, v in os.environ.items() if self.begun.get(k) != v}  # by imports
        os.environ.clear()
        os.environ.update({**made, **request.env})
        os.umask(request.umask)
        os.chdir(request.cwd)
        self.children.clear()


def _say_ready(connection: socket.socket) -> None:
    protocol.say(connection, ready=True)
    connection.close()  # the server's end of it stays


def _exit(code: int) -> None:
    """End as an interpreter does, but for the tear-down of thousands of modules."""
    try:
        atexit._run_exitfuncs()
    finally:
        for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
            with contextlib.suppress(Exception):
                stream.flush()
        os._exit(code)


def _die_with_parent() -> None:
    """Have the kernel (Linux's, not Jupyter's) end this process when the server ends."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)  # it may not have made its group yet


def require_safe(open_files: set[int]) -> None:
    """Raise Unsafe if a fork of this process could hang or share what it must not.

    `open_files` are the descriptors that may be open besides 0, 1 and 2.
    """
    python = [thread.name for thread in threading.enumerate()]
    if python != ["MainThread"]:
        raise Unsafe(f"an import started a thread: {python}")
    tasks = [Path(f"/proc/self/task/{task}") for task in os.listdir("/proc/self/task")]
    others = [
        (task / "comm").read_text().strip() for task in tasks if int(task.name) != os.getpid()
    ]
    strange = [name for name in others if name not in HELPERS]
    if len(strange) > _blas_threads():
        raise Unsafe(f"an import started threads outside Python: {strange}")
    extra = {int(name) for name in os.listdir("/proc/self/fd")} - open_files - {0, 1, 2}
    left = {name: _target(name) for name in extra if _target(name)}
    if left:
        raise Unsafe(f"an import left files open: {left}")
    secret = sorted(set(os.environ) - set(policy.servers_environment(dict(os.environ))))
    if secret := [name for name in secret if not name.startswith(("KMP_", "GIT_"))]:
        raise Unsafe(f"variables that a fork server must not have: {secret}")


def _blas_threads() -> int:
    """Idle threads that OpenBLAS keeps when it may use several; it renews them in a fork."""
    allowed = os.environ.get("OPENBLAS_NUM_THREADS") or os.environ.get("OMP_NUM_THREADS")
    return 0 if allowed == "1" else 2 * (os.cpu_count() or 1)


def _target(descriptor: int) -> str:
    try:
        return os.readlink(f"/proc/self/fd/{descriptor}")
    except OSError:
        return ""  # the one that listed the folder


def main() -> None:
    """Import, check, serve. The one argument is JSON: see `starting.configuration`."""
    config = json.loads(sys.argv[1])
    listener = socket.socket(fileno=config["listener"])
    server = Server(
        listener,
        config["function"],
        config["idle"],
        config["lifeline"],
        sources=config["sources"],
    )
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(0))
    signal.signal(signal.SIGUSR1, lambda *_: server.retire())
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the one who started us
    _forget_folder()
    gc.disable()  # nothing that is imported is garbage; forks switch it on again
    preload.load([config["function"].split(":")[0], *config["modules"]])
    module = importlib.import_module(config["function"].split(":")[0])
    getattr(module, "prepare", lambda: None)()  # what every fork would make again
    kept = {listener.fileno(), *([] if server.lifeline is None else [server.lifeline])}
    require_safe(kept)
    gc.collect()
    gc.freeze()
    memory.collapse()
    try:
        server.serve()
    finally:
        Path(config["path"]).unlink(missing_ok=True)
        server.end()


def _forget_folder() -> None:
    """Take the folder we were started in off the path, as ipykernel's launcher does."""
    if sys.path and Path(sys.path[0] or ".").resolve() == Path.cwd().resolve():
        del sys.path[0]


if __name__ == "__main__":
    main()
