"""One writer at a time, across processes: whoever holds the lock file's lock has the turn."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

POLL_SECONDS = 0.02  # between two tries; a turn takes milliseconds to seconds


@contextmanager
def turn(lock: Path, seconds: float, waited_for: str) -> Iterator[None]:
    """Hold the file `lock`, which is made if there is none; a dead owner's turn ends with it.

    Raises TimeoutError, which says `waited_for`, if others hold it for `seconds`.
    """
    with open(lock, "a") as stream:
        deadline = time.monotonic() + seconds
        while not _taken(stream):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{waited_for}: somebody else is at it for {seconds:g} s now")
            time.sleep(POLL_SECONDS)
        yield


def _taken(stream: IO) -> bool:
    """Whether this process now holds the lock on an open file; the system ends it with us."""
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
