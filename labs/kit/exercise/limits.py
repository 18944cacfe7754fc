"""What one answer may use: seconds, and room for what it prints."""

import contextlib
import io
import signal
import sys
import threading
import types
from collections.abc import Iterator

ROOM = 10_000  # characters kept of what an answer prints


class TooLong(BaseException):
    """The answer ran out of time; no `except Exception` of a learner catches it."""


@contextlib.contextmanager
def seconds(limit: float) -> Iterator[None]:
    """Raise TooLong in the block after `limit` seconds, and again until it is left.

    Works in the main thread of systems with interval timers; elsewhere there is no limit,
    and the learner can interrupt the kernel. One call of compiled code that never ends is
    not reached either.
    """
    main = threading.current_thread() is threading.main_thread()
    if not main or not hasattr(signal, "setitimer"):
        yield
        return
    left, tracing = [], sys.gettrace()

    def stop(number, frame):
        if not left:
            _insist(frame)
            raise TooLong

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, limit, 0.2)
    try:
        try:
            yield
        finally:
            left.append(True)
    finally:  # twice, for the signal may come while the block is left
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        sys.settrace(tracing)


def _insist(frame: types.FrameType | None) -> None:
    """Let TooLong come out of every `except:` around `frame` that catches it."""

    def again(frame, event, argument):
        if isinstance(sys.exc_info()[1], TooLong):
            raise TooLong
        return again

    sys.settrace(again)
    while frame is not None:
        frame.f_trace = again
        frame = frame.f_back


class Kept(io.StringIO):
    """A stream that keeps the first part of what is written, and counts the rest."""

    dropped = 0

    def close(self) -> None:
        """Stay open: an answer may close what it prints to, and the report reads it."""

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
