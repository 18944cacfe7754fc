"""What a year of alarms was worth: which incidents were found, how late, and at what cost.

An alarm is a row with `model`, `week` and, if it likes, `kind` and `response`. Rows that
say the same count once; their order does not matter.

**Which alarm counts for which incident.**

- An alarm can belong to an incident of its model from the incident's first week to its
  last, or to `within` weeks after it became visible if that is later. Alarms before the
  visible week are welcome: they count as raised in it.
- If incidents of one model overlap, a `kind` that fits chooses among them. Without one
  (or if it fits none) all are possible. An alarm then counts for one incident, and an
  incident takes one alarm: the pairing that is best for whoever raised them is taken.
  (A key has no two incidents of one kind at once in a model: nothing could tell them apart.)
- An alarm that belongs to an incident but names neither a kind that fits nor a right
  response is vague: somebody has to find out what it is, each week that it comes. Other
  repeats cost nothing: it is plain that they are about the same thing.
- An alarm that can belong to no incident is false. So is one in the weeks of a decoy
  whose kind fits no incident, or which names the decoy itself.

**What it costs**, in kr:

    lost                  cost_per_week of each incident, for each week from its visible
                          one until it is answered or ends
    + investigation       for each incident (found or not: somebody looks in the end) and
                          for each week of a model with a false or vague alarm
    + wrong_response      for each different wrong response to an incident or decoy

An alarm with the right `response` answers the incident in its week, one without a response
a week later, and one with a wrong response not at all. Any response to a decoy other than
"none" and "leave alone" is wrong. An incident whose signal never becomes visible
(`visible_week` missing) is left out; alarms in its weeks are neither right nor false.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment

from labs.company.alarms import Alarm, read
from labs.company.incidents import WEEKS

HARMLESS = ("", "none", "leave alone")  # responses that do nothing to a decoy


@dataclass(frozen=True)
class Prices:
    """In kr: two engineers for a day and a half, and a change that has to be undone."""

    investigation: int = 24_000
    wrong_response: int = 150_000


@dataclass(frozen=True)
class Score:
    """What the alarms of a year were worth; incidents are named by their ids.

    `found` within the allowed weeks, `late` after them, `missed` never. `delay` is the
    mean of found and late, in weeks after the visible one; None if there are none.
    `false_alarms` and `vague_alarms` count weeks of models. `cost` is in kr, and `perfect`
    is what it costs to answer every incident rightly in its visible week.
    """

    found: tuple[str, ...]
    late: tuple[str, ...]
    missed: tuple[str, ...]
    delay: float | None
    false_alarms: int
    vague_alarms: int
    decoys_alarmed: tuple[str, ...]
    wrong_responses: tuple[tuple[str, str], ...]
    lost: int
    cost: int
    perfect: int


@dataclass(frozen=True)
class _Trouble:
    """An incident or decoy of the key, with the weeks whose alarms can belong to it."""

    id: str
    kind: str
    response: str
    decoy: bool
    cost_per_week: int
    visible: int | None
    first: int
    end: int  # the week after the last; what it loses, it loses before
    until: int

    def takes(self, week: int) -> bool:
        return self.first <= week <= self.until

    def lost(self, answered: int) -> int:
        """kr lost if it is answered in week `answered`."""
        return self.cost_per_week * max(0, min(answered, self.end) - self.visible)

    def answered(self, alarm: Alarm) -> int:
        """kr lost if `alarm` answers it."""
        if alarm.response not in ("", self.response):
            return self.lost(self.end)
        return self.lost(alarm.week + (not alarm.response))

    def delay(self, alarm: Alarm) -> int:
        """Weeks from the visible one to the alarm."""
        return max(0, alarm.week - self.visible)


def score(
    alarms: pd.DataFrame,
    key: pd.DataFrame,
    within: int = 4,
    models: Iterable[str] | None = None,
    prices: Prices | None = None,
) -> Score:
    """Judge `alarms` by the answer key; see the module for the rules.

    `within` is how many weeks after its visible one an incident counts as found.
    `models` are the names that alarms may use (default: those in the key). Raises
    ValueError that names the row and the value of an alarm that cannot be read.
    """
    prices = prices or Prices()
    raised = read(alarms, set(key["model"]) if models is None else set(models), set(key["kind"]))
    troubles = _troubles(key, within)
    tally = _Tally()
    for model in sorted(raised.keys() | troubles.keys()):
        tally.add(model, raised.get(model, []), troubles.get(model, []))
    return tally.score(within, prices)


def perfect(key: pd.DataFrame) -> pd.DataFrame:
    """The alarms that nobody can better: each incident in its visible week, rightly answered."""
    seen = key[~key["decoy"].astype(bool) & key["visible_week"].notna()]
    best = seen[["model", "visible_week", "kind", "response"]]
    return (
        best.rename(columns={"visible_week": "week"}).astype({"week": int}).reset_index(drop=True)
    )


def _troubles(key: pd.DataFrame, within: int) -> dict[str, list[_Trouble]]:
    """The key by model, each in order of id."""
    found: dict[str, list[_Trouble]] = {}
    for row in sorted(key.to_dict("records"), key=lambda row: row["id"]):
        seen = None if pd.isna(row["visible_week"]) or row["decoy"] else int(row["visible_week"])
        last = int(row["last_week"])
        until = last if seen is None else max(last, min(seen + within, WEEKS))
        shared = (row["id"], row["kind"], row["response"], bool(row["decoy"]))
        trouble = _Trouble(
            *shared, int(row["cost_per_week"]), seen, int(row["first_week"]), last + 1, until
        )
        found.setdefault(row["model"], []).append(trouble)
    return found


def _belongs(alarm: Alarm, troubles: list[_Trouble]) -> list[_Trouble]:
    """The incidents that `alarm` can count for, or else the decoys that it fell for."""
    here = [trouble for trouble in troubles if trouble.takes(alarm.week)]
    named = [trouble for trouble in here if trouble.kind == alarm.kind]
    decoys = [trouble for trouble in here if trouble.decoy]
    incidents = [trouble for trouble in here if not trouble.decoy]
    if named:
        return [trouble for trouble in named if not trouble.decoy] or named
    return decoys if decoys and (alarm.kind or not incidents) else incidents


def _pair(
    troubles: list[_Trouble],
    chosen: list[tuple[Alarm, list[_Trouble]]],
    price: Callable[[_Trouble, Alarm], float],
    unpaired: Callable[[_Trouble], float],
) -> list[tuple[_Trouble, Alarm | None]]:
    """Each incident with at most one alarm of its own, so that the prices add up to least."""
    table = np.full((len(troubles), len(chosen) + len(troubles)), np.inf)
    for row, trouble in enumerate(troubles):
        table[row, len(chosen) + row] = unpaired(trouble)
        for column, (alarm, candidates) in enumerate(chosen):
            if trouble in candidates:
                table[row, column] = price(trouble, alarm)
    rows, columns = linear_sum_assignment(table)
    alarms = [alarm for alarm, _ in chosen] + [None] * len(troubles)
    return [(troubles[r], alarms[c]) for r, c in zip(rows, columns, strict=True)]


class _Tally:
    """What has been counted so far, model by model."""

    def __init__(self) -> None:
        self.delays: dict[str, int | None] = {}
        self.false: set[tuple[str, int]] = set()
        self.vague: set[tuple[str, int]] = set()
        self.decoys: set[str] = set()
        self.wrong: set[tuple[str, str]] = set()
        self.lost = 0

    def add(self, model: str, alarms: list[Alarm], troubles: list[_Trouble]) -> None:
        """Count the alarms of one model."""
        chosen = [(alarm, _belongs(alarm, troubles)) for alarm in alarms]
        for alarm, candidates in chosen:
            if not candidates or candidates[0].decoy:
                self.false.add((model, alarm.week))
                self._fell_for(alarm, candidates)
            elif known := [one for one in candidates if one.visible is not None]:
                self._judge(alarm, known)
        seen = [one for one in troubles if one.visible is not None]
        for one, alarm in _pair(seen, chosen, _Trouble.delay, lambda one: 2 * WEEKS):
            self.delays[one.id] = None if alarm is None else one.delay(alarm)
        answers = _pair(seen, chosen, _Trouble.answered, lambda one: one.lost(one.end))
        self.lost += sum(one.lost(one.end) if a is None else one.answered(a) for one, a in answers)

    def _fell_for(self, alarm: Alarm, decoys: list[_Trouble]) -> None:
        """Note the decoys, and a response that changes something where nothing is wrong."""
        self.decoys |= {decoy.id for decoy in decoys}
        if alarm.response not in HARMLESS:
            self.wrong |= {(decoy.id, alarm.response) for decoy in decoys}

    def _judge(self, alarm: Alarm, incidents: list[_Trouble]) -> None:
        """Note an alarm whose kind and response tell nothing, or whose response is wrong."""
        right = {one.response for one in incidents}
        if alarm.response not in right and alarm.kind not in {one.kind for one in incidents}:
            self.vague.add((alarm.model, alarm.week))
        if alarm.response not in {"", *right}:
            newest = max(
                incidents, key=lambda one: (one.visible <= alarm.week, one.visible, one.id)
            )
            self.wrong.add((newest.id, alarm.response))

    def score(self, within: int, prices: Prices) -> Score:
        """The sums."""
        known = [delay for delay in self.delays.values() if delay is not None]
        ids = sorted(self.delays)
        best = prices.investigation * len(ids)
        looks = prices.investigation * len(self.false | self.vague)
        extra = looks + prices.wrong_response * len(self.wrong)
        return Score(
            found=tuple(i for i in ids if self._delay(i) <= within),
            late=tuple(i for i in ids if within < self._delay(i) <= WEEKS),
            missed=tuple(i for i in ids if self.delays[i] is None),
            delay=sum(known) / len(known) if known else None,
            false_alarms=len(self.false),
            vague_alarms=len(self.vague - self.false),
            decoys_alarmed=tuple(sorted(self.decoys)),
            wrong_responses=tuple(sorted(self.wrong)),
            lost=self.lost,
            cost=self.lost + best + extra,
            perfect=best,
        )

    def _delay(self, name: str) -> int:
        return 2 * WEEKS if self.delays[name] is None else self.delays[name]
