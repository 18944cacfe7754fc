"""A progress line for a terminal, or a few plain lines for a log."""

import shutil
import sys
from typing import TextIO

BAR = 24  # characters
TENTH = 10  # a log gets a line for every tenth of the work


class Progress:
    """One step of known length: `at` as it goes, `done` when it is over."""

    def __init__(self, label: str, total: int, stream: TextIO | None = None):
        self.stream = stream or sys.stderr
        self.label, self.total = label, max(total, 1)
        self.tenth = 0
        self.terminal = self.stream.isatty()
        if not self.terminal:
            self._line(f"{label} ...")

    def at(self, count: int, detail: str = "") -> None:
        """Show that `count` of the total are through."""
        count = min(count, self.total)
        if self.terminal:
            filled = BAR * count // self.total
            bar = "#" * filled + "-" * (BAR - filled)
            self._overwrite(f"{self.label} [{bar}] {count}/{self.total} {detail}")
        elif (tenth := TENTH * count // self.total) > self.tenth:
            self.tenth = tenth
            self._line(f"{self.label}: {count} of {self.total}")

    def done(self, failed: bool = False) -> None:
        """Close the step: as finished, or where it failed."""
        if not failed:
            self.at(self.total)
        if self.terminal:
            self._line("")

    def _overwrite(self, text: str) -> None:
        width = shutil.get_terminal_size().columns - 1
        self.stream.write("\r" + text[:width].ljust(width))
        self.stream.flush()

    def _line(self, text: str) -> None:
        self.stream.write(text + "\n")
        self.stream.flush()
