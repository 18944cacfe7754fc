"""Requests that wait together are predicted together.

A model predicts thirty rows in little more time than one. So while one prediction runs,
in a thread of its own, whatever arrives is collected, and goes into the next one. Nobody
waits for company: a request that finds the thread idle is predicted at once, alone.
"""

import asyncio
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import pandas as pd

LATENCY_CAP = 0.025  # seconds that a prediction may take longer for being shared
MOST_ROWS = 4096  # in a shared prediction
MOST_WAITING = 1000  # requests; more than that would time out before they are answered
QUIET = 3  # rounds of the event loop: what was on its way has arrived then


class Busy(Exception):
    """Too many requests wait already."""


class Predictor(Protocol):
    """What can be asked for predictions of columns of equally many values."""

    together: bool  # whether a row's answer is the same in whatever company

    def predict(self, columns: dict[str, np.ndarray]) -> Any:
        """The answers: an array, series, table or list with an entry for each row."""


class Call(NamedTuple):
    """One request: who is to predict which columns, and where the answer goes."""

    predictor: Predictor
    columns: dict[str, np.ndarray]
    rows: int
    answer: asyncio.Future


class RowLimit:
    """How many rows a model predicts together: halved if that took too long, else doubled.

    Too long is more than LATENCY_CAP over the model's quickest prediction. The idea,
    with other steps, is that of Clipper (Crankshaw et al. 2017, NSDI, section 4.3). A
    request that was predicted alone and took long says nothing of sharing: the machine
    was busy, or the request is large.
    """

    def __init__(self):
        self.rows = 64
        self._quickest = float("inf")

    def learn(self, rows: int, seconds: float, shared: bool = True) -> None:
        """Take in that a prediction of `rows`, `shared` by requests or of one, took `seconds`."""
        self._quickest = min(self._quickest, seconds)
        if seconds - self._quickest > LATENCY_CAP:
            self.rows = max(1, min(self.rows, rows) // 2) if shared else self.rows
        elif rows > self.rows / 2:
            self.rows = min(MOST_ROWS, self.rows * 2)


class Batcher:
    """Predicts for all requests of an event loop, in one thread.

    Only `_work` runs in that thread; all else runs in the loop, and needs no lock.
    """

    def __init__(self, observe: Callable[[Sequence[Call], float], None] = lambda *_: None):
        self._observe = observe  # told the calls of each prediction, and its seconds
        self._waiting: deque[Call] = deque()
        self._limits: dict[int, RowLimit] = {}
        self._batches: queue.SimpleQueue[list[Call] | None] = queue.SimpleQueue()
        self._running = False
        self._crowd = False
        self.begun: float | None = None  # when the running predictions began; None if idle
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._work, name="predict", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """How many requests wait for the prediction after this one."""
        return len(self._waiting)

    async def predict(self, predictor: Predictor, columns: dict, rows: int) -> Any:
        """The answers to one request; raises what the model raised for it, or Busy."""
        if len(self._waiting) >= MOST_WAITING:
            raise Busy
        call = Call(predictor, columns, rows, self._loop.create_future())
        self._waiting.append(call)
        if not self._running:
            self._running = True
            self._gather()
        return await call.answer

    def close(self) -> None:
        """Let the thread end once it has answered."""
        self._batches.put(None)

    def _gather(self, seen: int = 0, quiet: int = 0) -> None:
        """Hand over what waits: at once, or in a crowd when no more comes in."""
        quiet = quiet + 1 if len(self._waiting) == seen else 0
        if self._crowd and quiet < QUIET and len(self._waiting) < MOST_WAITING:
            self._loop.call_soon(self._gather, len(self._waiting), quiet)
            return
        batch = [call for call in self._waiting if not call.answer.done()]  # some gave up
        self._waiting.clear()
        self._crowd = len(batch) > 1
        self._running = bool(batch)
        self.begun = time.monotonic() if batch else None
        if batch:
            self._batches.put(batch)

    def _work(self) -> None:
        while (batch := self._batches.get()) is not None:
            groups = self._together(batch)
            for calls in groups:
                self._tell(self._answered, calls, self._predicted(calls), calls is groups[-1])

    def _tell(self, callback: Callable, *arguments) -> None:
        try:
            self._loop.call_soon_threadsafe(callback, *arguments)
        except RuntimeError:  # the loop has closed: nobody waits any more
            self._batches.put(None)

    def _answered(self, calls: list[Call], answers: list[Any], last: bool) -> None:
        """Give the calls their answers; after the last of a batch, begin the next."""
        _give(calls, answers)
        if not last:
            return
        self._running, self.begun = bool(self._waiting), None
        if self._running:
            self._gather()

    def _together(self, batch: list[Call]) -> list[list[Call]]:
        """The calls of a batch, in order, as the groups that are predicted together."""
        groups: list[list[Call]] = []
        latest: dict[int, tuple[list[Call], int]] = {}  # of each predictor: its group, its rows
        for call in batch:
            group, rows = latest.get(id(call.predictor), ([], 0))
            if not group or not call.predictor.together or rows + call.rows > self._rows(call):
                group, rows = [], 0
                groups.append(group)
            group.append(call)
            latest[id(call.predictor)] = group, rows + call.rows
        return groups

    def _rows(self, call: Call) -> int:
        return limit.rows if (limit := getattr(call.predictor, "limit", None)) else MOST_ROWS

    def _predicted(self, calls: list[Call]) -> list[Any]:
        """For each call its answers, or the exception that it met."""
        begun = time.perf_counter()
        try:
            answers = _predict_all(calls)
        except Exception as error:
            if len(calls) == 1:
                return [error]
            return [self._predicted([call])[0] for call in calls]  # so that only the bad one fails
        seconds = time.perf_counter() - begun
        if limit := getattr(calls[0].predictor, "limit", None):
            limit.learn(sum(call.rows for call in calls), seconds, shared=len(calls) > 1)
        self._observe(calls, seconds)
        return answers


def _predict_all(calls: list[Call]) -> list[Any]:
    """One prediction for all calls, divided among them."""
    predictor = calls[0].predictor
    if len(calls) == 1:
        return [_complete(predictor.predict(calls[0].columns), calls[0].rows)]
    columns = {
        name: np.concatenate([call.columns[name] for call in calls]) for name in calls[0].columns
    }
    rows = [call.rows for call in calls]
    answers = _complete(predictor.predict(columns), sum(rows))
    ends = np.cumsum(rows).tolist()
    return [_rows_of(answers, end - n, end) for end, n in zip(ends, rows, strict=True)]


def _complete(answers: Any, rows: int) -> Any:
    if len(answers) != rows:
        raise ValueError(f"the model gave {len(answers)} answers for {rows} rows")
    return answers


def _rows_of(answers: Any, begin: int, end: int) -> Any:
    if isinstance(answers, pd.DataFrame | pd.Series):
        return answers.iloc[begin:end]
    return answers[begin:end]


def _give(calls: list[Call], answers: list[Any]) -> None:
    for call, answer in zip(calls, answers, strict=True):
        if call.answer.done():  # the client gave up
            continue
        if isinstance(answer, Exception):
            call.answer.set_exception(answer)
        else:
            call.answer.set_result(answer)
