"""`labs preflight`: go or no-go for this machine, each demo and each slide, with the remedy."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from labs.kit import doctor, server
from labs.kit.errors import UserError
from labs.kit.talk import copies, demos, offline, rehearsal, talks, timing

TABLES = {"experiments", "registered_models", "model_versions"}  # of a whole registry
WIDE = 1.0  # seconds; what takes less is not said
NO_MODULE = re.compile(r"No module named '([\w.]+)'")


@dataclass(frozen=True)
class Finding:
    """What was looked at and what was found; `remedy` is "" for a go."""

    name: str
    text: str
    remedy: str = ""

    @property
    def go(self) -> bool:
        """Whether the talk can be given so."""
        return not self.remedy


def main(name: str, minutes: int | None, port: int = server.PORT) -> int:
    """Print what was found, as it is found; 1 if there is a no-go, else 0."""
    talk = talks.read(name, minutes)
    print(f"{talk.title}, {talk.minutes} minutes, on this machine without a network:\n")
    stops = 0
    for one in run(talk, port):
        stops += not one.go
        print(f"{'go' if one.go else 'NO-GO':6} {one.name}: {one.text}", flush=True)
        if not one.go:
            print(f"{'':6} What to do: {one.remedy}", flush=True)
    verdict = f"\nNO-GO: {stops} to mend." if stops else "\nGo. Nothing here needs the network."
    print(verdict)
    return 1 if stops else 0


def run(talk: talks.Talk, port: int = server.PORT) -> Iterator[Finding]:
    """Every finding in turn: the machine, the demos of this cut, the slides."""
    yield from machine(talk, port)
    for ran in rehearsal.run(talk):
        yield judged(ran)
    yield from slides(talk)


def machine(talk: talks.Talk, port: int) -> Iterator[Finding]:
    """What every demo needs: packages, room on the disk, a port, a registry."""
    folder = copies.folder(talk)
    checks = {
        "packages": doctor.packages,
        "disk": lambda: doctor.disk(folder),
        "port": lambda: port_for(folder, port),
        "registry": registry,
    }
    for name, check in checks.items():
        try:
            yield Finding(name, check())
        except doctor.Problem as problem:
            yield Finding(name, problem.text, problem.remedy)
        except UserError as error:
            yield Finding(name, f"{error}", "Run: labs doctor")


def port_for(folder: Path, port: int) -> str:
    """The port that the live demos want is free, or they are there already."""
    if server.port_is_free(port):
        return f"{port} is free"
    if (running := server.find(folder)) and running["port"] == port:
        return f"{port} has the live demos of this talk"
    free = next((one for one in range(port + 1, port + 50) if server.port_is_free(one)), 0)
    raise doctor.Problem(
        f"{port} is in use by another program",
        f"Stop that program (jupyter server list names Jupyter's), or take another port, for "
        f"the preflight and for the talk: --port {free or 'NUMBER'}",
    )


def registry(template: Path | None = None) -> str:
    """The database that every lesson's registry is copied from is whole, or not made yet."""
    import platformdirs

    cache = Path(platformdirs.user_cache_dir("mlops-labs", appauthor=False))
    template = template or cache / f"mlflow-{version('mlflow')}.db"
    if not template.exists():
        return "none is kept yet: the first demo with a registry makes one, in about 10 s"
    try:
        with closing(sqlite3.connect(template)) as connection:
            names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            missing = TABLES - {name for (name,) in names}
    except sqlite3.Error as error:
        missing = {str(error)}
    if missing:
        raise doctor.Problem(
            f"the empty registry that lessons copy is broken: {', '.join(sorted(missing))}",
            f"Delete {template}. The next lesson makes it anew.",
        )
    return "an empty one is ready"


def judged(ran: rehearsal.Ran) -> Finding:
    """Go or no-go for one demo: it works, in time, and says what its slide says."""
    name, most = name_of(ran.demo), timing.budget(ran.demo)
    slug = ran.demo.lesson
    if ran.waited > most:
        said = f"the room waits {ran.waited:.0f} s; of {ran.demo.slide.minutes:g} minutes that is "
        said += f"more than {most:.0f} s"
        return Finding(name, said, "Give its slide more minutes, or show its stored output.")
    if ran.problem:
        return Finding(name, ran.problem, remedy(slug, ran.problem))
    if ran.differs:
        again = f"Run: labs test {slug}. If that passes, restart and try again."
        return Finding(name, f"{ran.differs}", again)
    said = f"{ran.waited:.1f} of {most:.0f} s"
    if ran.prepared > WIDE:
        said += f"; run the first cell before the talk, it takes {ran.prepared:.0f} s"
    return Finding(name, said)


def name_of(demo: demos.Demo) -> str:
    """As it is called in what is printed."""
    return f"demo {demo.number} ({demo.lesson}/{demo.cell.id}, slide {demo.place})"


def remedy(slug: str, problem: str) -> str:
    """What to do about a demo that failed with these words."""
    if missing := NO_MODULE.search(problem):
        return f"{missing[1]} is not installed. {doctor.reinstall()}"
    if offline.OFFLINE in problem:
        return "Take the demo out of the talk, or show its stored output: a room may be offline."
    if "No space left" in problem:
        return "Make room on the disk, and try again."
    if "Mlflow" in problem or "OperationalError" in problem:
        return "Its registry is broken: run labs doctor, which says what to mend."
    return f"Run: labs test {slug}. Until it passes, show the stored output."


def slides(talk: talks.Talk) -> Iterator[Finding]:
    """Each slide in a browser: overflow, pictures, contrast, alternative texts."""
    from labs.kit.talk import deck, legible

    try:
        found = [*legible.problems(talk), *legible.look(deck.build(talk))]
    except UserError as error:
        yield Finding("slides", f"{error}", "Mend that first: without it no slide can be trusted.")
        return
    for one in found:
        where = f"slide {one.slide}" + f" (cell {one.cell})" * bool(one.cell)
        yield Finding(where, one.what, f"{one.remedy}.")
    if not found:
        yield Finding("slides", f"all {len(talks.slides(talk))} can be read from the last row")
