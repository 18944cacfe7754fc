"""Norrmotor's data catalogue: 40 tables with some 300 columns, of which many are personal.

The key has one row a column:

| column | meaning |
|---|---|
| table, column | where |
| is_pii | whether any value in it is personal data |
| pii_type | one of the fifteen types of `column_values.PERSONAL`; "" if not personal |
| holds | what the other values are: a type, or "free text" |
| how | clean, sparse, mixed, misleading or free text |
| share | of the values that are there, the share that is personal |

*Sparse* columns are nine tenths empty or more. *Mixed* columns hold personal data in about
30 % of the values, and status codes or the like in the others. *Misleading* columns have a
header that says nothing ("ref_2"), or says the opposite ("phone_model" over part numbers).
*Free text* mentions personal data in 5 to 40 % of the rows, or never.

Names come from Faker, in ten countries' ways; identifiers are made here and have valid
check digits. All are invented; no row describes a person.
"""

from dataclasses import dataclass
from random import Random

import numpy as np
import pandas as pd
from faker import Faker

from labs.company.catalogue_headers import HEADERS, MISLEADING, NEUTRAL, TABLES, TEXT_HEADERS
from labs.company.column_values import LOCALES, MENTIONS, OTHER, PERSONAL, Source, mention, sentence

CATALOGUE = 7002  # this data set's number in the seed
ROWS = (80, 240)
SPARSE, MISLED, MIXED = 0.12, 0.16, 0.08  # shares of columns; MIXED, of those not personal
MIXED_SHARE = 0.30  # of the values
MIXED_TYPES = ("email", "phone", "national_id", "full_name")
MIXED_INTO = ("status", "flag", "order_number", "batch", "machine_id", "storage", "job_title")
KEY = ["table", "column", "is_pii", "pii_type", "holds", "how", "share"]


@dataclass(frozen=True)
class Catalogue:
    """Tables by name, and the key: one row a column."""

    tables: dict[str, pd.DataFrame]
    key: pd.DataFrame


@dataclass(frozen=True)
class Plan:
    """What a column is to hold; `mentioned` is the personal type within other values."""

    holds: str
    how: str
    mentioned: str = ""
    share: float = 0.0


def catalogue(seed: int = 1) -> Catalogue:
    """All tables and their key. Another seed gives other headers, values and traps.

    Each table has a generator of its own.
    """
    fakers = {country: Faker(locale) for country, locale in LOCALES.items()}
    tables, rows = {}, []
    for place, (name, types) in enumerate(TABLES.items()):
        numbers = np.random.SeedSequence([seed, CATALOGUE, place]).generate_state(2, np.uint64)
        rng = Random(int(numbers[0]))
        countries = rng.sample(list(LOCALES), 1 if rng.random() < 0.6 else 3)
        for country in countries:
            fakers[country].seed_instance(int(numbers[1]))
        sources = [Source(rng, fakers[country], country) for country in countries]
        tables[name], keyed = _table(name, types.split(), sources)
        rows += keyed
    return Catalogue(tables, pd.DataFrame(rows, columns=KEY))


def _table(name: str, types: list[str], sources: list[Source]) -> tuple[pd.DataFrame, list[dict]]:
    """One table and its rows of the key."""
    rng = sources[0].rng
    spell = rng.choice((str, str, str.upper, _camel))
    rows = rng.randrange(*ROWS)
    columns, key = {}, []
    for kind in types:
        plan = _plan(rng, kind)
        header = _free(spell(_header(rng, plan)), columns)
        values, share = _values(sources, plan, rows)
        columns[header] = values
        kind = plan.mentioned or (plan.holds if plan.holds in PERSONAL else "")
        row = (name, header, bool(kind), kind, plan.holds, plan.how, share)
        key.append(dict(zip(KEY, row, strict=True)))
    return pd.DataFrame(columns), key


def _plan(rng: Random, kind: str) -> Plan:
    """Whether a column of this type is clean, and if not, what is the matter with it."""
    chance = rng.random()
    if kind == "text":
        if chance < 0.5:
            return Plan("free text", "free text")
        return Plan("free text", "free text", rng.choice(list(MENTIONS)), rng.uniform(0.05, 0.4))
    if kind in MIXED_INTO and chance > 1 - 2 * MIXED:
        return Plan(kind, "mixed", rng.choice(MIXED_TYPES), MIXED_SHARE)
    if chance < SPARSE:
        return Plan(kind, "sparse")
    return Plan(kind, "misleading" if chance < SPARSE + MISLED else "clean")


def _header(rng: Random, plan: Plan) -> str:
    if plan.holds == "free text":
        return rng.choice(TEXT_HEADERS)
    if plan.how == "misleading":
        return rng.choice(MISLEADING.get(plan.holds, NEUTRAL))
    return rng.choice(HEADERS[plan.holds])


def _free(header: str, taken: dict) -> str:
    """`header`, numbered if the table has one of that name."""
    number = 1 + sum(name == header or name.startswith(f"{header}_") for name in taken)
    return header if number == 1 else f"{header}_{number}"


def _camel(header: str) -> str:
    first, *rest = header.split("_")
    return first + "".join(part.title() for part in rest)


def _values(sources: list[Source], plan: Plan, rows: int) -> tuple[list[object], float]:
    """The values of a column, None where one is missing, and the share that is personal."""
    rng = sources[0].rng
    style = rng.randrange(60)
    empty = rng.uniform(0.90, 0.96) if plan.how == "sparse" else rng.choice((0, 0, 0, 0.02, 0.08))
    filled = [place for place in range(rows) if rng.random() >= empty] or [0]
    personal = set(rng.sample(filled, max(1, round(plan.share * len(filled)))))
    values: list[object] = [None] * rows
    for place in filled:
        source = sources[rng.randrange(len(sources))]
        values[place] = _value(source, style, plan, bool(plan.mentioned) and place in personal)
    if plan.mentioned:
        return values, round(len(personal) / len(filled), 3)
    return values, float(plan.holds in PERSONAL)


def _value(source: Source, style: int, plan: Plan, personal: bool) -> object:
    if plan.holds == "free text":
        return mention(source, style, plan.mentioned) if personal else sentence(source, style)
    if personal:
        return PERSONAL[plan.mentioned](source, style)
    return {**PERSONAL, **OTHER}[plan.holds](source, style)
