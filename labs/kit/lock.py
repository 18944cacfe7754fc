"""A lock between processes that the operating system releases when its holder ends."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None
    import msvcrt


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file at `path`; a second holder waits for the first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a") as handle:
        _wait(handle.fileno())
        yield


def _wait(handle: int) -> None:
    if fcntl:
        return fcntl.flock(handle, fcntl.LOCK_EX)
    while True:
        try:
            return msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            time.sleep(0.1)
