"""When a solution may be seen: after full marks, or as the mentor's settings say."""

import tomllib
from pathlib import Path

from labs.kit import manifest
from labs.kit.errors import UserError
from labs.kit.exercise import desk
from labs.kit.exercise.stub import answers, solved

SETTINGS = Path(".labs") / "settings.toml"
CHOICES = ("after full marks", "always", "never")


def rule(folder: Path) -> str:
    """What the settings in the workspace say about solutions; raises UserError if it is unknown."""
    path = folder / SETTINGS
    if not path.is_file():
        return CHOICES[0]
    try:
        said = tomllib.loads(path.read_text(encoding="utf-8")).get("solutions", CHOICES[0])
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not valid TOML: {error}. Mend that line.") from None
    if said not in CHOICES:
        raise UserError(f"{path}: solutions is {said!r}; write one of {', '.join(CHOICES)}.")
    return said


def text(slug: str, folder: Path) -> str:
    """The answers of the solution; raises UserError while they may not be seen."""
    found = desk.solution_of(manifest.read().exercise(slug))
    allowed = rule(folder)
    full = desk.state(folder).get(slug, {}).get("full")
    if allowed == "never":
        raise UserError(f"{slug}: your mentor keeps the solutions; ask for it.")
    if allowed == CHOICES[0] and not full:
        raise UserError(
            f"{slug}: the solution is shown when all checks of yours pass. "
            f"For a hint: labs hint {slug}"
        )
    return "\n\n".join(cell.source for cell in answers(solved(found)))
