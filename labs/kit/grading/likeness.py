"""How alike two answers are: in the structure of their code, and in words that few others use."""

import itertools
import math
import re
import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from labs.kit.errors import UserError

GRAM = 25  # signs of code without names, as copydetect has it
WINDOW = 1  # every place counts; chosen ones would differ from run to run
IN_A_ROW = 3  # words that count together
WORD = re.compile(r"\w+|[^\w\s]")
LITTLE = 12.0  # weight of two or three rare phrases in a class of 100; less is chance


@dataclass(frozen=True)
class Written:
    """What one learner wrote for one exercise: code, and free text; the stub's lines are out."""

    learner: str
    code: str
    text: str = ""

    @cached_property
    def phrases(self) -> frozenset[tuple[str, ...]]:
        """All runs of a few words, names, signs and comments among them."""
        words = WORD.findall(f"{self.code}\n{self.text}")
        return frozenset(zip(*(words[at:] for at in range(IN_A_ROW)), strict=False))


@dataclass(frozen=True)
class Pair:
    """Two learners' answers; `structure` and `wording` from 0 to 1, `marks` what is alike."""

    first: Written
    second: Written
    structure: float
    wording: float
    marks: tuple[list[tuple[int, int]], list[tuple[int, int]]] = field(default=((), ()))


@dataclass(frozen=True)
class Likeness:
    """The answers to one exercise that are most alike, and what is usual in it.

    `same` are groups of learners whose answers are equal to the letter; in `pairs` the
    first of a group stands for all of it.
    """

    answers: int
    same: list[list[Written]]
    pairs: list[Pair]
    structure: float  # of the middle pair
    wording: float


def compare(answers: Sequence[Written], most: int) -> Likeness:
    """The `most` pairs that are most alike; raises UserError if copydetect is not installed."""
    groups: dict[tuple[str, str], list[Written]] = {}
    for one in answers:
        groups.setdefault((one.code, one.text), []).append(one)
    found = _pairs([group[0] for group in groups.values()], _weights(answers))
    middle = [statistics.median(one[at] for one in found) if found else 0.0 for at in (0, 1)]
    pairs = [_marked(one) for one in found[:most] if one[0] + one[1] > 0]
    same = sorted((one for one in groups.values() if len(one) > 1), key=len)
    return Likeness(len(answers), same, pairs, *middle)


def _pairs(answers: Sequence[Written], weights: dict) -> list[tuple]:
    """Structure, wording and the two answers of each pair, the most alike first."""
    prints = [_print(one.code) for one in answers]
    sums = [sum(weights[phrase] for phrase in one.phrases) for one in answers]
    found = []
    for one, two in itertools.combinations(range(len(answers)), 2):
        first, second = answers[one], answers[two]
        shared = sum(weights[phrase] for phrase in first.phrases & second.phrases)
        wording = shared / max(min(sums[one], sums[two]), LITTLE)
        structure = _overlap(prints[one], prints[two])
        found.append((structure, wording, first, second, prints[one], prints[two]))
    return sorted(found, key=lambda each: -(each[0] + each[1]))


def _weights(answers: Sequence[Written]) -> dict[tuple[str, ...], float]:
    """How rare each phrase is: nothing if all have it, more the fewer do."""
    users = Counter(phrase for one in answers for phrase in one.phrases)
    return {phrase: math.log(len(answers) / count) for phrase, count in users.items()}


def _print(code: str) -> Any:
    """Copydetect's fingerprint of the code, in which names do not count; None if it is short."""
    import io

    try:
        from copydetect import CodeFingerprint
        from copydetect.utils import filter_code
    except ImportError:
        raise UserError(
            "labs class similar needs the package copydetect. Install it: "
            "pip install 'mlops-labs[similar]'"
        ) from None
    if len(filter_code(code, "answer.py")[0]) < GRAM + WINDOW:
        return None
    return CodeFingerprint("answer.py", GRAM, WINDOW, fp=io.StringIO(code))


def _overlap(first: Any, second: Any) -> float:
    """The share of the shorter one's fingerprint that the other has."""
    if not first or not second:
        return 0.0
    return len(first.hashes & second.hashes) / min(len(first.hashes), len(second.hashes))


def _marked(one: tuple) -> Pair:
    """The pair with the places that are alike in structure."""
    structure, wording, first, second, *prints = one
    if not structure:
        return Pair(first, second, structure, wording)
    from copydetect import compare_files

    _, _, places = compare_files(*prints)
    marks = ([(int(begin), int(end)) for begin, end in zip(*each, strict=True)] for each in places)
    return Pair(first, second, structure, wording, tuple(marks))
