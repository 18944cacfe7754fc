"""Serve an ASGI application from a thread, over a socket that nobody else can reach."""

import asyncio
import contextlib
import ctypes
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn

START_SECONDS = 10  # for an application to start
STOP_SECONDS = 2  # for its running requests to end; a thread that hangs is left behind after it
LETTERS = 10_000  # of what an application raised; a whole table may be part of it


def listening(folder: Path) -> socket.socket:
    """A socket in `folder`; where there is none, or its path is too long, a loopback port."""
    if hasattr(socket, "AF_UNIX") and os.name != "nt":
        unix = socket.socket(socket.AF_UNIX)
        try:
            unix.bind(str(folder / "s"))
            unix.listen()
            return unix
        except OSError:
            unix.close()
    return socket.create_server(("127.0.0.1", 0))


def connected(family: int, address: Any, seconds: float) -> socket.socket:
    """A connection to the socket of that family at `address`; it waits so long at most."""
    connection = socket.socket(family)
    connection.settimeout(seconds)
    connection.connect(address)
    return connection


class Server(uvicorn.Server):
    """A server that ends at once if nobody waits for an answer, not after 0.2 s."""

    async def main_loop(self) -> None:
        """Wait until the server shall end."""
        await self.on_tick(0)
        while not self.should_exit:
            await asyncio.sleep(0.005)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Wait for running requests, if there are any, and end the application's lifespan."""
        if self.server_state.connections or self.server_state.tasks:
            await super().shutdown(sockets)
        else:
            for one in self.servers:
                one.close()
            await self.lifespan.shutdown()


@contextmanager
def served(app: Any, listener: socket.socket, name: str) -> Iterator[str | None]:
    """Let uvicorn answer on `listener`, in a thread of that name; None, or why it did not start."""
    problems: list[str] = []
    config = uvicorn.Config(
        _telling(app, problems),
        interface="asgi3",
        loop="asyncio",
        http="h11",
        ws="none",
        log_config=None,
        log_level="critical",
        access_log=False,
        timeout_graceful_shutdown=1,
    )
    server, others = Server(config), set(threading.enumerate())

    def serve() -> None:
        with contextlib.suppress(SystemExit):  # uvicorn's, if `app` does not start; or ours
            server.run([listener])

    thread = threading.Thread(target=serve, name=name, daemon=True)
    thread.start()
    try:
        _wait_until(lambda: server.started or not thread.is_alive(), START_SECONDS)
        yield None if server.started else " ".join(problems[-1:]) or "it takes too long"
    finally:
        server.should_exit = True
        thread.join(STOP_SECONDS)
        server.force_exit = True
        for hanging in set(threading.enumerate()) - others:
            if hanging is thread or hanging.name.startswith("AnyIO worker"):
                _interrupt(hanging)


def _telling(app: Any, problems: list[str]):
    """The application `app`; what it raises is the body of its status 500, or a problem."""

    async def telling(scope, receive, send):
        held: list[dict] = []  # a status 500, until it is known whether `app` raises
        begun = False

        async def holding(message):
            nonlocal begun
            if message["type"] == "lifespan.startup.failed":
                problems.append(message.get("message", "").strip().rpartition("\n")[2])
            if held or message.get("status") == 500:
                held.append(message)
            else:
                begun = True
                await send(message)

        try:
            await app(scope, receive, holding)
        except (Exception, SystemExit) as error:
            if begun or scope["type"] == "lifespan":
                raise
            text = f"{type(error).__name__}: {error}".encode(errors="replace")[:LETTERS]
            kind = [(b"content-type", b"text/plain; charset=utf-8")]
            held = [
                {"type": "http.response.start", "status": 500, "headers": kind},
                {"type": "http.response.body", "body": text},
            ]
        for message in held:
            await send(message)

    return telling


def _wait_until(done, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not done() and time.monotonic() < deadline:
        time.sleep(0.002)


def _interrupt(thread: threading.Thread) -> None:
    """Raise SystemExit in `thread`, at its next step of Python; a sleeping one wakes first."""
    if thread.is_alive():
        ident = ctypes.c_ulong(thread.ident)
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ident, ctypes.py_object(SystemExit))
        thread.join(0.2)
