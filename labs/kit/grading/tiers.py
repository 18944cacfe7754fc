"""Which isolation there is: found out by trying what a submission must not be able to do."""

import os
import platform
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from labs.kit.errors import UserError
from labs.kit.grading import remote, sandbox
from labs.kit.warm.client import NoFork

# What is tried, by name; a means that lets one of the first four through is no isolation.
ACTS = {
    "read": "read a file of the mentor's",
    "write": "write a file outside of its scratch folder",
    "network": "reach a server of this machine",
    "processes": "look into another process",
    "mode": "change the mode of a file of the mentor's",
    "memory": "take as much memory as it likes",
    "shared memory": "leave something in memory for the next submission",
}
VITAL = ("read", "write", "network", "processes")
FORBIDDEN = """
import os, socket
def _can(act):
    try:
        return bool(act())
    except BaseException:
        return False
def _network():
    with socket.create_connection(("127.0.0.1", {port}), 2):
        return True
def _processes():
    mine = str(os.getpid())
    for one in filter(str.isdigit, os.listdir("/proc")):
        if one != mine and os.path.realpath("/proc/self") != "/proc/" + one:
            try:
                open("/proc/" + one + "/environ", "rb").read()
                return True
            except OSError:
                pass
tried = {{
    "read": _can(lambda: open({canary!r}).read()),
    "write": _can(lambda: open({canary!r} + ".new", "w")),
    "mode": _can(lambda: os.chmod({canary!r}, 0o600) is None),
    "network": _can(_network),
    "processes": _can(_processes),
    "memory": _can(lambda: len(bytearray({bytes}))),
    "shared memory": _can(lambda: open("/dev/shm/" + {name!r}, "x")),
}}
"""


@dataclass(frozen=True)
class Tier:
    """What isolation there is. `denied` and `allowed` are names of ACTS, found out by trying."""

    name: str
    denied: tuple[str, ...]
    allowed: tuple[str, ...]

    @property
    def isolated(self) -> bool:
        """Whether nothing vital is allowed."""
        return not set(VITAL) & set(self.allowed)

    def words(self) -> str:
        """The tier in a sentence; it says what is missing."""
        if not self.allowed:
            return f"{self.name}: all {len(ACTS)} forbidden acts were tried and denied"
        return f"{self.name}: a submission can {'; '.join(ACTS[act] for act in self.allowed)}"


@contextmanager
def best(modules: list[str], trust: bool = False) -> Iterator[tuple[sandbox.Sandbox, Tier]]:
    """The best sandbox that this machine has, with its tier, for the time of the block.

    Raises UserError if it isolates nothing and the mentor does not `trust` the answers.
    """
    reasons = []
    with ExitStack() as stack:
        for name, opened in _means(modules):
            try:
                place = stack.enter_context(opened)
                found = _tried(place, name)
            except (OSError, NoFork, remote.Ended, ImportError) as error:
                reasons.append(f"{name}: {error}")
                stack.close()
                continue
            if found.isolated or trust:
                yield place, found
                return
            reasons.append(found.words())
            stack.close()
        raise UserError(
            "This machine cannot keep a submission apart from your files "
            f"({'; '.join(reasons)}). Grade on Linux, or, if you know who wrote the answers, grade "
            "without isolation, which each grade will say: labs grade --trust"
        )


def _means(modules: list[str]) -> Iterator[tuple[str, object]]:
    """What there is to shut a submission in with, the best first."""
    if sys.platform == "linux":
        yield "namespaces and Landlock", sandbox.forked(modules, "namespaces")
        yield "Landlock", sandbox.forked(modules, "landlock")
    yield f"a process of its own ({platform.system()})", sandbox.spawned(modules)


def _tried(place: sandbox.Sandbox, name: str) -> Tier:
    """Let a process try all that it must not be able to do."""
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(socket.create_server(("127.0.0.1", 0))) as listener,
    ):
        canary = Path(folder) / "canary"
        canary.write_text("seen", encoding="utf-8")
        session = place.session()
        own = f"labs-{os.path.basename(folder)}"
        source = FORBIDDEN.format(
            port=listener.getsockname()[1],
            canary=str(canary),
            bytes=int(3 * session.limits["memory"]),
            name=own,
        )
        try:
            session.ask("cell", source, seconds=30)
            tried = remote.Answers(session, {})["tried"]
        finally:
            session.close()
        if (left := Path("/dev/shm") / own).exists():
            left.unlink()
        else:
            tried["shared memory"] = False  # what it left has gone with it
    denied = tuple(act for act in ACTS if not tried[act])
    return Tier(name, denied, tuple(act for act in ACTS if tried[act]))
