"""What the answers of "Split traffic, and keep it split" are judged by.

Shares are measured on thousands of keys and may be off by 5.5 standard errors: a right
answer leaves that band once in 26 million measurements, and a run makes ten of them.
"""

from labs.kit.exercise import criterion

STICKY = "split keys so that a key meets the same version every time"
GROW = "let a share grow without giving a key back"
APART = "split two roll-outs independently of each other"

NAMES = {"champion", "challenger"}
KEYS = 2000  # enough to tell a share of 3 % from none, and one of 6 % from one of 10 %
SURE = 5.5  # standard errors


@criterion("Nobody at 0, everybody at 1", points=1, objective=GROW)
def answers_every_key(split, rng):
    """The two ends of the scale, and the form of what comes back."""
    keys, salt = _keys(rng, 50), _salt(rng)
    nobody, everybody = list(split(keys, 0, salt)), list(split(keys, 1, salt))
    why = "one entry for each key: at share 0 the champion answers all of them"
    assert nobody == ["champion"] * len(keys), why
    why = "one entry for each key: at share 1 the challenger answers all of them"
    assert everybody == ["challenger"] * len(keys), why


@criterion("The share is the one that is asked for", points=2, objective=GROW)
def has_the_share(split, rng):
    """A small, a middling and a large share of consecutive numbers."""
    for low, high in ((0.03, 0.06), (0.2, 0.4), (0.6, 0.9)):
        share = round(float(rng.uniform(low, high)), 3)
        got = _share(split(_keys(rng), share, _salt(rng)))
        why = (
            f"of {KEYS:,} cars the challenger got {got:.3f} and should have got {share}; "
            f"chance alone moves it by less than {_band(share):.3f}"
        )
        assert abs(got - share) < _band(share), why


@criterion("A car's answer does not depend on the company it keeps", points=2, objective=STICKY)
def needs_no_company(split, rng):
    """The same keys in a list, in the reverse order, and one by one."""
    keys, salt = _keys(rng, 200), _salt(rng)
    together = list(split(keys, 0.4, salt))
    backwards = list(split(keys[::-1], 0.4, salt))
    why = "the list in reverse order gave some car another version: its place in it must not matter"
    assert backwards == together[::-1], why
    alone = [split([key], 0.4, salt)[0] for key in keys]
    why = "asked about alone, some car met another version than in a list with others"
    assert alone == together, why


@criterion("Two programs agree, whole numbers or text", points=1, objective=STICKY, public=False)
def takes_numbers_and_texts(split, rng):
    """The nightly list and the app."""
    keys, salt = _keys(rng, 200), _salt(rng)
    numbers = list(split([int(key) for key in keys], 0.5, salt))
    why = "the nightly list and the drivers' app, which write numbers differently, did not agree"
    assert numbers == list(split(keys, 0.5, salt)), why


@criterion("What you pinned is what it says", points=2, objective=STICKY)
def keeps_its_word(split, pinned, CARS, ROLL_OUT):
    """The literal values, in a process that may be another one."""
    wanted = [str(each) for each in pinned]
    why = "`pinned` is a list of twenty texts, each champion or challenger, and both occur"
    assert len(wanted) == 20 and set(wanted) == NAMES, why
    said = list(split(CARS, 0.5, ROLL_OUT))
    why = (
        "the function says something else than what is pinned: it has been changed, or it does "
        "not say the same in every process"
    )
    assert said == wanted, why


@criterion("A larger share gives no car back", points=2, objective=GROW)
def gives_none_back(split, rng):
    """Four growing shares of the same roll-out."""
    keys, salt = _keys(rng, 1000), _salt(rng)
    before = set()
    for share in sorted(round(float(each), 3) for each in rng.uniform(0.02, 0.98, 4)):
        now = _challenged(split, keys, share, salt)
        back = len(before - now)
        why = f"{back} of {len(keys):,} cars went back to the champion as the share grew to {share}"
        assert not back, why
        before = now


@criterion("Numbers that end alike are split too", points=1, objective=GROW, public=False)
def splits_numbers_that_end_alike(split, rng):
    """Test vehicles: every number ends in 000."""
    first = int(rng.integers(100, 5000))
    keys = [f"{number}000" for number in range(first, first + KEYS)]
    got = _share(split(keys, 0.3, _salt(rng)))
    why = "among test vehicles, whose numbers all end alike, the share is not the one asked for"
    assert abs(got - 0.3) < _band(0.3), why


@criterion("Two roll-outs meet different cars", points=3, objective=APART, public=False)
def splits_roll_outs_apart(split, rng):
    """What share of the cars is the challenger's in both of two roll-outs."""
    keys, model = _keys(rng), _salt(rng).partition("/")[0]
    for first, second in ((0.5, 0.5), (0.3, 0.4)):
        for one, other in ((2, 3), (3, 4), (9, 10)):
            here = _challenged(split, keys, first, f"{model}/{one}")
            there = _challenged(split, keys, second, f"{model}/{other}")
            both = len(here & there) / len(keys)
            why = (
                "which cars are in one roll-out tells something about who is in the next: far "
                "more or far fewer of them are in both than two independent splits would have"
            )
            assert abs(both - first * second) < _band(first * second), why


def _keys(rng, count: int = KEYS) -> list[str]:
    """Consecutive car numbers, as they leave the factory."""
    start = int(rng.integers(100_000, 900_000))
    return [str(number) for number in range(start, start + count)]


def _salt(rng) -> str:
    """The name of a roll-out."""
    model = rng.choice(["brake-wear", "battery-range", "oil-change", "tyre-pressure"])
    return f"{model}/{rng.integers(2, 10)}"


def _challenged(split, keys, share: float, salt: str) -> set[str]:
    """The keys that the challenger answers."""
    said = split(keys, share, salt)
    return {key for key, who in zip(keys, said, strict=True) if who == "challenger"}


def _share(said) -> float:
    """The challenger's part of the answers."""
    said = list(said)
    unknown = set(said) - NAMES
    assert not unknown, "every entry is the text champion or the text challenger"
    return said.count("challenger") / len(said)


def _band(share: float) -> float:
    """How far chance may move a share of KEYS keys."""
    return SURE * (share * (1 - share) / KEYS) ** 0.5
