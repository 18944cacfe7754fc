"""How far a learner has come with the exercises: by track, exercise and objective."""

import html
from dataclasses import dataclass
from pathlib import Path

from labs.kit import manifest
from labs.kit.exercise import desk
from labs.kit.folders import default_folder
from labs.kit.manifest import Course, Exercise


@dataclass(frozen=True)
class Step:
    """One exercise: the best points of its public checks so far, and whether they are full."""

    exercise: Exercise
    opened: bool
    points: int
    of: int
    full: str  # the day, or ""
    hints: int

    def __str__(self) -> str:
        if self.full:
            return f"all checks passed on {self.full}"
        if self.of:
            return f"{self.points} of {self.of} points"
        return "opened" if self.opened else "not opened"


def steps(folder: Path) -> list[Step]:
    """Every exercise in teaching order."""
    known = desk.state(folder)
    return [_step(one, known.get(one.slug, {})) for one in manifest.read().exercises]


def _step(exercise: Exercise, known: dict) -> Step:
    numbers = [known.get(key, 0) for key in ("points", "of", "hints")]
    points, of, hints = (one if isinstance(one, int) else 0 for one in numbers)
    return Step(exercise, "path" in known, points, of, str(known.get("full", "")), hints)


def text(folder: Path) -> str:
    """Tracks, exercises, objectives and minutes, as lines for a terminal."""
    course, found = manifest.read(), steps(folder)
    lines = [_summary(found)]
    for track in course.tracks:
        ours = [step for step in found if step.exercise.track == track.slug]
        if not ours:
            continue
        done = sum(step.exercise.minutes for step in ours if step.full)
        total = sum(step.exercise.minutes for step in ours)
        lines += ["", f"{track.title}: {done} of {total} minutes"]
        for step in ours:
            lines.append(f"  {'✓' if step.full else '○'} {step.exercise.slug}: {step}")
            lines += [f"      {objective}" for objective in step.exercise.objectives]
    return "\n".join(lines)


def listing(folder: Path) -> str:
    """The exercises with title, minutes and state, a line each."""
    found = steps(folder)
    width = max((len(step.exercise.slug) for step in found), default=0)
    rows = [
        f"{step.exercise.slug:{width}}  {step.exercise.minutes:2} min  {step.exercise.title} "
        f"({step})"
        for step in found
    ]
    return "\n".join([*rows, "Open one with: labs open SLUG"] if rows else ["There are none yet."])


def show_exercises() -> None:
    """Show the exercises of this workspace as a table in a notebook."""
    from IPython.display import HTML, display

    display(HTML(table(manifest.read(), steps(default_folder()))))


def table(course: Course, found: list[Step]) -> str:
    """The exercises as an HTML table."""
    titles = {track.slug: track.title for track in course.tracks}
    rows = "".join(
        f"<tr><td style='text-align:left'>{html.escape(titles[step.exercise.track])}</td>"
        f"<td style='text-align:left'>{html.escape(step.exercise.title)}</td>"
        f"<td>{step.exercise.minutes}</td>"
        f"<td style='text-align:left'>{'✓ ' if step.full else ''}{step}</td></tr>"
        for step in found
    )
    names = {"Track": "left", "Exercise": "left", "Minutes": "right", "State": "left"}
    heads = "".join(f"<th style='text-align:{side}'>{name}</th>" for name, side in names.items())
    return (
        f"<p>{_summary(found)}</p><table><thead><tr>{heads}</tr></thead>"
        f"<tbody>{rows}</tbody></table>"
    )


def _summary(found: list[Step]) -> str:
    done = [step for step in found if step.full]
    minutes = sum(step.exercise.minutes for step in done)
    total = sum(step.exercise.minutes for step in found)
    return f"{len(done)} of {len(found)} exercises done, {minutes} of {total} minutes."
