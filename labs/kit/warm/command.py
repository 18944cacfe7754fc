"""What a fork of the tests' server becomes: one run of pytest.

pytest, nbval and papermill take longer to import than a short lesson takes to run.
"""

import signal
import sys
from collections.abc import Callable
from pathlib import Path

from labs.kit.warm import client
from labs.kit.warm.protocol import Request


def prepare() -> None:
    """Compile the schema of notebooks in the server, once: it takes 0.07 s."""
    from nbformat.validator import get_validator

    get_validator(4, 5)


def become(request: Request, ready: Callable[[], None]) -> int:
    """Run pytest with the arguments `request.argv`; its exit code. For the forked child only."""
    import pytest

    ready()
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=stream.isatty())
    sys.argv = ["pytest", *request.argv]
    return int(pytest.main(request.argv))


def begin(
    address: str,
    arguments: list[str],
    folder: Path,
    env: dict[str, str],
    files: tuple[int, int, int] = (0, 1, 2),
) -> client.Fork:
    """A run of pytest in a fork of the server at `address`; `files` become its 0, 1 and 2.

    Raises NoFork if there is no answer, before anything has run.
    """
    fork = client.ask(address, Request(arguments, str(folder), env), files)
    fork.await_ready()
    return fork


def run(address: str, arguments: list[str], folder: Path, env: dict[str, str]) -> int:
    """Have the server at `address` run pytest on our terminal; its exit code.

    Ctrl-C and a request to end reach it as Ctrl-C. Raises NoFork if there is no
    answer, before anything has run.
    """
    fork = begin(address, arguments, folder, env)
    before = signal.signal(signal.SIGTERM, lambda *_: fork.send_signal(signal.SIGINT))
    try:
        return fork.wait()
    except KeyboardInterrupt:
        fork.send_signal(signal.SIGINT)
        return fork.wait()
    finally:
        signal.signal(signal.SIGTERM, before)
