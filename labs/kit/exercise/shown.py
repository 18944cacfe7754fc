"""Values and errors of a learner's, in a few words; whatever they are, this never raises."""

import re
import reprlib
from typing import Any

import numpy as np

LONGEST = 160  # characters of a value
MESSAGE = 400  # characters of an error's message
FEW = 6  # numbers of an array that are all shown
MANY = 12  # things in a list that are all shown
ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")  # differs from run to run


def short(value: Any) -> str:
    """A value as one line that can be read: big ones by their kind and size."""
    try:
        text = _table(value) or _array(value) or _SHORT.repr(value)
        return _cut(plain(text), LONGEST)
    except Exception as error:
        return f"a {_kind(value)} that cannot be shown ({_kind(error)})"


def words(error: BaseException) -> str:
    """What an error says."""
    try:
        return _cut(plain(str(error)), MESSAGE)
    except Exception:
        return ""


def said(error: BaseException) -> str:
    """The kind of an error, and what it says."""
    return f"{_kind(error)}: {words(error)}".removesuffix(": ")


def plain(text: str, between: str = " ") -> str:
    """Text without addresses, control characters and line breaks."""
    lines = [" ".join(line.split()) for line in ADDRESS.sub("", text).splitlines()]
    kept = between.join(line for line in lines if line)
    return "".join(letter if letter.isprintable() or letter == "\n" else " " for letter in kept)


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 4]} ..."


def _kind(value: Any) -> str:
    return type(value).__name__


def _table(value: Any) -> str:
    """A pandas table by its size and columns."""
    if not (hasattr(value, "columns") and hasattr(value, "iloc")):
        return ""
    return f"a table of {len(value):,} rows: {', '.join(map(str, value.columns))}"


def _array(value: Any) -> str:
    """An array or series: all of a small one, the start of a big one."""
    shape = getattr(value, "shape", None)
    if not isinstance(shape, tuple) or not shape:
        return ""
    array = np.asarray(value)
    if array.size <= FEW:
        return _SHORT.repr(array.tolist())
    start = ", ".join(_SHORT.repr(one) for one in array.ravel()[:3].tolist())
    return f"[{start}, ...] ({' x '.join(f'{n:,}' for n in array.shape)})"


class _Short(reprlib.Repr):
    """Shows the beginning of what is long, and numbers with six figures."""

    def __init__(self):
        super().__init__()
        self.maxlist = self.maxtuple = self.maxdict = self.maxset = MANY
        self.maxstring = self.maxother = self.maxlong = LONGEST

    def repr1(self, x: Any, level: int) -> str:
        """Numpy's numbers as Python's."""
        if isinstance(x, np.generic):
            x = x.item()
        if type(x) is float:
            return f"{x:.1f}" if 1e6 <= abs(x) < 1e15 else f"{x:.6g}"
        if type(x) in (list, tuple) and len(x) > MANY:
            first = ", ".join(self.repr1(one, level - 1) for one in x[:3])
            return f"[{first}, ...] ({len(x):,})"
        return super().repr1(x, level)

    def repr_instance(self, x: Any, level: int) -> str:
        """Anything else as it shows itself."""
        return repr(x)


_SHORT = _Short()
