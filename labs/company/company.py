"""Norrmotor's year: four models, their weeks, their labels, and what went wrong.

Everything follows from the seed and the scenario. Each week of each table has a random
generator of its own, so that any week can be had alone and is the same in every order.
Numbers are rounded before they are compared or stored: the same seed gives the same
bytes on one platform, and the same values on all.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from labs.company import access, calendar, columns, delivery, maintenance, price, warranty
from labs.company.incidents import MODELS, STORY, WEEKS, Incident, draw
from labs.company.usage import usage, version

if TYPE_CHECKING:
    from labs.company.catalogue import Catalogue
    from labs.company.fleet import Fleet

MODULES = {"maintenance": maintenance, "price": price, "warranty": warranty, "access": access}
WORLD, FAULTS, VOLUME, USAGE = range(4)  # what a week's generators are for
ID_OF_WEEK = 100_000  # ids of a week begin at its number, counted from the earliest, times this


@dataclass(frozen=True)
class Year:
    """One model's tables over several weeks; ids join them."""

    inputs: pd.DataFrame
    predictions: pd.DataFrame
    labels: pd.DataFrame


@dataclass(frozen=True)
class Company:
    """A company year. `scenario` is "story", "drawn" or the incidents themselves.

    "story" is the year of the lessons. "drawn" is the year that the seed draws: same
    kinds of incident, elsewhere. Who assigns a drawn year keeps its seed, and takes a
    large one, such as `secrets.randbits(64)`, that nobody finds by trying.
    Raises ValueError for an unknown scenario, a negative seed, or a `start` that is not
    the first Monday of a January.
    """

    seed: int = 1
    start: date = calendar.START
    scenario: str | tuple[Incident, ...] = "story"

    def __post_init__(self):
        calendar.checked(self.start)
        if self.seed < 0:
            raise ValueError(f"seed is {self.seed}; give 0 or more")
        if isinstance(self.scenario, str) and self.scenario not in ("story", "drawn"):
            raise ValueError(
                f"scenario is {self.scenario!r}; give 'story', 'drawn' or a tuple of incidents"
            )

    @cached_property
    def incidents(self) -> tuple[Incident, ...]:
        """What happens in this year."""
        if self.scenario == "story":
            return STORY
        return draw(self.seed) if self.scenario == "drawn" else tuple(self.scenario)

    def batch(self, model: str, week: int) -> pd.DataFrame:
        """The rows that arrived in `week`, as they arrived: keys, then inputs."""
        return pd.DataFrame(self._week(model, week)[0])

    def predictions(self, model: str, week: int) -> pd.DataFrame:
        """What the version then in production said about that week's rows."""
        return pd.DataFrame(self._predicted(model, week, self._week(model, week)[0]))

    def labels(self, model: str, known_by: int = WEEKS, since: int = 1) -> pd.DataFrame:
        """Labels of the rows of `since` and later that had arrived by the end of `known_by`."""
        last = min(known_by, WEEKS)
        weeks = range(since, last - MODULES[model].DELAY + 1 if known_by <= WEEKS else last + 1)
        found = _stacked([self._labels(model, week) for week in weeks] or [self._no_labels(model)])
        return found[found["known_week"] <= known_by].reset_index(drop=True)

    def labels_of(self, model: str, week: int) -> pd.DataFrame:
        """Labels of that week's rows, each with the week in which it arrives."""
        return pd.DataFrame(self._labels(model, week))

    def labels_known_in(self, model: str, week: int) -> int:
        """The week by which the labels of that week's rows have arrived."""
        late = [one.size for one in self._active(model, week) if one.kind == "label_delay"]
        return week + int(max([MODULES[model].DELAY, *late]))

    def truth(self, model: str, week: int) -> pd.DataFrame:
        """What is true of each row of `week`, whether or not anyone ever finds out.

        For access it is what should have been decided, not what the reviewer decided.
        """
        inputs, labels = self._week(model, week)
        column = "should_approve" if model == "access" else MODULES[model].LABEL
        return pd.DataFrame({"id": inputs["id"], "truth": labels[column]})

    def weeks(self, model: str, weeks: Iterable[int]) -> Year:
        """Batches and predictions of `weeks`, and their labels whenever these arrive.

        A column that only some of the weeks have is null in the others.
        """
        parts: tuple[list, list, list] = ([], [], [])
        for week in weeks:
            inputs, labels = self._week(model, week)
            parts[0].append(inputs)
            parts[1].append(self._predicted(model, week, inputs))
            parts[2].append(self._labels(model, week, (inputs, labels)))
        return Year(*(_stacked(part) for part in parts))

    def reference(self, model: str) -> Year:
        """Twelve weeks of the autumn before the year, free of incidents, all labels known."""
        return self.weeks(model, calendar.REFERENCE)

    def year(self, model: str) -> Year:
        """All 52 weeks; `labels` includes those that arrive after the year's end."""
        return self.weeks(model, range(1, WEEKS + 1))

    def usage(self, model: str, week: int | None = None) -> pd.DataFrame:
        """Requests by day and caller, errors, latency and version in `week`, or in the year."""
        weeks = range(1, WEEKS + 1) if week is None else [week]
        return _stacked([self._usage(model, number) for number in weeks])

    def fleet(self, n: int = 300) -> "Fleet":
        """`n` models, the days of their year, and what went wrong with some of them."""
        from labs.company.fleet import fleet

        return fleet(self.seed, n, self.start)

    def catalogue(self) -> "Catalogue":
        """About 300 columns of 40 tables, and the key that says which hold personal data."""
        from labs.company.catalogue import catalogue

        return catalogue(self.seed)

    def answer_key(self) -> pd.DataFrame:
        """One row an incident: its fields, and `visible_week` by its stated signal.

        `visible_week` is missing for decoys: there is nothing to see.
        """
        from labs.company.signals import visible

        key = pd.DataFrame([asdict(one) for one in self.incidents])
        seen = [visible(self, one) for one in self.incidents]
        return key.assign(visible_week=pd.array(seen, dtype="Int64"))

    def export(self, folder: Path | str, form: str = "csv") -> Path:
        """Write what a monitoring team saw of this year into `folder`, and nothing else.

        `form` is "csv" or "parquet". One file a week holds a model's batch, another its
        predictions; week numbers below 1 are the reference. Neither incidents nor seed
        nor truth are written. Raises ValueError for another form.
        """
        from labs.company.export import export

        return export(self, Path(folder), form)

    def _generator(self, model: str, week: int, purpose: int) -> np.random.Generator:
        """The generator of one week of one model for one purpose."""
        where = [MODELS.index(model), week - calendar.FIRST_WEEK, purpose]
        return np.random.default_rng([self.seed, *where])

    def _active(self, model: str, week: int) -> tuple[Incident, ...]:
        """What goes on in `week` at `model`; raises ValueError if there is no such thing."""
        if model not in MODELS:
            raise ValueError(f"model is {model!r}; give one of {', '.join(MODELS)}")
        calendar.check_week(week)
        return tuple(one for one in self.incidents if one.model == model and one.active(week))

    def _week(self, model: str, week: int) -> tuple[dict, dict]:
        """Keys and inputs as they arrived, and everything true of them."""
        now, module = self._active(model, week), MODULES[model]
        when = self._generator(model, week, VOLUME)
        n = calendar.volume(when, module.ROWS, week, now)
        keys = self._keys(week, calendar.days(when, n))
        inputs, labels = module.week(self._generator(model, week, WORLD), n, week, now)
        faults = self._generator(model, week, FAULTS)
        inputs = keys | inputs
        if any(one.kind == "outage" for one in now):
            kept = delivery.arriving(faults, inputs, now)
            inputs, labels = _where(inputs, kept), _where(labels, kept)
        return delivery.delivered(faults, inputs, now), labels

    def _keys(self, week: int, days: np.ndarray) -> dict:
        """The columns `id`, `week` and `date` of rows that came on these weekdays."""
        first = np.datetime64(calendar.monday(self.start, week), "ms")
        return {
            "id": (week - calendar.FIRST_WEEK) * ID_OF_WEEK + np.arange(len(days)),
            "week": np.full(len(days), week),
            "date": first + days.astype("timedelta64[D]"),
        }

    def _predicted(self, model: str, week: int, inputs: dict) -> dict:
        """The columns of `predictions`."""
        now, module = self._active(model, week), MODULES[model]
        bad = any(one.kind == "bad_release" for one in now)
        answers = (module.challenger if bad else module.champion)(inputs)
        number = version(model, week, self.incidents)
        return {
            "id": inputs["id"],
            "week": inputs["week"],
            "version": np.full(len(answers), number),
            "prediction": answers,
        }

    def _labels(self, model: str, week: int, generated: tuple | None = None) -> dict:
        """The columns of `labels`, of those rows of `week` that ever get one."""
        inputs, labels = generated or self._week(model, week)
        table = {"id": inputs["id"], "week": inputs["week"]}
        table["known_week"] = np.full(len(inputs["id"]), self.labels_known_in(model, week))
        table |= {name: labels[name] for name in columns.names(columns.LABELS[model])}
        return _where(table, labels["labelled"]) if "labelled" in labels else table

    def _no_labels(self, model: str) -> dict:
        """The columns of `labels` without a row."""
        return {name: values[:0] for name, values in self._labels(model, 1).items()}

    def _usage(self, model: str, week: int) -> dict:
        """The columns of `usage`."""
        now = self._active(model, week)
        table = usage(self._generator(model, week, USAGE), model, week, now)
        first = np.datetime64(calendar.monday(self.start, week), "ms")
        keys = {"date": first + table.pop("day").astype("timedelta64[D]")}
        keys["week"] = np.full(len(keys["date"]), week)
        keys["version"] = np.full(len(keys["date"]), version(model, week, self.incidents))
        return keys | table


def _where(table: dict, kept: np.ndarray) -> dict:
    """The rows of a table that are kept."""
    return {name: values[kept] for name, values in table.items()}


def _stacked(tables: list[dict]) -> pd.DataFrame:
    """The tables one below the other; where one lacks a column its rows are null."""
    columns = dict.fromkeys(name for table in tables for name in table)
    return pd.DataFrame({name: _column(name, tables) for name in columns})


def _column(name: str, tables: list[dict]):
    """One column of all tables."""
    parts = [table.get(name) for table in tables]
    if any(part is None for part in parts):
        lengths = [len(table["id"]) for table in tables]
        nulls = (np.full(length, np.nan) for length in lengths)
        parts = [null if part is None else part for part, null in zip(parts, nulls, strict=True)]
    if isinstance(parts[0], pd.Categorical):
        codes = np.concatenate([part.codes for part in parts])
        return pd.Categorical.from_codes(codes, dtype=parts[0].dtype)
    if isinstance(parts[0], np.ndarray):
        return np.concatenate(parts)
    return pd.concat([pd.Series(part) for part in parts], ignore_index=True)
