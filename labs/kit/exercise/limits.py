"""What one answer may use: seconds, and room for what it prints."""

import contextlib
import io
import signal
import threading
from collections.abc import Iterator

ROOM = 10_000  # characters kept of what an answer prints


class TooLong(BaseException):
    """The answer ran out of time; no `except Exception` of a learner catches it."""


@contextlib.contextmanager
def seconds(limit: float) -> Iterator[None]:
    """Raise TooLong in the block after `limit` seconds, and again until it is left.

    Works in the main thread of systems with interval timers; elsewhere there is no limit,
    and the learner can interrupt the kernel.
    """
    main = threading.current_thread() is threading.main_thread()
    if not main or not hasattr(signal, "setitimer"):
        yield
        return

    def stop(number, frame):
        raise TooLong

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, limit, 0.2)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


class Kept(io.StringIO):
    """A stream that keeps the first part of what is written, and counts the rest."""

    dropped = 0

    def write(self, text: str) -> int:
        """Keep `text`, or as much of it as there is room for."""
        room = max(ROOM - self.tell(), 0)
        self.dropped += max(len(text) - room, 0)
        super().write(text[:room])
        return len(text)

    def text(self) -> str:
        """What was kept, and how much was not."""
        more = f"\n... and {self.dropped:,} characters more" if self.dropped else ""
        return self.getvalue() + more


@contextlib.contextmanager
def printing() -> Iterator[Kept]:
    """Take what the block prints, to either stream, so that it neither floods nor fails."""
    kept = Kept()
    with contextlib.redirect_stdout(kept), contextlib.redirect_stderr(kept):
        yield kept
