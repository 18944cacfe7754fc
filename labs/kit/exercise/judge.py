"""Run criteria on answers, and say of each what was called, what came back, and why."""

import ast
import contextlib
import functools
import inspect
import linecache
import traceback
import types
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.random import default_rng  # now: an answer may put another in its place

from labs.kit.exercise import limits
from labs.kit.exercise.criteria import Criterion
from labs.kit.exercise.shown import said, short, words

SECONDS = 10.0  # for one criterion; a right answer needs far less than one
GENERATED = ("<frozen ", "<__array_function__")  # Python's and numpy's own code without a file
FRAMES = 60  # of a traceback that are read; an endless recursion has thousands


@dataclass(frozen=True)
class Result:
    """How one criterion went.

    `outcome` is "right", "wrong", "missing" (an answer is not there), "failed" (the
    answer raised), "too long", or "a person" (waits for the mentor). The texts say
    what was called, what came back (of values, what they are), what was expected, and why.
    """

    criterion: Criterion
    outcome: str
    why: str = ""
    called: str = ""
    came: str = ""
    expected: str = ""
    printed: str = ""

    @property
    def earned(self) -> int:
        """The points; those that a person gives are not counted here."""
        return self.criterion.points if self.outcome == "right" else 0


def judge(
    criteria: Iterable[Criterion],
    answers: Mapping[str, Any],
    seed: int = 0,
    seconds: float | None = None,
) -> list[Result]:
    """Run each criterion on `answers` (by name); equal seeds give equal data.

    `seconds` is the limit for each (default: SECONDS).
    """
    limit = SECONDS if seconds is None else seconds
    return [_one(criterion, answers, seed, limit) for criterion in criteria]


def _one(criterion: Criterion, answers: Mapping, seed: int, seconds: float) -> Result:
    missing = [name for name in criterion.parameters if _is_missing(answers.get(name, ...))]
    if missing:
        return Result(criterion, "missing", why=_where_is(missing))
    calls = Calls()
    rng = default_rng([seed, zlib.crc32(criterion.id.encode())])
    with limits.printing() as printed:
        outcome, why, expected = _run(criterion, answers, calls, rng, seconds)
    shown = {**calls.shown(), "expected": expected, "printed": printed.text()}
    return Result(criterion, outcome, why, **shown)


def _run(criterion, answers, calls, rng, seconds) -> tuple[str, str, str]:
    """Outcome, why, and what was expected."""
    try:
        with contextlib.ExitStack() as stack, limits.seconds(seconds):
            given = {
                name: stack.enter_context(_opened(answers, kind, name))
                if hasattr(kind, "of")
                else calls.watch(name, answers[name])
                for name, kind in criterion.parameters.items()
            }
            criterion.run(**given, **_rng_if_wanted(criterion, rng))
    except limits.TooLong:
        return "too long", f"it did not end within {seconds:g} seconds", ""
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        return _what_went_wrong(criterion, error, calls.came)
    return ("a person", "a person reads it", "") if criterion.by_hand else ("right", "", "")


def _opened(answers: Mapping, kind: type, name: str) -> contextlib.AbstractContextManager:
    """An answer as its kind: opened here, or where `answers` keeps it in another process."""
    elsewhere = getattr(answers, "opened", None)
    return elsewhere(kind, name) if elsewhere else kind.of(answers[name], name)


def _rng_if_wanted(criterion: Criterion, rng: np.random.Generator) -> dict:
    return {"rng": rng} if "rng" in inspect.signature(criterion.run).parameters else {}


def _is_missing(answer: Any) -> bool:
    return answer is ...


def _where_is(names: list[str]) -> str:
    listed = " and ".join(f"`{name}`" for name in names)
    are = "is" if len(names) == 1 else "are"
    return f"{listed} {are} not there yet: write the answer, and run its cell"


def _what_went_wrong(criterion: Criterion, error: BaseException, came: str) -> tuple[str, str, str]:
    """Tell an assert of the criterion from an error of the answer."""
    frames = traceback.extract_tb(error.__traceback__, limit=FRAMES)
    checks = criterion.run.__code__.co_filename
    ours = [place for place, frame in enumerate(frames) if frame.filename == checks]
    asserted = (_assertion(checks, frames[place].lineno) for place in ours)
    expected = next(filter(None, asserted), "")  # the criterion's own rather than its helper's
    below = frames[ours[-1] + 1 :] if ours else frames
    is_assert = isinstance(error, AssertionError)
    if is_assert and below and _is_kinds(frames[-1]):
        return "wrong", words(error), ""
    if any(_is_answers(frame) for frame in below):
        return "failed", f"the answer raised {said(error)}", expected
    if is_assert:
        return "wrong", words(error), expected
    if came == "None":
        return "wrong", "nothing came back; a function gives its result with `return`", expected
    return "wrong", f"what came back cannot be used here ({said(error)})", expected


def _is_kinds(frame: traceback.FrameSummary) -> bool:
    return frame.filename.replace("\\", "/").endswith("labs/kit/exercise/kinds.py")


def _is_answers(frame: traceback.FrameSummary) -> bool:
    """Whether the learner's code runs here, or is about to."""
    name = frame.filename
    is_cell = "ipykernel_" in name or (name[:1] == "<" and not name.startswith(GENERATED))
    is_call = frame.filename == __file__ and frame.name == "watched"
    return is_cell or is_call or _is_kinds(frame)


@functools.lru_cache(maxsize=200)
def _asserts(path: str, source: str) -> list[ast.Assert]:
    return [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Assert)]


def _assertion(path: str, line: int) -> str:
    """The condition that is asserted at `line` of the file, as it is written there.

    A name alone, or its negation, says nothing to a learner.
    """
    linecache.checkcache(path)
    source = "".join(linecache.getlines(path))
    for node in _asserts(path, source):
        if node.lineno <= line <= (node.end_lineno or node.lineno):
            asserted = ast.unparse(node.test)
            return "" if asserted.removeprefix("not ").isidentifier() else asserted
    return ""


@dataclass
class Calls:
    """Watches answers: the last call of a function and what came back, or else the values."""

    last: str = ""
    came: str = ""
    values: dict[str, str] = field(default_factory=dict)

    def shown(self) -> dict[str, str]:
        """What was called, and what came back; for values alone, what they are."""
        if self.last:
            return {"called": self.last, "came": self.came}
        return {"came": ", ".join(f"{name} = {value}" for name, value in self.values.items())}

    def watch(self, name: str, answer: Any) -> Any:
        """`answer`, watched if it is a plain function."""
        if not isinstance(answer, types.FunctionType):
            self.values[name] = short(answer)
            return answer

        @functools.wraps(answer)
        def watched(*args, **kwargs):
            given = [short(one) for one in args] + [f"{k}={short(v)}" for k, v in kwargs.items()]
            self.last, self.came = f"{name}({', '.join(given)})", ""
            try:
                came = answer(*args, **kwargs)
            except BaseException as error:
                self.came = "nothing" if isinstance(error, limits.TooLong) else said(error)
                raise
            self.came = short(came)
            return came

        return watched
