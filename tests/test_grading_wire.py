"""What passes between the judge and strangers' code: data as they were, and nothing else."""

import contextlib
import datetime
from collections import Counter, namedtuple
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labs.kit.grading import wire

Pair = namedtuple("Pair", "x y")
TABLE = pd.DataFrame(
    {
        "whole": [1, 2],
        "text": ["x", None],
        "kind": pd.Categorical(["u", "v"], ordered=True),
        "day": pd.to_datetime(["2026-01-01", None]),
        "zoned": pd.to_datetime(["2026-01-01", "2026-02-01"], utc=True),
        "maybe": pd.array([1, None], dtype="Int64"),
        "mixed": [1, "x"],
        "objects": np.array(["x", "y"], dtype=object),
        3: [0.5, np.nan],
    },
    index=pd.Index(["a", "b"], name="row"),
)


def through(value):
    message = wire.encode(value)
    head = wire.HEAD.size
    assert wire.size(message[:head]) == len(message) - head
    return wire.decode(message[:head], message[head:])


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.text() | st.integers(), inner)
        | st.tuples(inner, inner)
        | st.frozensets(st.text() | st.integers())
    ),
    max_leaves=20,
)


@given(PLAIN)
def test_plain_data_arrive_as_they_were(value):
    assert exactly(through(value)) == exactly(value)


def exactly(value):
    """A value with the types of all its parts."""
    if type(value) in (list, tuple):
        return type(value), [exactly(one) for one in value]
    if type(value) is dict:
        return dict, [(exactly(k), exactly(v)) for k, v in value.items()]
    return type(value), value if type(value) is not float else repr(value)


@pytest.mark.parametrize(
    "value",
    [
        np.float64(2.5),
        np.int8(3),
        np.bool_(True),
        np.str_("xy"),
        np.datetime64("2026-01-02"),
        pd.Timestamp("2026-01-01 12:00", tz="Europe/Stockholm"),
        pd.Timedelta("3h"),
        datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC),
        datetime.date(2026, 1, 1),
        datetime.timedelta(3, 5),
        range(2, 9, 3),
        2**200,
        -(2**63),
        float("inf"),
    ],
    ids=repr,
)
def test_single_values_keep_their_kind(value):
    came = through(value)
    assert type(came) is type(value)
    assert came == value


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6).reshape(2, 3),
        np.array([]),
        np.array(3.0),
        np.array(["a", "bcd"]),
        np.array([1, "x", None], dtype=object),
        np.array([True, False]),
        np.array(["2026-01-01", "NaT"], dtype="M8[D]"),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    ],
    ids=lambda array: str(array.dtype),
)
def test_arrays_keep_type_and_shape(array):
    came = through(array)
    assert came.dtype == array.dtype and came.shape == array.shape
    np.testing.assert_array_equal(came, array)
    came[...] = came  # a copy that may be written to


@pytest.mark.parametrize(
    "table",
    [
        TABLE,
        pd.DataFrame(),
        TABLE[["whole"]].T,
        TABLE.set_index(["whole", "text"]),
        pd.DataFrame({("a", 1): [1], ("b", 2): [2.5]}),
    ],
    ids=["all kinds", "empty", "turned", "two levels", "columns of two levels"],
)
def test_tables_arrive_as_they_were(table):
    pd.testing.assert_frame_equal(through(table), table)


def test_series_and_indexes_arrive_as_they_were():
    for name in TABLE:
        pd.testing.assert_series_equal(through(TABLE[name]), TABLE[name])
    pd.testing.assert_index_equal(through(TABLE.index), TABLE.index)
    assert through(pd.NA) is pd.NA
    assert through(pd.NaT) is pd.NaT


def test_what_is_nearly_data_arrives_as_data():
    """A learner may well return a Counter, a generator, or the keys of a dict."""
    assert through(Counter("aab")) == {"a": 2, "b": 1}
    assert through(Pair(1, 2)) == (1, 2)
    assert through(number**2 for number in range(3)) == [0, 1, 4]
    assert through({"a": 1}.keys()) == ["a"]
    assert through(Path("x") / "y").as_posix() == "x/y"


class Liar(float):
    def __gt__(self, other):
        return True

    __eq__ = __lt__ = __ge__ = __le__ = __gt__
    __hash__ = None


def test_a_value_that_lies_is_its_number():
    came = through([Liar(0.0)])
    assert type(came[0]) is float
    assert not came[0] > 0.25


@pytest.mark.parametrize(
    "use",
    [
        lambda it: it == 1,
        lambda it: it != 1,
        lambda it: it > 1,
        bool,
        len,
        float,
        list,
        str,
        hash,
        lambda it: it(),
        lambda it: it[0],
        lambda it: it in [1],
        lambda it: 1 in it,
    ],
)
def test_what_is_no_data_can_neither_be_compared_nor_used(use):
    class Anything:
        def __eq__(self, other):
            return True

        __hash__ = None

    (came,) = through([Anything()])
    with pytest.raises(TypeError):
        use(came)


def test_what_is_too_much_is_refused():
    endless = []
    endless.append(endless)
    with pytest.raises(wire.Unfit, match="nested"):
        wire.encode(endless)
    with pytest.raises(wire.Unfit, match=r"at most 1,000 are read"):
        wire.encode("x" * 2_000, longest=1_000)
    with pytest.raises(wire.Unfit, match="iterator"):
        wire.encode(number for number in iter(int, 1))
    with pytest.raises(wire.Unfit, match="bits"):
        wire.encode(10**100_000)
    with pytest.raises(wire.Unfit, match="bytes"):
        wire.size(wire.HEAD.pack(2**31, 2**31))


FORGED = [
    b"",
    b"{",
    b"\xff\xfe",
    b"[" * 200_000,
    b'{"t": "frame"}',
    b'{"t": "array", "d": "O", "s": [1], "n": 8}',
    b'{"t": "array", "d": "<f8", "s": [1000000000], "n": 8}',
    b'{"t": "array", "d": "<f8", "s": [-1], "n": 0}',
    b'{"t": "array", "d": "<f8", "s": [1], "n": -8}',
    b'{"t": "array", "d": "<f8", "s": [1], "n": 8}',
    b'{"t": "objects", "d": "O", "s": [99999999], "v": []}',
    b'{"t": "column", "d": "object", "v": [1]}',
    b'{"t": "column", "d": "datetime64[ns, Europe/Nowhere]", "v": []}',
    b'{"t": "category", "v": [[9], ["a"]], "o": false}',
    b'{"t": "no such kind", "v": 1}',
    b'{"t": "int", "v": "zz"}',
    b'{"t": "dict", "k": [[]], "v": [1]}',
    b'{"t": "dict", "k": [1, 2], "v": [1]}',
    b'{"t": "path", "v": 3}',
    b"1" * 100_000,
]


@pytest.mark.parametrize("text", FORGED, ids=lambda text: repr(text[:40]))
def test_forged_messages_are_refused(text):
    with pytest.raises(wire.Unfit):
        wire.decode(wire.HEAD.pack(len(text), 0), text)


@given(st.binary(max_size=60), st.integers(0, 200), st.integers(0, 255))
def test_any_bytes_are_data_or_refused(body, place, byte):
    """A changed byte gives other data, or is refused; nothing else is ever raised."""
    message = bytearray(wire.encode({"value": [1, "x", np.arange(3)], "table": TABLE}))
    message[place % len(message)] = byte
    head, rest = bytes(message[:8]), bytes(message[8:]) + body
    with contextlib.suppress(wire.Unfit):
        repr(wire.decode(head, rest))
