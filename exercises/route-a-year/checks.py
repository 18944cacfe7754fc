"""What the answer of "Route a year of releases" is judged by: canaries, replayed.

The replay is the notebook's, word for word. The solution leaves at least five standard
errors to either side of each limit, so that chance fails it less than once in a million runs.
"""

from dataclasses import replace
from functools import lru_cache

import numpy as np

from labs.company import Company, maintenance
from labs.company.incidents import WEEKS, draw, incident
from labs.kit.exercise import Text, criterion

LIMITS = "set a canary's limits by what chance does to its numbers"
CAUSES = "tell a version's fault from what happens to everybody"
WAITING = "let a canary wait for late outcomes, and meet few operations meanwhile"

KEYS = {
    "shares",
    "compare_with",
    "minimum_failures",
    "allowed_misses",
    "allowed_slowdown",
    "allowed_volume_change",
    "weeks_in_a_row",
    "most_weeks",
}
IN_TIME, AT_MOST, SLOW_AT_MOST = 18, 4000, 500  # weeks; operations; operations of a slow version
LATE = 10  # weeks until an outcome is known, where the inspection is behind
DECOYS = ("campaign", "growth", "heat", "christmas")
ALARM = 0.3  # the risk from which on a technician comes
LINE = "maintenance"
SLOW = incident("slow_release", LINE, 1, WEEKS, 2.5)  # takes 2.5 times as long
BEHIND = incident("label_delay", LINE, 1, WEEKS, LATE)


@criterion("It is a policy", points=1, objective=LIMITS)
def is_a_policy(policy: Text):
    """The keys, and the kind of each value."""
    _read(policy)


@criterion("Sound versions become champion, in time", points=4, objective=LIMITS)
def lets_sound_versions_through(policy: Text, rng):
    """Sound versions in ordinary weeks of a drawn year."""
    fates = _ordinary(_read(policy), rng, "sound")
    failed = [f for f in fates if f["outcome"] != "champion" or f["weeks"] > IN_TIME]
    why = (
        f"{len(failed)} of {len(fates)} sound versions, tried in an ordinary year, were not "
        f"champion within {IN_TIME} weeks; {_one(failed)}"
    )
    assert not failed, why


@criterion("Worse versions are stopped", points=3, objective=LIMITS)
def stops_worse_versions(policy: Text, rng):
    """Worse versions in ordinary weeks of a drawn year."""
    fates = _ordinary(_read(policy), rng, "worse")
    failed = [fate for fate in fates if "misses" not in fate["why"]]
    why = (
        f"{len(failed)} of {len(fates)} versions that miss nearly all failures, tried in an "
        f"ordinary year, were not stopped for it; {_one(failed)}"
    )
    assert not failed, why


@criterion("Slow versions are stopped soon", points=2, objective=LIMITS, public=False)
def stops_slow_versions(policy: Text, rng):
    """Versions that take two and a half times as long."""
    fates = [each for _ in range(2) for each in _ordinary(_read(policy), rng, "slow", 1)]
    why = "a version that takes two and a half times as long to answer was not stopped for it"
    assert all("slow" in fate["why"] for fate in fates), why
    why = "a slow version was stopped, but it had answered too many operations by then"
    assert max(fate["answered"] for fate in fates) <= SLOW_AT_MOST, why


@criterion("Decoys stop nobody", points=2, objective=CAUSES)
def ignores_decoys(policy: Text, rng):
    """A large order and Christmas in sound versions' canaries, with growth and a warm hall."""
    read, seed = _read(policy), _seed(rng)
    decoys = {one.kind: replace(one, model=LINE) for one in draw(seed) if one.kind in DECOYS}
    for kind in ("campaign", "christmas"):
        first = decoys[kind].first_week - int(rng.integers(1, 4))
        for fate in _replayed(read, seed, tuple(decoys.values()), "sound", first, 3):
            why = (
                f"a sound version was stopped for {fate['why']} after {fate['weeks']} weeks, as a "
                f"decoy came ({kind}): not every number that moves is the version's doing"
            )
            assert fate["outcome"] != "stopped", why


@criterion("A fault upstream stops nobody", points=2, objective=CAUSES, public=False)
def forgives_faults_upstream(policy: Text, rng):
    """Torque arrives under another name during sound versions' canaries."""
    first = int(rng.integers(12, 24))
    upstream = incident("rename", LINE, first + 1, WEEKS, where="torque_nm")
    fates = _replayed(_read(policy), _seed(rng), (upstream,), "sound", first, 4)
    why = "a sound version was stopped as a fault upstream hurt every version alike"
    assert all(fate["outcome"] != "stopped" for fate in fates), why


@criterion("It waits for late outcomes", points=2, objective=WAITING, public=False)
def waits_for_late_outcomes(policy: Text, rng):
    """Sound versions in a year in which the inspection is behind."""
    fates = _replayed(_read(policy), _seed(rng), (BEHIND,), "sound", int(rng.integers(2, 16)), 4)
    why = "where outcomes come in late, a sound version did not become champion"
    assert all(fate["outcome"] == "champion" for fate in fates), why


@criterion("Few operations meet a worse version", points=2, objective=WAITING, public=False)
def harms_few(policy: Text, rng):
    """Worse versions in a year in which the inspection is behind."""
    fates = _replayed(_read(policy), _seed(rng), (BEHIND,), "worse", int(rng.integers(2, 16)), 4)
    why = "where outcomes come in late, a worse version was not stopped for what it misses"
    assert all("misses" in fate["why"] for fate in fates), why
    why = "where outcomes come in late, a worse version answered too many operations"
    assert max(fate["answered"] for fate in fates) <= AT_MOST, why


def _read(policy: Text) -> dict:
    """The policy as data. Raises AssertionError for whatever the language does not allow."""
    said = policy.yaml()
    assert isinstance(said, dict), "the file holds no keys; write `key: value`, one a line"
    missing, unknown = KEYS - set(said), set(said) - KEYS
    assert not missing, f"these keys are missing: {', '.join(sorted(missing))}"
    assert not unknown, f"the language has no keys {', '.join(sorted(map(str, unknown)))}"
    shares = said["shares"]
    rising = isinstance(shares, list) and shares and all(map(_is_number, shares))
    why = "shares is a list of rising numbers above 0, at most 1"
    assert rising and shares[0] > 0 and shares[-1] <= 1 and shares == sorted(set(shares)), why
    why = "compare_with is the word champion or the word past"
    assert said["compare_with"] in ("champion", "past"), why
    for key in ("minimum_failures", "weeks_in_a_row", "most_weeks"):
        is_whole = isinstance(said[key], int) and _is_number(said[key])
        assert is_whole and said[key] >= 1, f"{key} is a whole number, 1 or more"
    misses = said["allowed_misses"]
    why = "allowed_misses is a difference of two shares, from 0 to 1, not a percentage"
    assert _is_number(misses) and 0 <= misses <= 1, why
    slowdown = said["allowed_slowdown"]
    assert _is_number(slowdown) and slowdown > 0, "allowed_slowdown is a ratio above 0"
    volume = said["allowed_volume_change"]
    why = "allowed_volume_change is a relative change of 0 or more, or the word never"
    assert volume == "never" or (_is_number(volume) and volume >= 0), why
    return said


def _is_number(value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _seed(rng) -> int:
    """A year that nobody has seen."""
    return int(rng.integers(2**40))


def _ordinary(read: dict, rng, version: str, times: int = 20) -> list[dict]:
    """What becomes of `version`, `times` times, in weeks in which nothing happens."""
    return _replayed(read, _seed(rng), (), version, int(rng.integers(2, 20)), times)


def _replayed(read: dict, seed: int, happens: tuple, version: str, first: int, times: int):
    """The fates of one canary in the same weeks, each with another split of the operations."""
    return [replay(read, seed, happens, version, first, split) for split in range(times)]


def _one(fates: list[dict]) -> str:
    """What became of the first of them, in words."""
    if not fates:
        return ""
    fate = fates[0]
    broken = f" for {fate['why']}" if fate["why"] else ""
    return (
        f"one ended {fate['outcome']}{broken} after {fate['weeks']} weeks and "
        f"{fate['answered']:,} operations"
    )


@lru_cache(maxsize=1000)
def week_at(seed, happens, version, week):
    """One week of the line, as the champion and as `version` would have handled it."""
    company = Company(seed, scenario=happens)
    faults = (SLOW,) if version == "slow" else ()
    server = Company(seed + 1, scenario=happens + faults)  # the version's own machine
    year, usage = company.weeks(LINE, [week]), company.usage(LINE, week)
    risks = year.predictions["prediction"].to_numpy()
    other = maintenance.challenger(year.inputs) if version == "worse" else risks
    return {
        "failed": year.labels["failure"].to_numpy(),
        "known_week": year.labels["known_week"].to_numpy(),
        "champion_alarm": risks >= ALARM,
        "version_alarm": other >= ALARM,
        "requests": usage["requests"].sum(),
        "champion_ms": usage["p95_ms"].median(),
        "version_ms": server.usage(LINE, week)["p95_ms"].median(),
    }


def missed(weeks, alarm, whose=None, known_by=2 * WEEKS):
    """Known failures among the operations `whose` (default: all), and the share missed."""
    failed = [w["failed"] & w.get(whose, True) & (w["known_week"] <= known_by) for w in weeks]
    count = sum(each.sum() for each in failed)
    without = sum((each & ~w[alarm]).sum() for each, w in zip(failed, weeks, strict=True))
    return count, without / max(count, 1)


@lru_cache(maxsize=100)
def usual(seed, happens, first):
    """Misses, p95 latency and requests of the champion in the four weeks before the canary."""
    weeks = [week_at(seed, happens, "sound", week) for week in range(first - 4, first)]
    means = [np.mean([each[what] for each in weeks]) for what in ("champion_ms", "requests")]
    return missed(weeks, "champion_alarm")[1], *means


def beyond(policy, seed, happens, first, seen, week):
    """Whether the misses can be judged at the end of `week`, and which limits are broken."""
    now, allowed = seen[-1], policy["allowed_volume_change"]
    count, misses = missed(seen, "version_alarm", "challenged", week)
    theirs, latency = missed(seen, "champion_alarm", "left", week)[1], now["champion_ms"]
    if policy["compare_with"] == "past":
        theirs, latency, _ = usual(seed, happens, first)
    judged = count >= policy["minimum_failures"]
    broken = []
    if judged and misses - theirs > policy["allowed_misses"]:
        broken.append("misses")
    if now["version_ms"] / latency > policy["allowed_slowdown"]:
        broken.append("slow")
    if allowed != "never" and abs(now["requests"] / usual(seed, happens, first)[2] - 1) > allowed:
        broken.append("volume")
    return judged, broken


def replay(policy, seed, happens, version, first, draw=0):
    """What becomes of `version` if its canary begins in week `first`; each `draw` splits anew."""
    seen, step, streak, answered = [], 0, 0, 0
    fate = {"version": version, "first": first, "outcome": "undecided", "why": ""}
    for week in range(first, min(first + policy["most_weeks"], WEEKS + 1)):
        now = week_at(seed, happens, version, week)
        place = np.random.default_rng([seed, week, draw]).random(len(now["failed"]))
        challenged = place < policy["shares"][step]
        seen.append(now | {"challenged": challenged, "left": ~challenged})
        answered += int(challenged.sum())
        fate |= {"weeks": week - first + 1, "answered": answered}
        judged, broken = beyond(policy, seed, happens, first, seen, week)
        streak = streak + 1 if broken else 0
        if streak >= policy["weeks_in_a_row"]:
            return fate | {"outcome": "stopped", "why": ", ".join(broken)}
        step += judged and not broken
        if step == len(policy["shares"]):
            return fate | {"outcome": "champion"}
    return fate
