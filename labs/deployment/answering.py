"""One request to a model: read it, route it, predict it, and say what went wrong if it did."""

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any

import numpy as np
import pandas as pd

from labs.deployment import routing
from labs.deployment.batching import Batcher, Busy
from labs.deployment.live import Live, Version
from labs.deployment.payload import Payload, Refused, parse
from labs.deployment.telemetry import Metrics
from labs.deployment.traffic import Answered, TrafficWriter
from labs.deployment.validation import Columns

READ_ON = 8  # times the longest body are read and dropped, so that the client sees the refusal
said = logging.getLogger("labs.deployment")


@dataclass(frozen=True)
class Limits:
    """What a request may take, so that no caller can keep the server from the others."""

    most_bytes: int = 8 * 2**20  # of a body: about 100,000 rows of six numbers
    body_seconds: float = 10.0  # for the headers, and again for the whole body to arrive
    predict_seconds: float = 30.0  # from then to the answer
    stuck_seconds: float = 120.0  # of one prediction; then /health fails, and a restart helps


class Answers:
    """Answers requests with the models that are live."""

    def __init__(self, live: Live, metrics: Metrics, traffic: TrafficWriter, batcher: Batcher):
        self.live, self.metrics, self.traffic, self.batcher = live, metrics, traffic, batcher
        self._shadows: set[asyncio.Task] = set()

    async def to(self, name: str, payload: Payload, key: str) -> tuple[Any, Version]:
        """The answers of the model `name`, and the version that gave them."""
        champion = self._champion(name)
        route = self.live.routes.get(name)
        challenger = self.live.challengers.get(name) if route else None
        if challenger is None:
            columns = champion.inputs.fitted(payload)
            return await self._of(champion, columns, payload.rows), champion
        return await self._routed(route, champion, challenger, payload, key)

    def _champion(self, name: str) -> Version:
        champion = self.live.champions.get(name)
        if champion is None:
            if name in (self.live.names or ()) or name in self.live.problems:
                raise Refused(503, f"the model {name!r} has no version that is live yet")
            raise Refused(404, f"there is no model {name[:80]!r} here")
        return champion

    async def _routed(
        self,
        route: routing.Route,
        champion: Version,
        challenger: Version,
        payload: Payload,
        key: str,
    ) -> tuple[Any, Version]:
        """As `to`, where a challenger takes part; what it does goes into the traffic record.

        A challenger that fails is recorded, and the champion answers in its place.
        """
        key = key or routing.new_key()
        role = routing.answers(route, key)
        version = challenger if role == routing.CHALLENGER else champion
        begun, at = time.perf_counter(), time.time()
        record = Answered(at, champion.name, key, role, version.number, share=route.share)
        answerer = version
        try:
            columns = version.inputs.fitted(payload)
            answers = await self._of(version, columns, payload.rows)
        except (Failed, Refused) as error:
            if version is champion:
                if isinstance(error, Failed):
                    self.traffic.record(record._replace(error=error.message))
                raise
            answerer = champion
            columns = champion.inputs.fitted(payload)
            answers = await self._of(champion, columns, payload.rows)
            record = record._replace(error=error.message)
        milliseconds = 1000 * (time.perf_counter() - begun)
        record = record._replace(prediction=answers, milliseconds=milliseconds)
        if route.strategy == "shadow":
            task = asyncio.create_task(self._shadow(challenger, payload, record))
            self._shadows.add(task)
            task.add_done_callback(self._shadows.discard)
        else:
            self.traffic.record(record)
        return answers, answerer

    async def _shadow(self, challenger: Version, payload: Payload, record: Answered) -> None:
        """Ask the challenger what the champion has answered already, for the record only."""
        record = record._replace(shadow_version=challenger.number)
        try:
            columns = challenger.inputs.fitted(payload)
            answers = await self._of(challenger, columns, payload.rows)
            record = record._replace(shadow_prediction=answers)
        except (Failed, Refused) as error:
            record = record._replace(shadow_error=error.message)
        self.traffic.record(record)

    async def _of(self, version: Version, columns: Columns, rows: int) -> Any:
        try:
            return await self.batcher.predict(version, columns, rows)
        except Busy:
            raise Refused(503, "too many requests are waiting; try again in a second") from None
        except Exception as error:
            raise _failure(version, columns, error) from error


class Failed(Refused):
    """The model itself failed on a request that fits its signature."""


def _failure(version: Version, columns: Columns, error: Exception) -> Refused:
    empty = [name for name, values in columns.items() if pd.isna(values).any()]
    if empty:
        return Refused(422, f"the model cannot answer: a value is missing in {empty[0]!r}")
    said.error("%s version %s failed: %r", version.name, version.number, error)
    return Failed(500, f"version {version.number} of the model failed on this request")


async def read(stream: AsyncIterator[bytes], length: str | None, limits: Limits) -> bytes:
    """The body, if it is short enough and arrives in time. Raises Refused, 413 or 408."""
    chunks, size, most = [], 0, limits.most_bytes
    refused = Refused(413, f"the body is longer than {most} bytes; send fewer rows at a time")
    if length is not None and length.isdigit() and int(length) > READ_ON * most:
        raise refused
    try:
        async with asyncio.timeout(limits.body_seconds):
            async for chunk in stream:
                size += len(chunk)
                if size <= most:
                    chunks.append(chunk)
                elif size > READ_ON * most:
                    break
    except TimeoutError:
        raise Refused(408, f"the body did not arrive in {limits.body_seconds:g} s") from None
    if size > most:
        raise refused
    return b"".join(chunks)


def parsed(body: bytes, content_type: str, encoding: str | None) -> Payload:
    """The columns in a body of this type. Raises Refused, 415 also if it is compressed."""
    if encoding not in (None, "identity"):
        raise Refused(415, f"the content encoding {encoding[:40]!r} is not read here; send plain")
    return parse(body, content_type or "application/json")


def to_json(answers: Any) -> bytes:
    """`{"predictions": ...}` as MLflow writes it, but with null for NaN, which JSON lacks."""
    if isinstance(answers, pd.Series):
        answers = answers.to_frame()
    if isinstance(answers, pd.DataFrame):
        answers = answers.to_dict(orient="records")
    elif isinstance(answers, np.ndarray):
        answers = answers.tolist()
    try:
        return json.dumps({"predictions": answers}, allow_nan=False, default=_plain).encode()
    except ValueError:
        return json.dumps({"predictions": _without_nan(answers)}, default=_plain).encode()


def _plain(value: Any) -> Any:
    if isinstance(value, datetime | np.datetime64):
        return pd.Timestamp(value).isoformat()
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, bytes):
        return value.decode("latin-1")
    raise TypeError(f"a {type(value).__name__} has no JSON")


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(item) for item in value]
    if isinstance(value, float | np.floating) and not np.isfinite(value):
        return None
    return value


def refusal(refused: Refused) -> bytes:
    """The body of an answer that refuses, in MLflow's form."""
    code = HTTPStatus(refused.status).name
    return json.dumps({"error_code": code, "message": refused.message}).encode()
