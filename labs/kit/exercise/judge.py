"""Run criteria on answers, and say of each what was called, what came back, and why."""

import ast
import contextlib
import functools
import linecache
import traceback
import types
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from labs.kit.exercise import limits
from labs.kit.exercise.criteria import Criterion

SECONDS = 10.0  # for one criterion; a right answer needs far less than one
LONGEST = 160  # characters of a value that is shown


@dataclass(frozen=True)
class Result:
    """How one criterion went.

    `outcome` is "right", "wrong", "missing" (an answer is not there), "failed" (the
    answer raised), "too long", or "a person" (waits for the mentor). The texts say
    what was called, what came back, what was expected, and why.
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
    seconds: float = SECONDS,
) -> list[Result]:
    """Run each criterion on `answers` (by name); equal seeds give equal data."""
    return [_one(criterion, answers, seed, seconds) for criterion in criteria]


def _one(criterion: Criterion, answers: Mapping, seed: int, seconds: float) -> Result:
    missing = [name for name in criterion.parameters if _is_missing(answers.get(name, ...))]
    if missing:
        return Result(criterion, "missing", why=_where_is(missing))
    calls = Calls()
    rng = np.random.default_rng([seed, zlib.crc32(criterion.id.encode())])
    with limits.printing() as printed:
        outcome, why, expected = _run(criterion, answers, calls, rng, seconds)
    shown = {"called": calls.last, "came": calls.came, "printed": printed.text()}
    return Result(criterion, outcome, why, expected=expected, **shown)


def _run(criterion, answers, calls, rng, seconds) -> tuple[str, str, str]:
    """Outcome, why, and what was expected."""
    try:
        with contextlib.ExitStack() as stack, limits.seconds(seconds):
            given = {
                name: stack.enter_context(kind.of(answers[name], name))
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
        return _what_went_wrong(criterion, error)
    return ("a person", "a person reads it", "") if criterion.by_hand else ("right", "", "")


def _rng_if_wanted(criterion: Criterion, rng: np.random.Generator) -> dict:
    return {"rng": rng} if "rng" in criterion.run.__code__.co_varnames else {}


def _is_missing(answer: Any) -> bool:
    return answer is ...


def _where_is(names: list[str]) -> str:
    listed = " and ".join(f"`{name}`" for name in names)
    are = "is" if len(names) == 1 else "are"
    return f"{listed} {are} not there yet: write the answer, and run its cell"


def _what_went_wrong(criterion: Criterion, error: BaseException) -> tuple[str, str, str]:
    """Tell an assert of the criterion from an error of the answer."""
    frames = traceback.extract_tb(error.__traceback__)
    checks = criterion.run.__code__.co_filename
    ours = [frame for frame in frames if frame.filename == checks]
    expected = _assertion(checks, ours[-1].lineno) if ours else ""
    is_ours = bool(ours) and frames[-1].filename == checks
    if isinstance(error, AssertionError) and (is_ours or _is_kinds(frames[-1])):
        return "wrong", str(error), expected if is_ours else ""
    said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    if is_ours:
        return "wrong", f"what came back cannot be used here ({said})", expected
    return "failed", f"the answer raised {said}", expected


def _is_kinds(frame: traceback.FrameSummary) -> bool:
    return frame.filename.replace("\\", "/").endswith("labs/kit/exercise/kinds.py")


@functools.lru_cache(maxsize=200)
def _asserts(path: str, source: str) -> list[ast.Assert]:
    return [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Assert)]


def _assertion(path: str, line: int) -> str:
    """The condition that is asserted at `line` of the file, as it is written there."""
    linecache.checkcache(path)
    source = "".join(linecache.getlines(path))
    for node in _asserts(path, source):
        if node.lineno <= line <= (node.end_lineno or node.lineno):
            return ast.unparse(node.test)
    return ""


@dataclass
class Calls:
    """Watches functions that are answers: the last call and what came back."""

    last: str = ""
    came: str = ""
    depth: int = field(default=0)

    def watch(self, name: str, answer: Any) -> Any:
        """`answer`, watched if it is a plain function."""
        if not isinstance(answer, types.FunctionType):
            self.last, self.came = name, short(answer)
            return answer

        @functools.wraps(answer)
        def watched(*args, **kwargs):
            given = [short(one) for one in args] + [f"{k}={short(v)}" for k, v in kwargs.items()]
            self.last, self.came = f"{name}({', '.join(given)})", ""
            try:
                came = answer(*args, **kwargs)
            except Exception as error:
                self.came = f"{type(error).__name__}: {error}"
                raise
            self.came = short(came)
            return came

        return watched


def short(value: Any) -> str:
    """A value as one line that can be read: big ones by their kind and size."""
    shape = getattr(value, "shape", None)
    if hasattr(value, "columns") and hasattr(value, "iloc"):
        return f"a table of {len(value):,} rows: {', '.join(map(str, value.columns))}"[:LONGEST]
    if isinstance(shape, tuple) and shape and np.prod(shape) > 6:
        start = ", ".join(_figure(one) for one in np.asarray(value).ravel()[:3])
        return f"[{start}, ...] ({' x '.join(f'{n:,}' for n in shape)})"
    try:
        text = _figure(value) if isinstance(value, float | np.floating) else repr(value)
    except Exception as error:
        text = f"a {type(value).__name__} that cannot be shown ({type(error).__name__})"
    text = " ".join(text.split())
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 4]} ..."


def _figure(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float | np.floating) else repr(value)
