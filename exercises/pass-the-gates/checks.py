"""What the answers of "Let a release pass its gates, or refuse it with reasons" are judged by."""

import re
from functools import lru_cache

import numpy as np
import pandas as pd

from labs.company import Company
from labs.company.models import CAR_NUMBERS, CAR_TEXTS
from labs.kit.exercise import Registry, Text, criterion

GATE = "write a gate that judges each group of cars on its own"
RECORD = "promote what passes, refuse what does not, and leave a record of both"
LETTER = "tell colleagues why their version was refused, and what would let it pass"
MODEL = "car-price"
LIMIT = 0.05
AGAIN = "run the cell that copies the registry, and those below it, to begin anew"


@criterion("The lean is taken from the middle of the ratios", points=2, objective=GATE)
def takes_the_middle(leans, rng):
    """One group, with a few cars that are quoted absurdly high."""
    price, share = rng.uniform(5e4, 5e5, 41), float(rng.uniform(0.6, 1.6))
    quotes = price * share
    quotes[:5] *= 40
    came = leans(list(price), list(quotes), ["north"] * 41)
    why = f"36 of 41 quotes are {share:.3f} times the price, so the lean is {share - 1:+.3f}"
    assert abs(came["north"] - (share - 1)) < 1e-6, why


@criterion("Each group is judged on its own", points=1, objective=GATE)
def keeps_groups_apart(leans, rng):
    """Two groups that lean by as much in opposite directions."""
    groups = rng.permutation(["north"] * 30 + ["south"] * 30)
    off = float(rng.uniform(0.1, 0.4))
    quotes = np.where(groups == "north", 1 + off, 1 - off)
    came = leans(np.ones(60), quotes, groups)
    why = f"the north leans by {off:+.3f}, the south by {-off:+.3f}; together they hide it"
    assert abs(came["north"] - off) < 1e-6 and abs(came["south"] + off) < 1e-6, why


@criterion("Groups that are too small to judge are left out", points=1, objective=GATE)
def leaves_small_groups_out(leans, rng):
    """One group of 29 cars, one of 30."""
    groups = rng.permutation(["west"] * 30 + ["east"] * 29)
    came = leans(np.ones(59), rng.uniform(0.5, 2, 59), groups)
    assert set(came) == {"west"}, "there are 30 cars in the west and 29 in the east"


@criterion(
    "Cars are taken in their order, and any prices will do", points=2, objective=GATE, public=False
)
def takes_cars_in_their_order(leans, rng):
    """Series with an index of their own, as a selection of a table has it."""
    cars = int(rng.integers(200, 400))
    price, ratio = rng.uniform(2e4, 6e5, cars), rng.normal(1, 0.2, cars)
    groups, index = rng.choice(["a", "b", "c", "d"], cars), rng.permutation(cars) + 70
    came = leans(pd.Series(price, index), price * ratio, pd.Series(groups, rng.permutation(index)))
    for group in "abcd":
        expected = np.median(ratio[groups == group]) - 1
        why = "the n-th price, quote and group belong to one car, whatever an index says"
        assert abs(came[group] - expected) < 1e-6, why


@criterion("The champion deserves it", points=2, objective=RECORD)
def has_the_champion_that_deserves_it(store: Registry, rng):
    """Cars that nobody has seen, as dealers describe them."""
    champion = store.alias(MODEL, "champion")
    assert champion != "1", "version 1 is still champion, and one of the others is fit to follow it"
    cars = _fresh(int(rng.integers(2000, 2005)))
    try:
        quotes = store.predict(MODEL, champion, cars[CAR_TEXTS + CAR_NUMBERS])
    except Exception:
        why = f"version {champion} is champion, and cannot answer what dealers send: nine columns"
        raise AssertionError(why) from None
    lean = _leans(quotes, cars)
    worst = lean.abs().idxmax()
    found = f"on other cars its lean in the {worst} is {lean[worst]:+.1%}"
    why = f"version {champion} is champion; {found}"
    assert abs(lean[worst]) <= LIMIT, why


@criterion("Every version was asked, and for a reason", points=1, objective=RECORD)
def asks_every_version(store: Registry):
    """One promotion or refusal of each version, with words in it."""
    asked = _asked(store)
    missing = (
        {one["version"] for one in store.versions(MODEL)} - {"1"} - {e["after"] for e in asked}
    )
    assert not missing, f"the log has neither a promotion nor a refusal of version {min(missing)}"
    for event in asked:
        words = event["why"].split()
        assert len(words) >= 3, f"`why` of version {event['after']} says only {event['why']!r}"


@criterion("Every version faced three gates", points=1, objective=RECORD)
def asks_three_gates(store: Registry):
    """The verdicts on record, one gate a line."""
    asked = _asked(store)
    assert asked, f"the log has no promotion and no refusal of a new version; {AGAIN}"
    for event in asked:
        gates = event["details"].get("verdicts", [])
        why = f"version {event['after']} faced {len(gates)} gates: {gates}"
        assert len(gates) >= 3, why


@criterion("Every move of the alias is on record", points=1, objective=RECORD)
def moves_on_record(store: Registry):
    """The log and the alias tell the same story."""
    events = store.events()
    moves = [event["after"] for event in events if event["action"] in ("promote", "rollback")]
    champion = store.alias(MODEL, "champion")
    why = f"the log's last champion is version {moves[-1]}, the alias is at version {champion}"
    assert champion == moves[-1], f"{why}; {AGAIN}"
    assert all(event["action"] != "found" for event in events), f"the alias moved unseen; {AGAIN}"
    assert len(moves) > 1, "no version has been promoted since the first"


@criterion("A refusal tells what is wrong", points=3, objective=RECORD, public=False)
def refuses_with_reasons(store: Registry, rng):
    """The refused version that leans, and the sentence that its team reads."""
    cars = _fresh(int(rng.integers(2000, 2005)))
    refused = {event["after"]: event for event in store.events() if event["action"] == "refuse"}
    assert len(refused) >= 2, "two of the versions ought to have been refused"
    told = False
    for version, event in refused.items():
        if "service_book" in str(event["details"]):
            continue
        lean = _leans(store.predict(MODEL, version, cars), cars)
        region = lean.abs().idxmax()
        failed = [text for text in event["details"]["verdicts"] if "FAILED" in text]
        told = told or any(region in text and _figure(lean[region], text) for text in failed)
    assert told, "a refusal must name the region in which the version leans, and by how much"


@criterion(
    "The letter explains the refusal",
    points=4,
    objective=LETTER,
    by_hand=True,
    rubric=(
        "4: names version, region and size of the lean; says why an average over all cars hides "
        "it; recognises prices without VAT (a fifth is 1 - 1 / 1.25); asks for a check of the "
        "source and for the region's lean with the next version",
        "3: as 4, but the cause is only called an error in the data",
        "2: names the region and the gate, and repeats the log instead of explaining it",
        "1: says that a gate failed",
        "0: blames the team, the wrong version, or nothing to read",
    ),
)
def explains_the_refusal(note: Text):
    """There is something to read."""
    words = len(note.split())
    assert words >= 40, f"the letter has {words} words; 40 or more were asked for"


def _asked(store) -> list[dict]:
    """Promotions and refusals of all versions but the first."""
    events = [event for event in store.events() if event["action"] in ("promote", "refuse")]
    return [event for event in events if event["after"] != "1"]


@lru_cache(maxsize=20)
def _fresh(seed: int) -> pd.DataFrame:
    """Cars of another year, with their prices; the service book is given for all."""
    autumn = Company(seed).reference("price")
    sold = autumn.inputs.merge(autumn.labels[["id", "price_kr"]], on="id").tail(4000)
    sold = sold.astype({"owners": float} | dict.fromkeys(CAR_TEXTS, str))
    return sold.assign(service_book="complete")


def _leans(quotes, cars: pd.DataFrame) -> pd.Series:
    ratio = pd.Series(np.asarray(quotes, dtype=float) / cars["price_kr"].to_numpy())
    return ratio.groupby(cars["region"].to_numpy()).median() - 1


def _figure(lean: float, text: str) -> bool:
    """Whether the text has the lean's size, as a share or in per cent, to within 0.03."""
    figures = [float(one) for one in re.findall(r"\d+(?:\.\d+)?", text)]
    return any(min(abs(one - abs(lean)), abs(one / 100 - abs(lean))) < 0.03 for one in figures)
