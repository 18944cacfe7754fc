"""What client and fork server say to each other: lines of JSON over a Unix socket.

The client sends one request, with three file descriptors beside it. Answers come
until the child has ended: `pid`, `ready`, `exit`, or `refused` instead of all three.
"""

import contextlib
import json
import os
import socket
import struct
from collections.abc import Iterator
from dataclasses import asdict, dataclass

LENGTH = 8  # bytes before a request: its size, big-endian
LONGEST = 1 << 24  # bytes of a request; an environment has some 10 kB


@dataclass(frozen=True)
class Request:
    """What a child shall be: its arguments, folder, environment and umask."""

    argv: list[str]
    cwd: str
    env: dict[str, str]
    umask: int = 0o022


def send_request(connection: socket.socket, request: Request, files: tuple[int, int, int]) -> None:
    """Send `request`, and the descriptors that become the child's 0, 1 and 2."""
    body = json.dumps(asdict(request)).encode()
    socket.send_fds(connection, [len(body).to_bytes(LENGTH, "big")], list(files))
    connection.sendall(body)


def receive_request(connection: socket.socket) -> tuple[Request, list[int]]:
    """The request and its descriptors; raises ValueError if it is not whole."""
    head, files, _, _ = socket.recv_fds(connection, LENGTH, 3)
    size = int.from_bytes(head, "big")
    if len(head) != LENGTH or len(files) != 3 or size > LONGEST:
        close(files)
        raise ValueError("the request has no head")
    body = b""
    while len(body) < size:
        part = connection.recv(size - len(body))
        if not part:
            close(files)
            raise ValueError("the request ended early")
        body += part
    return Request(**json.loads(body)), files


def peer(connection: socket.socket) -> tuple[int, int, int]:
    """Process, user and group at the other end of a Unix socket; Linux only."""
    size = struct.calcsize("3i")
    return struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))


def close(files: list[int]) -> None:
    """Close every descriptor of `files`."""
    for one in files:
        os.close(one)


def say(connection: socket.socket, **answer: object) -> None:
    """Send one answer; a client that has gone does not hear it."""
    with contextlib.suppress(OSError):
        connection.sendall(json.dumps(answer).encode() + b"\n")


def answers(text: bytes) -> Iterator[dict]:
    """The answers in `text`, a line each."""
    for line in text.splitlines():
        yield json.loads(line)
