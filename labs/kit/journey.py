"""How far a learner has come: read from the lessons saved in the workspace, and kept there.

A lesson is done when every code cell that the kit wrote has run in the learner's saved copy,
without an error. What was done once stays done, whatever happens to the copy.
Imports next to nothing, because the welcome lesson's kernel loads it.
"""

import datetime
import html
import json
import os
from dataclasses import dataclass
from pathlib import Path

from labs.kit import manifest, material
from labs.kit.folders import default_folder

STATE = Path(".labs") / "progress.json"


@dataclass(frozen=True)
class Stage:
    """One lesson: how many of its code cells have run, and the day on which it was done."""

    lesson: manifest.Lesson
    saved: bool  # whether the workspace has a copy
    ran: int
    cells: int
    done: str  # as 2026-11-22; "" if it is not

    def __str__(self) -> str:
        if self.done:
            return f"done on {self.done}"
        return f"{self.ran} of {self.cells} cells run" if self.ran else "not begun"


def stages(folder: Path) -> list[Stage]:
    """Every lesson in teaching order, as the workspace `folder` shows it.

    Lessons that are found to be done are remembered there.
    """
    course, known = manifest.read(), _known(folder)
    today = datetime.date.today().isoformat()
    found = []
    for lesson in course.lessons:
        path = folder / course.workspace_path(lesson)
        ours, copy = _code(material.root() / lesson.path), _code(path)
        runs = [copy[cell] for cell in ours if cell in copy]
        done = known.get(lesson.slug) or (today if runs and all(runs) else "")
        found.append(Stage(lesson, path.exists(), sum(runs), len(runs) or len(ours), done))
    _remember(folder, known, {stage.lesson.slug: stage.done for stage in found if stage.done})
    return found


def following(found: list[Stage]) -> Stage | None:
    """The first lesson that is not done; None if all are."""
    return next((stage for stage in found if not stage.done), None)


def summary(found: list[Stage]) -> str:
    """One sentence: lessons and minutes done."""
    done = [stage for stage in found if stage.done]
    minutes = sum(stage.lesson.minutes for stage in done)
    total = sum(stage.lesson.minutes for stage in found)
    return f"{len(done)} of {len(found)} lessons done, {minutes} of {total} minutes."


def show_progress() -> None:
    """Show each lesson of this workspace: whether it is done, its minutes, and which is next."""
    from IPython.display import HTML, display

    display(HTML(table(stages(default_folder()))))


def table(found: list[Stage]) -> str:
    """The lessons as an HTML table; a sentence where the workspace holds none."""
    if not any(stage.saved for stage in found):
        return "<p>There are no lessons in this workspace. <code>labs start</code> writes them.</p>"
    coming = following(found)
    rows = "".join(_row(stage, stage is coming) for stage in found)
    said = f"Next: <b>{html.escape(coming.lesson.title)}</b>." if coming else "That was all."
    return (
        f"<p>{summary(found)} {said}</p><table><thead><tr><th>Lesson</th><th>Minutes</th>"
        f"<th>State</th></tr></thead><tbody>{rows}</tbody></table>"
    )


def _row(stage: Stage, coming: bool) -> str:
    title = html.escape(stage.lesson.title)
    title = f"<b>{title}</b>" if coming else title
    state = f"✓ {stage}" if stage.done else f"{stage}{', next' if coming else ''}"
    return (
        f'<tr><td style="text-align:left">{title}</td><td>{stage.lesson.minutes}</td>'
        f'<td style="text-align:left">{state}</td></tr>'
    )


def _code(path: Path) -> dict[str, bool]:
    """Of each code cell's id in a saved notebook, whether the cell has run without an error."""
    try:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        return {
            cell["id"]: cell["execution_count"] is not None
            and not any(output["output_type"] == "error" for output in cell["outputs"])
            for cell in cells
            if cell["cell_type"] == "code"
        }
    except (OSError, ValueError, KeyError, TypeError):
        return {}  # a copy that cannot be read shows nothing


def _known(folder: Path) -> dict[str, str]:
    try:
        known = json.loads((folder / STATE).read_text(encoding="utf-8"))
        return {slug: str(day) for slug, day in known.items()}
    except (OSError, ValueError, AttributeError):
        return {}


def _remember(folder: Path, known: dict[str, str], done: dict[str, str]) -> None:
    """Keep what is done; a lesson that the kit no longer has stays in the file."""
    if {**known, **done} == known or not folder.is_dir():
        return
    part = folder / STATE.with_suffix(f".{os.getpid()}.part")
    part.parent.mkdir(exist_ok=True)
    part.write_text(json.dumps({**known, **done}, indent=1, sort_keys=True) + "\n", "utf-8")
    os.replace(part, folder / STATE)
