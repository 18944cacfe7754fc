"""Which version answers a request: the route of each model, in a file that servers follow.

A route names at most one version beside the champion, the challenger, and says what
share of the traffic it answers. Routes lie in `routes.json` beside the registry, where a
person can read them. Without an entry, or with one that makes no sense, the champion
answers everything: a broken file must never send traffic to an unproven version.
"""

import hashlib
import json
import os
import tempfile
import time
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from labs.deployment.turns import turn

STRATEGIES = {
    "single": "the champion answers",
    "shadow": "the champion answers; the challenger sees each request and answers nobody",
    "canary": "the challenger answers its share of the keys, the champion the others",
    "blue_green": "one of the two answers everything; the other is kept loaded",
}
SHARES = {"single": (0,), "shadow": (0,), "canary": (), "blue_green": (0, 1)}  # (): any
CHAMPION, CHALLENGER = "champion", "challenger"
WAIT_SECONDS = 10  # for another writer of the file, which takes milliseconds


@dataclass(frozen=True)
class Route:
    """How the traffic of one model is divided.

    `share` is what part of the keys the challenger answers, from 0 to 1; in blue_green
    it is 0 or 1. `salt` decides which keys these are: canaries with different salts
    meet different keys. After `until`, in seconds since 1970, the route is over: whoever
    watches a canary extends it at every look, so that one that nobody watches ends itself.
    """

    strategy: str = "single"
    challenger: str | None = None
    share: float = 0.0
    salt: str = ""
    until: float | None = None

    def __post_init__(self):
        if self.strategy not in STRATEGIES:
            raise ValueError(
                f"strategy is {self.strategy!r}; use one of {', '.join(map(repr, STRATEGIES))}"
            )
        if (self.strategy == "single") != (self.challenger is None):
            raise ValueError(f"{self.strategy} with challenger {self.challenger!r} makes no sense")
        if not isinstance(self.challenger, str | None):
            raise ValueError(f"challenger is {self.challenger!r}; a version is text, as in '2'")
        if not _fits(self.share, SHARES[self.strategy]):
            allowed = " or ".join(map(str, SHARES[self.strategy] or ["0-1"]))
            raise ValueError(f"share is {self.share!r}; {self.strategy} allows {allowed}")
        if not isinstance(self.until, int | float | None):
            raise ValueError(f"until is {self.until!r}; it is a number of seconds since 1970")

    @property
    def now(self) -> "Route":
        """This route, or the champion's alone if it is over."""
        return self if self.until is None or time.time() < self.until else Route()


def _fits(share: object, allowed: tuple) -> bool:
    number = isinstance(share, int | float) and 0 <= share <= 1
    return number and (not allowed or share in allowed)


def answers(route: Route, key: str) -> str:
    """Who answers a request with this `key`: "champion" or "challenger".

    The same key gets the same answer in every process, and a larger share takes keys
    from the champion without giving one back.
    """
    return CHALLENGER if place(route.salt, key) < route.share else CHAMPION


def place(salt: str, key: str) -> float:
    """Where a key lies from 0 up to but not including 1; salted keys are spread evenly."""
    digest = hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=6, key=_key(salt))
    return int.from_bytes(digest.digest(), "big") / 2**48


def _key(salt: str) -> bytes:
    return hashlib.blake2b(salt.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def new_key() -> str:
    """A key for a request that came without one."""
    return uuid.uuid4().hex


class Changed(Exception):
    """Somebody else has changed the route."""


class Routes:
    """The routes in the file `path`; a file that is not there holds none."""

    def __init__(self, path: Path | str):
        self.path = Path(path).resolve()
        self._seen: tuple | None = None
        self._routes: dict[str, Route] = {}
        self._problem: str | None = None

    @classmethod
    def beside(cls, registry: Path | str) -> "Routes":
        """The routes of the registry in the folder `registry`."""
        return cls(Path(registry) / "routes.json")

    def of(self, name: str) -> Route:
        """The route of the model `name` now. Never raises; costs a look at the file's date."""
        self._refresh()
        return self._routes.get(name, Route()).now

    @property
    def problem(self) -> str | None:
        """What is wrong with the file, for whoever is asked whether all is well."""
        self._refresh()
        return self._problem

    def put(self, name: str, route: Route, instead_of: Route | None = None) -> Route:
        """Make `route` the route of `name`, and return the one before. Atomic.

        With `instead_of`, raises Changed if the route is another one by now. Entries that
        make no sense, of any model, are dropped.
        """
        with turn(self.path.with_suffix(".lock"), WAIT_SECONDS, "routes"):
            routes, _ = _parsed(_text(self.path))
            before = routes.pop(name, Route()).now
            if instead_of is not None and before != instead_of.now:
                raise Changed(f"{name} has the route {before} by now, not {instead_of}")
            if route.strategy != "single":
                routes[name] = route
            _write(self.path, {name: asdict(routes[name]) for name in sorted(routes)})
        return before

    def _refresh(self) -> None:
        seen = _stamp(self.path)
        if seen == self._seen:
            return
        try:
            self._routes, self._problem = _parsed(_text(self.path))
        except OSError as error:
            self._routes, self._problem = {}, f"{self.path.name} cannot be read: {error.strerror}"
        self._seen = seen


def _stamp(path: Path) -> tuple:
    """What differs after the file was replaced; empty if it is not there."""
    try:
        stat = path.stat()
    except OSError:
        return ()
    return stat.st_mtime_ns, stat.st_size, stat.st_ino


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return "{}"


def _parsed(text: str) -> tuple[dict[str, Route], str | None]:
    """The routes that make sense, and what is wrong with the others."""
    try:
        entries = json.loads(text)
    except (ValueError, RecursionError) as error:
        return {}, f"routes.json is not JSON ({error}); champions answer everything"
    if not isinstance(entries, Mapping):
        return {}, "routes.json holds no object of model names; champions answer everything"
    routes, wrong = {}, []
    for name, entry in entries.items():
        try:
            routes[name] = Route(**entry)
        except (TypeError, ValueError) as error:
            wrong.append(f"the route of {name} is ignored, its champion answers: {error}")
    return routes, "; ".join(wrong) or None


def _write(path: Path, entries: dict[str, Any]) -> None:
    """Replace the file in one step: a reader finds the old text or the new, never half."""
    with tempfile.NamedTemporaryFile(
        "w", dir=path.parent, prefix=path.name, suffix=".new", delete=False, encoding="utf-8"
    ) as stream:
        try:
            stream.write(json.dumps(entries, indent=2) + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        except BaseException:
            os.unlink(stream.name)
            raise
    os.replace(stream.name, path)
