"""Data between the judge and a process that runs strangers' code: never pickle, always bounded.

A message is JSON with the bytes of its arrays behind it. Numbers, texts, lists, arrays and
tables arrive with their exact types; what is a subclass arrives as the kind it descends
from, and an object that is no data as an `Opaque`, which can be neither compared nor used.
"""

import datetime
import json
import math
import pathlib
import re
import struct
from collections.abc import Iterator
from itertools import islice
from types import GeneratorType
from typing import Any

import numpy as np
import pandas as pd

from labs.kit.exercise.shown import short

HEAD = struct.Struct(">II")  # bytes of the JSON, bytes of the arrays
LONGEST = 64_000_000  # bytes of one message; a table of a million rows of eight columns
DEEPEST = 60  # levels of lists in lists; YAML and JSON answers have about ten
MANY = 100_000  # things that are taken from an iterator
BITS = 100_000  # of a whole number
PLAIN = re.compile(r"[<>|=]?(?:[biuf][1248]|f16|[mM]8(?:\[\d*(?:Y|M|W|D|h|m|s|ms|us|ns)\])?)")
COLUMNS = re.compile(r"str|string|boolean|U?Int(?:8|16|32|64)|Float(?:32|64)")
LAZY = (GeneratorType, map, zip, filter, reversed, enumerate)
VIEWS = tuple(type(view) for view in ({}.keys(), {}.values(), {}.items()))


class Unfit(Exception):
    """The bytes are no message, or one that is too large; the text says which."""


class Opaque:
    """Stands for an object that is no data. `kind` is the name of its class."""

    def __init__(self, kind: str, shown: str):
        self.kind, self.shown = kind, shown

    def __repr__(self) -> str:
        return self.shown

    def _refuse(self, *_: Any) -> Any:
        raise TypeError(f"a {self.kind} is no data: {self.shown}")

    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __bool__ = __len__ = _refuse
    __iter__ = __contains__ = __getitem__ = __float__ = __int__ = __call__ = __str__ = _refuse
    __hash__ = None


def encode(value: Any, longest: int = LONGEST) -> bytes:
    """`value` as one message. Raises Unfit if it is too large or too deep."""
    blobs: list[bytes] = []
    try:
        text = json.dumps(_node(value, blobs, 0), ensure_ascii=True).encode()
    except RecursionError:
        raise Unfit("it is nested too deep") from None
    body = b"".join(blobs)
    if len(text) + len(body) > longest:
        raise Unfit(f"it has {len(text) + len(body):,} bytes; at most {longest:,} are read")
    return HEAD.pack(len(text), len(body)) + text + body


def size(head: bytes, longest: int = LONGEST) -> int:
    """How many bytes follow `head`. Raises Unfit if they are too many."""
    text, body = HEAD.unpack(head)
    if text + body > longest:
        raise Unfit(f"it has {text + body:,} bytes; at most {longest:,} are read")
    return text + body


def decode(head: bytes, rest: bytes) -> Any:
    """The value of a message. Raises Unfit for whatever is none."""
    text, body = HEAD.unpack(head)
    if len(rest) != text + body:
        raise Unfit("it is cut off")
    try:
        node = json.loads(rest[:text])
        return _value(node, _Body(memoryview(rest)[text:]), 0)
    except Unfit:
        raise
    except Exception as error:  # forged bytes can fail in any of the constructors
        raise Unfit(f"it is no message ({type(error).__name__})") from None


def _node(value: Any, blobs: list[bytes], depth: int) -> Any:
    """`value` as JSON; arrays go to `blobs`."""
    if depth > DEEPEST:
        raise Unfit("it is nested too deep")
    if value is None or value is True or value is False:
        return value
    if value is pd.NA or value is pd.NaT:
        return {"t": "missing", "v": "NA" if value is pd.NA else "NaT"}
    for kind, write in _WRITERS:
        if isinstance(value, kind):
            node = write(value, blobs, depth + 1)
            if node is not None:
                return node
    return {"t": "opaque", "k": type(value).__name__[:80], "v": short(value)}


def _number(value: int, blobs: list, depth: int) -> Any:
    whole = int.__int__(value)
    if abs(whole) < 1 << 63:
        return whole
    if whole.bit_length() > BITS:
        raise Unfit(f"a number has {whole.bit_length():,} bits; at most {BITS:,} are read")
    return {"t": "int", "v": hex(whole)}


def _list(value: Any, blobs: list, depth: int) -> list:
    return [_node(each, blobs, depth) for each in value]


def _taken(value: Iterator, blobs: list, depth: int) -> list:
    """What an iterator gives, as a list."""
    taken = list(islice(value, MANY + 1))
    if len(taken) > MANY:
        raise Unfit(f"an iterator gave more than {MANY:,} things")
    return _list(taken, blobs, depth)


def _pairs(value: dict, blobs: list, depth: int) -> dict:
    pairs = list(dict.items(value))
    parts = [_list(part, blobs, depth) for part in zip(*pairs, strict=True)] or [[], []]
    return {"t": "dict", "k": parts[0], "v": parts[1]}


def _array(value: np.ndarray, blobs: list, depth: int) -> dict | None:
    if PLAIN.fullmatch(value.dtype.str):
        blobs.append(np.ascontiguousarray(value).tobytes())
        return {"t": "array", "d": value.dtype.str, "s": value.shape, "n": len(blobs[-1])}
    kind = value.dtype.kind
    if kind not in "OUT":
        return None
    flat = [_node(each, blobs, depth) for each in value.ravel().tolist()]
    return {"t": "objects", "d": "O" if kind == "O" else "U", "s": value.shape, "v": flat}


def _scalar(value: np.generic, blobs: list, depth: int) -> dict | None:
    node = _array(np.asarray(value), blobs, depth)
    return None if node is None else {"t": "scalar", "v": node}


def _column(values: Any, blobs: list, depth: int) -> dict:
    """The values of a Series or an Index, with their dtype."""
    dtype = values.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        codes, names = values.array.codes, np.asarray(dtype.categories, dtype=object)
        parts = [_node(part, blobs, depth) for part in (np.asarray(codes), names)]
        return {"t": "category", "v": parts, "o": bool(dtype.ordered)}
    if isinstance(dtype, np.dtype):
        return _node(np.asarray(values), blobs, depth)
    flat = [_node(each, blobs, depth) for each in values.array.astype(object)]
    return {"t": "column", "d": str(dtype), "v": flat}


def _index(value: pd.Index, blobs: list, depth: int) -> dict:
    names = _node([each for each in value.names], blobs, depth)
    if isinstance(value, pd.RangeIndex):
        return {"t": "range index", "v": [value.start, value.stop, value.step], "names": names}
    if isinstance(value, pd.MultiIndex):
        levels = [value.get_level_values(i) for i in range(value.nlevels)]
        return {
            "t": "levels",
            "v": [_column(each, blobs, depth) for each in levels],
            "names": names,
        }
    return {"t": "index", "v": _column(value, blobs, depth), "names": names}


def _series(value: pd.Series, blobs: list, depth: int) -> dict:
    index, name = _node(value.index, blobs, depth), _node(value.name, blobs, depth)
    return {"t": "series", "i": index, "name": name, "v": _column(value, blobs, depth)}


def _frame(value: pd.DataFrame, blobs: list, depth: int) -> dict:
    index, columns = _node(value.index, blobs, depth), _node(value.columns, blobs, depth)
    parts = [_column(value.iloc[:, i], blobs, depth) for i in range(value.shape[1])]
    return {"t": "frame", "i": index, "c": columns, "v": parts}


def _tagged(tag: str, change) -> Any:
    return lambda value, blobs, depth: {"t": tag, "v": change(value)}


def _moment(value: pd.Timestamp) -> list:
    return [value.isoformat(), value.unit]


_WRITERS: list[tuple[Any, Any]] = [
    (np.generic, _scalar),
    (int, _number),
    (float, lambda value, blobs, depth: float.__float__(value)),
    (str, lambda value, blobs, depth: str.__str__(value)),
    (tuple, lambda value, *rest: {"t": "tuple", "v": _list(tuple.__iter__(value), *rest)}),
    (list, lambda value, *rest: _list(list.__iter__(value), *rest)),
    (dict, _pairs),
    (frozenset, lambda value, *rest: {"t": "frozenset", "v": _list(value, *rest)}),
    (set, lambda value, *rest: {"t": "set", "v": _list(value, *rest)}),
    (np.ndarray, _array),
    (pd.DataFrame, _frame),
    (pd.Series, _series),
    (pd.Index, _index),
    (pd.Timestamp, _tagged("timestamp", _moment)),
    (pd.Timedelta, _tagged("timedelta", lambda value: value.value)),
    (datetime.datetime, _tagged("datetime", lambda value: value.isoformat())),
    (datetime.date, _tagged("date", lambda value: value.isoformat())),
    (datetime.timedelta, _tagged("span", lambda value: [value.days, value.seconds])),
    (bytes | bytearray, _tagged("bytes", lambda value: bytes(value).hex())),
    (pathlib.PurePath, _tagged("path", str)),
    (range, _tagged("range", lambda value: [value.start, value.stop, value.step])),
    (pd.api.extensions.ExtensionArray, lambda value, *rest: _node(pd.Series(value), *rest)),
    (LAZY + VIEWS, lambda value, *rest: _taken(iter(value), *rest)),
]


def _value(node: Any, body: memoryview, depth: int) -> Any:
    """What a node means; raises whatever it likes for a forged one."""
    if depth > 2 * DEEPEST:
        raise Unfit("it is nested too deep")
    if node is None or type(node) in (bool, int, float, str):
        return node
    if type(node) is list:
        return list(_values(node, body, depth))
    return _READERS[node["t"]](node, body, depth + 1)


class _Body:
    """Hands out the bytes of arrays in the order in which they were written."""

    def __init__(self, data: memoryview):
        self.data, self.at = data, 0

    def take(self, count: int) -> memoryview:
        if type(count) is not int or not 0 <= count <= len(self.data) - self.at:
            raise Unfit("its arrays are cut off")
        self.at += count
        return self.data[self.at - count : self.at]


def _values(nodes: list, body: Any, depth: int) -> Iterator[Any]:
    return (_value(node, body, depth + 1) for node in nodes)


def _shape(node: dict) -> tuple[int, ...]:
    shape = tuple(node["s"])
    if len(shape) > 8 or any(type(n) is not int or n < 0 for n in shape):
        raise Unfit("an array has an impossible shape")
    return shape


def _read_array(node: dict, body: _Body, depth: int) -> np.ndarray:
    if not PLAIN.fullmatch(node["d"]):
        raise Unfit("an array has an unknown type")
    return np.frombuffer(body.take(node["n"]), node["d"]).reshape(_shape(node)).copy()


def _read_objects(node: dict, body: _Body, depth: int) -> np.ndarray:
    flat, shape = list(_values(node["v"], body, depth)), _shape(node)
    if math.prod(shape) != len(flat):
        raise Unfit("an array has an impossible shape")
    if node["d"] == "U":
        if any(type(each) is not str for each in flat):
            raise Unfit("an array of texts holds something else")
        return np.array(flat, dtype=np.str_).reshape(shape)
    array = np.empty(len(flat), dtype=object)
    array[:] = flat
    return array.reshape(shape)


def _read_category(node: dict, body: _Body, depth: int) -> pd.Categorical:
    codes, names = _values(node["v"], body, depth)
    return pd.Categorical.from_codes(codes, list(names), ordered=node["o"] is True)


def _read_column(node: dict, body: _Body, depth: int) -> Any:
    zoned = re.fullmatch(r"datetime64\[(s|ms|us|ns), [A-Za-z0-9_/+:-]{1,40}\]", node["d"])
    if not (COLUMNS.fullmatch(node["d"]) or zoned):
        raise Unfit("a column has an unknown type")
    return pd.array(list(_values(node["v"], body, depth)), dtype=node["d"])


def _names(node: dict, body: _Body, depth: int) -> list:
    return list(_values(node["names"], body, depth))


def _read_index(node: dict, body: _Body, depth: int) -> pd.Index:
    (name,) = _names(node, body, depth)
    values = _value(node["v"], body, depth)
    return pd.Index(values, dtype=values.dtype, name=name)  # or pandas guesses another


def _read_range_index(node: dict, body: _Body, depth: int) -> pd.Index:
    (name,) = _names(node, body, depth)
    return pd.RangeIndex(*node["v"], name=name)


def _read_levels(node: dict, body: _Body, depth: int) -> pd.Index:
    names = _names(node, body, depth)
    return pd.MultiIndex.from_arrays(list(_values(node["v"], body, depth)), names=names)


def _read_series(node: dict, body: _Body, depth: int) -> pd.Series:
    index, name = _value(node["i"], body, depth), _value(node["name"], body, depth)
    values = _value(node["v"], body, depth)
    return pd.Series(values, index=index, dtype=values.dtype, name=name)


def _read_frame(node: dict, body: _Body, depth: int) -> pd.DataFrame:
    index, columns = _value(node["i"], body, depth), _value(node["c"], body, depth)
    parts = dict(enumerate(_values(node["v"], body, depth)))
    if len(parts) != len(columns) or any(len(part) != len(index) for part in parts.values()):
        raise Unfit("a table has an impossible shape")
    kept = {at: pd.Series(part, index=index, dtype=part.dtype) for at, part in parts.items()}
    frame = pd.DataFrame(kept, index=index)
    frame.columns = columns
    return frame


def _read_pairs(node: dict, body: _Body, depth: int) -> dict:
    keys, values = _values(node["k"], body, depth), _values(node["v"], body, depth)
    return dict(zip(list(keys), list(values), strict=True))


def _simple(change) -> Any:
    return lambda node, body, depth: change(node["v"])


_READERS: dict[str, Any] = {
    "tuple": lambda node, body, depth: tuple(_values(node["v"], body, depth)),
    "set": lambda node, body, depth: set(_values(node["v"], body, depth)),
    "frozenset": lambda node, body, depth: frozenset(_values(node["v"], body, depth)),
    "dict": _read_pairs,
    "array": _read_array,
    "objects": _read_objects,
    "scalar": lambda node, body, depth: _value(node["v"], body, depth)[()],
    "category": _read_category,
    "column": _read_column,
    "index": _read_index,
    "range index": _read_range_index,
    "levels": _read_levels,
    "series": _read_series,
    "frame": _read_frame,
    "int": _simple(lambda text: int(text, 16)),
    "missing": _simple(lambda which: pd.NA if which == "NA" else pd.NaT),
    "timestamp": _simple(lambda said: pd.Timestamp(said[0]).as_unit(said[1])),
    "timedelta": _simple(lambda count: pd.Timedelta(int(count))),
    "datetime": _simple(datetime.datetime.fromisoformat),
    "date": _simple(datetime.date.fromisoformat),
    "span": _simple(lambda said: datetime.timedelta(int(said[0]), int(said[1]))),
    "bytes": _simple(bytes.fromhex),
    "path": _simple(pathlib.PurePosixPath),
    "range": _simple(lambda said: range(*map(int, said))),
    "opaque": lambda node, body, depth: Opaque(str(node["k"])[:80], str(node["v"])[:200]),
}
