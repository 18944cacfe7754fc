"""Whether a request fits a model's signature, and its columns in the signature's types.

What fits: whole numbers where the signature has decimals, and decimals without a
fraction where it has whole numbers. `null`, an empty cell and NaN are a missing value,
which decimals, texts and times may have; whether the model can answer it, the model
decides. Columns that the signature does not name are ignored. A refusal names the first
column that does not fit, and nothing else of the signature.
"""

import base64
from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
from mlflow.models import ModelSignature
from mlflow.types import DataType

from labs.deployment.payload import Payload, Refused

Columns = dict[str, np.ndarray]
NONE = type(None)
SAID = {bool: "true or false", int: "a number", float: "a number", str: "text", NONE: "null"}
SAID |= {list: "a list", dict: "an object"}
TRUTHS = {"true": True, "false": False, "1": True, "0": False}


class Inputs:
    """The input columns of a signature. Raises ValueError if it is not one of named columns."""

    def __init__(self, signature: ModelSignature | None):
        schema = signature and signature.inputs
        if not schema or schema.is_tensor_spec() or not schema.has_input_names():
            raise ValueError("its signature has no named columns; log it with a DataFrame")
        unknown = [c.name for c in schema.inputs if not isinstance(c.type, DataType)]
        if unknown:
            raise ValueError(f"column {unknown[0]!r} is of a type that cannot be served")
        self.columns = [(c.name, c.type, *KINDS[c.type], c.required) for c in schema.inputs]
        self._texts = [name for name, kind, *_ in self.columns if kind == DataType.string]

    def fitted(self, payload: Payload) -> Columns:
        """The payload's columns in the signature's order and types. Raises Refused, 422."""
        fitted = {}
        for name, _, said, convert, read, required in self.columns:
            values = payload.columns.get(name)
            if values is None:
                if required:
                    raise Refused(422, f"the column {name!r} is missing")
                values = [None] * payload.rows
            elif payload.text:
                values = _each(name, said, read, values)
            try:
                fitted[name] = convert(values)
            except (TypeError, ValueError, OverflowError):
                raise _refusal(name, said, convert, values) from None
        return fitted

    def table(self, columns: Columns) -> pd.DataFrame:
        """Fitted columns as the table that the model predicts."""
        arrays = dict(columns)
        for name in self._texts:  # whatever the values, the type that pandas gives to texts
            arrays[name] = pd.array(columns[name], dtype="str")
        return pd.DataFrame(arrays, copy=False)

    def fitted_table(self, table: pd.DataFrame) -> Columns:
        """The columns of a table that has the signature's types already."""
        return {
            name: table[name].to_numpy(dtype=KIND_OF_ARRAY.get(kind, object))
            for name, kind, *_ in self.columns
        }


def _each(name: str, said: str, read: Callable, cells: list[str]) -> list:
    values = []
    for row, cell in enumerate(cells):
        try:
            values.append(read(cell))
        except (KeyError, ValueError):
            raise Refused(422, f"the column {name!r} must be {said}; row {row} is not") from None
    return values


def _refusal(name: str, said: str, convert: Callable, values: list) -> Refused:
    """The refusal that names the first row that cannot be converted."""
    for row, value in enumerate(values):
        try:
            convert([value])
        except (TypeError, ValueError, OverflowError) as error:
            found = SAID.get(type(value), "something else")
            if isinstance(error, OverflowError):
                found = "out of range"
            elif type(value) is float:
                found = "not"  # a number, but with a fraction
            return Refused(422, f"the column {name!r} must be {said}; row {row} is {found}")
    return Refused(422, f"the column {name!r} must be {said}")


def _require(values: list, allowed: set[type]) -> None:
    if not set(map(type, values)) <= allowed:
        raise TypeError


def _decimals(dtype: type) -> Callable[[list], np.ndarray]:
    def convert(values: list) -> np.ndarray:
        _require(values, {int, float, NONE})
        wide = np.array(values, dtype=np.float64)  # None becomes NaN
        if dtype is np.float64:
            return wide
        if (np.abs(wide[np.isfinite(wide)]) > np.finfo(dtype).max).any():
            raise OverflowError
        return wide.astype(dtype)

    return convert


def _whole_numbers(dtype: type) -> Callable[[list], np.ndarray]:
    def convert(values: list) -> np.ndarray:
        _require(values, {int, float})
        if not all(type(value) is int or value.is_integer() for value in values):
            raise ValueError
        return np.array([int(value) for value in values], dtype=dtype)

    return convert


def _truths(values: list) -> np.ndarray:
    _require(values, {bool})
    return np.array(values, dtype=bool)


def _objects(values: list) -> np.ndarray:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def _texts(values: list) -> np.ndarray:
    _require(values, {str, NONE})
    return _objects(values)


def _times(values: list) -> np.ndarray:
    _require(values, {str, NONE})
    moments = pd.to_datetime(pd.Series(values, dtype="str"), format="ISO8601", utc=True)
    return moments.dt.tz_localize(None).to_numpy("datetime64[ns]")


def _bytes(values: list) -> np.ndarray:
    _require(values, {str})
    return _objects([base64.b64decode(value, validate=True) for value in values])


def _decimal_cell(cell: str) -> float | None:
    return float(cell) if cell.strip() else None


def _text_cell(cell: str) -> str | None:
    return cell or None


# Of each type of a signature: what it is called, how a list of values becomes an array,
# and how the text of a CSV cell becomes a value.
Kind = tuple[str, Callable[[list], np.ndarray], Callable[[str], object]]
KINDS: Mapping[DataType, Kind] = {
    DataType.double: ("a number", _decimals(np.float64), _decimal_cell),
    DataType.float: ("a number", _decimals(np.float32), _decimal_cell),
    DataType.long: ("a whole number", _whole_numbers(np.int64), int),
    DataType.integer: ("a whole number", _whole_numbers(np.int32), int),
    DataType.boolean: ("true or false", _truths, lambda cell: TRUTHS[cell.strip().lower()]),
    DataType.string: ("text", _texts, _text_cell),
    DataType.datetime: ("a time such as 2026-11-21T08:00:00", _times, _text_cell),
    DataType.binary: ("bytes in base64", _bytes, str),
}
KIND_OF_ARRAY = {
    DataType.double: np.float64,
    DataType.float: np.float32,
    DataType.long: np.int64,
    DataType.integer: np.int32,
    DataType.boolean: bool,
    DataType.datetime: "datetime64[ns]",
}
