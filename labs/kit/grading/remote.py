"""The judge's side: answers, asked for one by one from the process that runs them."""

import builtins
import contextlib
import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, BinaryIO

from labs.kit.exercise import kinds
from labs.kit.exercise.limits import TooLong
from labs.kit.grading import inside, wire

GRACE = 3.0  # seconds for a process to end
REMOTE = ("Model", "Registry", "Service")


class Ended(BaseException):
    """The process that runs the answers is no more, or must not be asked again.

    `how` is one of "crashed", "out of memory", "timed out", and `why` a sentence about it.
    """

    def __init__(self, how: str, why: str):
        super().__init__(why)
        self.how, self.why = how, why


class AnswerRaised(Exception):
    """An answer raised; the text is the kind of its error and what that said."""


class Session:
    """One process of one submission, from its start to its end.

    `process` has `reading`, `writing` and `printing`, the judge's ends of its three pipes,
    and `wait(seconds)` and `kill()`.
    """

    def __init__(self, process: Any, limits: Mapping[str, float]):
        self.process, self.limits = process, limits
        self.ended: Ended | None = None
        self.asked = 0
        self.begin()
        self.printed = bytearray()
        self.dropped = 0
        self._came: queue.Queue = queue.Queue()
        self._sent: queue.Queue = queue.Queue()
        for run in (self._read, self._drain, self._write):
            threading.Thread(target=run, daemon=True).start()

    def begin(self) -> None:
        """Let the time of this submission begin now."""
        self.seconds, self.deadline = 0.0, time.monotonic() + self.limits["total_seconds"]

    def ask(self, *question: Any, seconds: float, of: float = 0.0) -> dict[str, Any]:
        """The answer to one question. Raises Ended if there is none in time.

        `seconds` are what is left of the limit `of` (default: all of it).
        """
        if self.ended:
            raise self.ended
        began = time.monotonic()
        try:
            return self._asked(question, seconds, of or seconds)
        except TooLong:  # the judge's own limit; the answer may come yet, and be the wrong one
            self.end("timed out", self._late(of or seconds))
            raise
        finally:
            self.seconds += time.monotonic() - began

    def _asked(self, question: tuple, seconds: float, of: float) -> dict[str, Any]:
        self.asked += 1
        self._sent.put(wire.encode([self.asked, *question]))
        left = min(seconds + self.limits["grace_seconds"], self.deadline - time.monotonic())
        try:
            came = self._came.get(timeout=max(left, 0.01))
        except queue.Empty:
            raise self.end("timed out", self._late(of)) from None
        if isinstance(came, Exception):
            raise self.end(*self._how(came))
        if came.get("to") != self.asked:
            raise self.end("crashed", "it answered what it had not been asked")
        return came

    def _late(self, seconds: float) -> str:
        if time.monotonic() >= self.deadline:
            return f"all of it together did not end within {self.limits['total_seconds']:g} seconds"
        return f"it did not end within {seconds:g} seconds"

    def end(self, how: str, why: str) -> Ended:
        """Kill the process; every further question raises what is returned."""
        self.ended = self.ended or Ended(how, why)
        self.close()
        return self.ended

    def _how(self, came: Exception) -> tuple[str, str]:
        """How the process ended, and why."""
        if isinstance(came, wire.Unfit):
            return "crashed", f"it answered with something that is no data: {came}"
        code = self.process.wait(GRACE)
        return {
            250: ("out of memory", "its processes together took more memory than is allowed"),
            251: ("crashed", "it started more processes than are allowed"),
            None: ("crashed", "it closed its connection to the judge"),
        }.get(code) or ("crashed", _exit_words(code))

    def _read(self) -> None:
        """Put each message, and then what ended them, into the queue."""
        with contextlib.closing(self.process.reading) as stream:
            try:
                while True:
                    self._came.put(self._message(stream))
            except wire.Unfit as error:
                self._came.put(error)
            except (OSError, EOFError, ValueError):
                self._came.put(EOFError())

    def _message(self, stream: BinaryIO) -> dict[str, Any]:
        head = inside._exactly(stream, wire.HEAD.size)
        if head is None:
            raise EOFError
        rest = inside._exactly(stream, wire.size(head, int(self.limits["answer"])))
        came = wire.decode(head, rest or b"")
        if type(came) is not dict:
            raise wire.Unfit("an answer has no form")
        return came

    def _write(self) -> None:
        with contextlib.closing(self.process.writing) as stream, contextlib.suppress(OSError):
            while (message := self._sent.get()) is not None:
                inside.write(stream, message)

    def _drain(self) -> None:
        """Keep the beginning of what is printed, and read the rest away."""
        with contextlib.closing(self.process.printing) as stream, contextlib.suppress(OSError):
            while part := stream.read(1 << 16):
                room = max(int(self.limits["printed"]) - len(self.printed), 0)
                self.printed += part[:room]
                self.dropped += max(len(part) - room, 0)

    def text(self) -> str:
        """What was printed; its beginning if it was much."""
        more = f"\n... and {self.dropped:,} bytes more" if self.dropped else ""
        return self.printed.decode(errors="replace") + more

    def settled(self) -> str:
        """What was printed so far, once it has been read; waits 5 ms at least, 100 at most."""
        for _ in range(20):
            before = len(self.printed) + self.dropped
            time.sleep(0.005)
            if before == len(self.printed) + self.dropped:
                break
        return self.text()

    def close(self) -> None:
        """End the process."""
        self._sent.put(None)
        self.process.kill()


def _exit_words(code: int) -> str:
    if code > 128:
        import signal

        with contextlib.suppress(ValueError):
            return f"its process was ended by {signal.Signals(code - 128).name}"
    return f"its process ended by itself, with exit code {code}"


class Answers(Mapping):
    """Answers by name, as `judge` takes them; none of the learner's objects ever comes here.

    `given` are names that the judge knows better: the parameters. All that is asked
    together, for one criterion, has the time of one call.
    """

    def __init__(self, session: Session, given: Mapping[str, Any]):
        self._session, self._given = session, dict(given)
        self._seconds = session.limits["call_seconds"]
        self._until = time.monotonic() + self._seconds

    def __iter__(self) -> Iterator[str]:
        return iter(self._given)

    def __len__(self) -> int:
        return len(self._given)

    def __getitem__(self, name: str) -> Any:
        """An answer as data, or a function that asks for it; KeyError if there is none."""
        if name in self._given:
            return self._given[name]
        came = self._value("get", name)
        kind = came.get("is") if type(came) is dict else None
        if kind not in ("missing", "function", "value"):
            raise self._session.end("crashed", "it answered something else than it was asked")
        if kind == "missing":
            raise KeyError(name)
        return self._function(name) if kind == "function" else came.get("value")

    def _value(self, *question: Any) -> Any:
        """What a question comes to; raises what the answer raised."""
        left = max(self._until - time.monotonic(), 0.0)
        came = self._session.ask(*question, seconds=left, of=self._seconds)
        if type(came.get("printed")) is str:
            print(came["printed"], end="")
        if came.get("late"):
            raise TooLong
        if "raised" in came:
            _raise(came)
        return came.get("value")

    def _function(self, name: str) -> Callable:
        def answer(*args: Any, **named: Any) -> Any:
            return _data(self._value("call", name, list(args), named), f"`{name}`")

        return answer

    @contextmanager
    def opened(self, kind: type, name: str) -> Iterator[Any]:
        """The answer `name` as a kind of answer; what is called runs in the other process."""
        if kind.__name__ not in REMOTE:
            with kind.of(self[name], name) as value:
                yield value
            return
        self._value("open", kind.__name__, name)
        try:
            yield _VIEWS[kind.__name__](lambda *asked: self._value("use", name, *asked), name)
        finally:
            if not self._session.ended:
                self._value("close", name)


class _View:
    """What a check sees of an opened answer."""

    def __init__(self, use: Callable, name: str):
        self._use, self._name = use, name

    def _ask(self, method: str, *args: Any, **named: Any) -> Any:
        came = self._use(type(self).__name__, method, list(args), named)
        return _data(came, f"`{self._name}.{method}`")


class Model(_View):
    """A model of the learner's: see `kinds.Model`."""

    def predict(self, table: Any) -> Any:
        """One prediction a row of `table`."""
        return kinds._array(self._ask("predict", table), len(table), f"`{self._name}.predict`")


class Registry(_View):
    """A registry of the learner's: see `kinds.Registry`."""

    def versions(self, name: str) -> list[dict[str, Any]]:
        """The versions of a model, oldest first."""
        return self._ask("versions", name)

    def alias(self, name: str, alias: str) -> str | None:
        """The version that carries an alias."""
        return self._ask("alias", name, alias)

    def events(self) -> list[dict[str, Any]]:
        """The records of the event log."""
        return self._ask("events")

    def predict(self, name: str, version: str, table: Any) -> Any:
        """What a version answers to `table`."""
        came = self._ask("predict", name, version, table)
        return kinds._array(came, len(table), f"version {version} of {name}")


class Service(_View):
    """A web application of the learner's: see `kinds.Service`."""

    def get(self, path: str, headers: dict[str, str] | None = None) -> tuple[int, Any]:
        """The status and the data."""
        return _status(self._ask("get", path, headers), self._name)

    def post(self, path: str, **named: Any) -> tuple[int, Any]:
        """Like `get`; see `kinds.Service.post`."""
        return _status(self._ask("post", path, **named), self._name)


_VIEWS = {view.__name__: view for view in (Model, Registry, Service)}


def _status(came: Any, name: str) -> tuple[int, Any]:
    assert type(came) is tuple and len(came) == 2 and type(came[0]) is int, (
        f"`{name}` did not answer with a status"
    )
    return came


def _data(value: Any, what: str) -> Any:
    """`value`, unless it is no data."""
    if isinstance(value, wire.Opaque):
        kinds.refuse(f"{what} came back with a {value.kind}: {value}; data were expected")
    return value


def _raise(came: dict[str, Any]) -> None:
    """Raise here what an answer raised there, as an error of the same kind if Python has it."""
    text, names = str(came.get("said"))[:500], came["raised"]
    if came.get("of_kind"):
        kinds.refuse(text)
    names = [name[:80] for name in names if type(name) is str] if type(names) is list else []
    known = [one for one in (getattr(builtins, name, None) for name in names) if _is_error(one)]
    error = AnswerRaised(text)
    for base in known[:1]:
        with contextlib.suppress(TypeError):  # some errors are made of more than a text
            error = type(names[0], (AnswerRaised, base), {})(text)
    raise error


def _is_error(found: Any) -> bool:
    return isinstance(found, type) and issubclass(found, Exception)
