"""How long demos really take: each cell's seconds in the last verified run on this machine."""

import platform
from dataclasses import dataclass

from labs.kit import manifest, record
from labs.kit.talk import demos

SHARE = 0.5  # of a demo's minutes, at most, for waiting; the other half is for talking


@dataclass(frozen=True)
class Measured:
    """A demo's `seconds`, those of the steps before it, and the date of the run."""

    seconds: float
    before: float
    date: str
    here: bool  # whether it was this machine

    def waited(self, demo: demos.Demo) -> float:
        """What the room waits: a lesson's first steps are run before the talk begins."""
        return self.seconds if demo.first else self.seconds + self.before


def of(demo: demos.Demo) -> Measured | None:
    """How long the demo took in the last run; None if none timed its cell."""
    run = record.read().get(demo.lesson, {})
    cells = run.get("cells", {})
    if demo.cell.id not in cells:
        return None
    before = sum(cells.get(step.id, 0.0) for step in demo.steps)
    here = run.get("machine") == platform.node()
    return Measured(cells[demo.cell.id], before, run["date"], here)


def budget(demo: demos.Demo) -> float:
    """The seconds that the room may wait for the demo."""
    return SHARE * demo.slide.minutes * 60


def untimed(every: list[demos.Demo]) -> list[str]:
    """The lessons, in the order of the manifest, that no run on this machine has timed."""
    known = {demo.lesson for demo in every if (took := of(demo)) and took.here}
    missing = {demo.lesson for demo in every} - known
    return [lesson.slug for lesson in manifest.read().lessons if lesson.slug in missing]
