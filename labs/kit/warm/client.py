"""The client's end of one fork: a stand-in for `subprocess.Popen`, and how to get one."""

import contextlib
import os
import signal
import socket
import subprocess

from labs.kit.warm import protocol

READY_SECONDS = 60  # a server that has just begun imports for some seconds first


class NoFork(Exception):
    """The server did not give a child; the message says why."""


class Fork:
    """A child of a fork server, with the part of Popen's interface that Jupyter uses.

    It lives as long as this object's connection: when the client ends, however it
    ends, the server kills the child.
    """

    stdin = stdout = stderr = None

    def __init__(self, connection: socket.socket):
        self.connection = connection
        self.pid = 0
        self.ready = False
        self.refused = ""
        self.returncode: int | None = None
        self._text = b""

    def poll(self) -> int | None:
        """The exit code, or None while the child runs."""
        if self.returncode is None:
            self.connection.setblocking(False)  # MSG_DONTWAIT waits where there is a timeout
            with contextlib.suppress(BlockingIOError):
                while self.returncode is None:
                    self.hear(self.connection.recv(4096))
        return self.returncode

    def hear(self, text: bytes) -> None:
        """Take in what the server said; nothing means that the server is dead."""
        if not text:
            self._end(-signal.SIGKILL)  # its children die with it
            return
        *lines, self._text = (self._text + text).split(b"\n")
        for answer in protocol.answers(b"\n".join(lines)):
            self.pid = answer.get("pid", self.pid)
            self.ready = answer.get("ready", self.ready)
            self.refused = answer.get("refused", self.refused)
            if "exit" in answer:
                self._end(answer["exit"])

    def _end(self, code: int) -> None:
        if self.returncode is None:
            self.returncode = code
            self.connection.close()

    def wait(self, timeout: float | None = None) -> int:
        """The exit code, once the child has ended; raises subprocess.TimeoutExpired."""
        while self.poll() is None:
            self.connection.settimeout(timeout)
            try:
                self.hear(self.connection.recv(4096))
            except BlockingIOError:
                continue  # a signal's handler has looked meanwhile
            except TimeoutError:
                raise subprocess.TimeoutExpired("a fork", timeout) from None
        return self.returncode

    def await_ready(self, seconds: float = READY_SECONDS) -> None:
        """Wait until the child is ready; raises NoFork if it never is."""
        self.connection.settimeout(seconds)
        while not self.ready:
            try:
                self.hear(self.connection.recv(4096))
            except OSError as error:
                raise NoFork(f"the fork server gave no child ({error})") from None
            self.require_hope()

    def require_hope(self) -> None:
        """Raise NoFork if the child was refused, or has ended before it was ready."""
        if self.refused:
            self.close()
            raise NoFork(self.refused)
        if self.returncode is not None and not self.ready:
            raise NoFork(f"the fork ended while it began ({self.returncode})")

    def send_signal(self, number: int) -> None:
        """Send a signal to the child, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask the child to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Make the child end."""
        self.send_signal(signal.SIGKILL)

    def close(self) -> None:
        """Let go of the child: the server kills it."""
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)  # also where a thread waits for its end
        self.connection.close()


def ask(address: str, request: protocol.Request, files: tuple[int, int, int]) -> Fork:
    """Ask the server at `address` for a fork; raises NoFork if none answers there."""
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(READY_SECONDS)
    try:
        connection.connect(address)
        protocol.send_request(connection, request, files)
    except OSError as error:
        connection.close()
        raise NoFork(f"no fork server answers at {address} ({error.strerror or error})") from None
    return Fork(connection)


async def until_ready(fork: Fork, seconds: float = READY_SECONDS) -> None:
    """Wait until the child has said that it is ready; raises NoFork if it never does."""
    import asyncio  # 0.03 s that `labs test` need not wait for; who awaits has it already

    loop = asyncio.get_running_loop()
    fork.connection.setblocking(False)
    deadline = loop.time() + seconds
    while not fork.ready:
        try:
            left = max(deadline - loop.time(), 0)
            text = await asyncio.wait_for(loop.sock_recv(fork.connection, 4096), left)
        except TimeoutError:
            fork.close()
            raise NoFork(f"the fork server gave no kernel within {seconds:g} seconds") from None
        except OSError:
            text = b""
        fork.hear(text)
        fork.require_hope()
