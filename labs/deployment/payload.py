"""MLflow's scoring protocol: the body of a request becomes named columns of values.

A body is JSON with one of four keys, or CSV with a header. What each means is in FORMATS.
Nothing is known here of a model: types are the business of `validation`.
"""

import csv
import io
import json
from collections.abc import Callable
from typing import Any, NamedTuple

FORMATS = {
    "dataframe_records": '[{"a": 1, "b": 2}, ...], one object a row',
    "dataframe_split": '{"columns": ["a", "b"], "data": [[1, 2], ...]}',
    "instances": '[{"a": 1, "b": 2}, ...], one object a row',
    "inputs": '{"a": [1, ...], "b": [2, ...]}, one list a column',
}
EXPECTED = "send one of " + ", ".join(FORMATS) + " in a JSON object, or text/csv with a header"


class Refused(Exception):
    """A request that cannot be answered as it is, with the HTTP status that says why."""

    def __init__(self, status: int, message: str):
        super().__init__(message)
        self.status = status
        self.message = message


class Payload(NamedTuple):
    """What a body holds: `columns` by name, each a list with one value for each of `rows`.

    Values are what JSON has; if `text`, they are the texts of CSV cells.
    """

    columns: dict[str, list]
    rows: int
    text: bool = False


def parse(body: bytes, content_type: str = "application/json") -> Payload:
    """The columns in a request's body. Raises Refused: 400, or 415 for another media type."""
    media, _, options = content_type.lower().partition(";")
    if "charset=" in options and "utf-8" not in options and "utf8" not in options:
        raise Refused(415, "the body has another character set; send UTF-8")
    media = media.strip() or "application/json"
    if media == "text/csv":
        return _csv(_decoded(body))
    if media != "application/json":
        raise Refused(415, f"the media type {media[:80]!r} is not known here; {EXPECTED}")
    return _json(body)


def _decoded(body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Refused(400, f"the body is not UTF-8 text (byte {error.start})") from None


def _json(body: bytes) -> Payload:
    try:
        content = json.loads(_decoded(body))
    except RecursionError:
        raise Refused(400, "the JSON is nested too deeply") from None
    except ValueError as error:
        raise Refused(400, f"the body is not JSON: {error}") from None
    if not isinstance(content, dict):
        raise Refused(400, f"the JSON is not an object; {EXPECTED}")
    found = [key for key in FORMATS if key in content]
    if len(found) != 1:
        raise Refused(400, f"the JSON has {' and '.join(found) or 'none of the keys'}; {EXPECTED}")
    if content.get("params"):
        raise Refused(400, "the request has params; the models here take none")
    return _READERS[found[0]](found[0], content[found[0]])


def _records(key: str, records: Any) -> Payload:
    if not isinstance(records, list) or not all(type(row) is dict for row in records):
        raise Refused(400, f"{key} must be {FORMATS[key]}")
    if len(records) == 1:  # the usual request: no need to collect names
        return _with_rows({name: [value] for name, value in records[0].items()}, 1)
    names = dict.fromkeys(name for row in records for name in row)
    columns = {name: [row.get(name) for row in records] for name in names}
    return _with_rows(columns, len(records))


def _split(key: str, split: Any) -> Payload:
    names, data = (split.get("columns"), split.get("data")) if type(split) is dict else (None, None)
    if not _are_names(names) or not isinstance(data, list):
        raise Refused(400, f"{key} must be {FORMATS[key]}")
    _require_different(names)
    for number, row in enumerate(data):
        if type(row) is not list or len(row) != len(names):
            raise Refused(400, f"{key}: row {number} is not a list of {len(names)} values")
    columns = {name: [row[i] for row in data] for i, name in enumerate(names)}
    return _with_rows(columns, len(data))


def _inputs(key: str, inputs: Any) -> Payload:
    if isinstance(inputs, list):
        return _records(key, inputs)
    if type(inputs) is not dict:
        raise Refused(400, f"{key} must be {FORMATS[key]}")
    columns = {
        name: values if type(values) is list else [values] for name, values in inputs.items()
    }
    lengths = {len(values) for values in columns.values()}
    if len(lengths) > 1:
        raise Refused(400, f"{key}: the columns have different lengths")
    return _with_rows(columns, max(lengths, default=0))


def _csv(text: str) -> Payload:
    try:
        header, *data = [row for row in csv.reader(io.StringIO(text), strict=True) if row]
    except ValueError:
        raise Refused(400, "the CSV is empty; send a header and at least one row") from None
    except csv.Error as error:
        raise Refused(400, f"the body is not CSV: {error}") from None
    _require_different(header)
    for number, row in enumerate(data):
        if len(row) != len(header):
            raise Refused(400, f"the CSV's row {number} has {len(row)} cells, not {len(header)}")
    columns = {name: [row[i] for row in data] for i, name in enumerate(header)}
    return _with_rows(columns, len(data))._replace(text=True)


def _are_names(names: Any) -> bool:
    return isinstance(names, list) and all(isinstance(name, str) for name in names)


def _require_different(names: list[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise Refused(400, f"the column {name[:80]!r} is there twice")
        seen.add(name)


def _with_rows(columns: dict[str, list], rows: int) -> Payload:
    if not rows or not columns:
        raise Refused(400, "there are no rows to predict")
    return Payload(columns, rows)


_READERS: dict[str, Callable[[str, Any], Payload]] = {
    "dataframe_records": _records,
    "dataframe_split": _split,
    "instances": _records,
    "inputs": _inputs,
}
