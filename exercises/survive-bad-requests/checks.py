"""What the answers of "Start a server that survives bad requests" are judged by."""

import json

import numpy as np

from labs.company import maintenance
from labs.kit.exercise import Service, criterion

FIELD = "refuse a bad row by naming the field to mend"
STATUS = "answer each kind of mistake with its own status"
ALIVE = "go on answering good requests, whatever came before"
RANGES = {
    "air_temperature_k": (280, 325),
    "process_temperature_k": (285, 340),
    "rotational_speed_rpm": (500, 2900),
    "torque_nm": (0, 95),
    "tool_wear_min": (0, 240),
}
ORDINARY = dict(zip(maintenance.READINGS, ["L", 300.1, 310.2, 1500, 40.5, 100], strict=True))


@criterion("A good row has no mistake, an empty one has", points=1, objective=FIELD)
def lets_good_rows_pass(mistake, rng):
    """Drawn operations, with whole numbers among the readings; and a row without any."""
    assert mistake({}), "a row without a single reading does not fit, and nobody was told"
    for row in _good(rng, 20):
        assert mistake(row) is None, f"every reading of {row} is as agreed"


@criterion("A missing, an unknown and a wrong field are named", points=2, objective=FIELD)
def names_the_field(mistake, rng):
    """One field is spoilt, or one too many."""
    text = _number(rng)
    as_text = text, ORDINARY | {text: f"{ORDINARY[text]}"}
    for field, row in (_without(rng), _with_another(rng), _of_another_kind(rng), as_text):
        found = mistake(row)
        assert found, f"{field} of {row} is not as agreed, and nobody was told"
        assert found["field"] == field, f"all of {row} is as agreed, but for {field}"


@criterion("What is no number is refused", points=2, objective=FIELD)
def knows_what_a_number_is(mistake, rng):
    """Values that are numbers to Python, or nearly."""
    field = _number(rng)
    for value in (float("nan"), float("inf"), True, None, "62.0", 10**400):
        found = mistake(ORDINARY | {field: value})
        why = f"{str(value)[:9]} in {field} is no number that a sensor can report"
        assert found and found["field"] == field, why


@criterion("Every range is kept, its ends included", points=2, objective=FIELD, public=False)
def keeps_the_ranges(mistake, rng):
    """Both ends of each range, and a little beyond."""
    for field, (low, high) in RANGES.items():
        for inside in (low, high, float(rng.uniform(low, high))):
            assert mistake(ORDINARY | {field: inside}) is None, f"{field} may reach its limits"
        for outside in (low - 0.01, high + 0.01):
            found = mistake(ORDINARY | {field: outside})
            assert found and found["field"] == field, f"{field} was beyond what is possible"


@criterion("A variant is one of three letters", points=1, objective=FIELD, public=False)
def knows_the_variants(mistake, rng):
    """Texts that contain a letter, or are contained in the three."""
    for value in (["L"], "LM", "l", 1, {}, "", None, "X"):
        found = mistake(ORDINARY | {"variant": value})
        why = "`variant` must be exactly one of the three, and of the right type"
        assert found and found["field"] == "variant", why


@criterion("Status 422 says which row and which field", points=2, objective=STATUS)
def says_which_row(app: Service, rng):
    """One bad row among good ones."""
    for spoilt in (_without, _with_another, _of_another_kind, _in_another_unit):
        rows, place = _good(rng, 5), int(rng.integers(5))
        field, rows[place] = spoilt(rng)
        status, said = app.post("/risks", json={"readings": rows})
        what = f"row {place} is {rows[place]}; the answer was {status}, {_short(said)}"
        assert status == 422, f"422 is for a row that does not fit. {what}"
        right = said["row"] == place and said["field"] == field and said["message"]
        assert right, f"row {place}, field {field} and a message were expected. {what}"


@criterion("Status 400 is for what is not in the agreed form", points=2, objective=STATUS)
def asks_for_the_agreed_form(app: Service, rng):
    """Bodies that are not JSON, and JSON of another form."""
    for body in rng.permutation(len(NO_FORM)):
        status, said = app.post("/risks", body=NO_FORM[body])
        what = f"the body {_short(NO_FORM[body])} got {status}, {_short(said)}"
        assert status == 400, f"400 was expected: {what}"
        assert said["message"], f"a message was expected: {what}"


@criterion("A hundred rows are answered, one more gets status 413", points=1, objective=STATUS)
def limits_the_rows(app: Service, rng):
    """As many rows as are allowed, and more."""
    for rows, expected in ((100, 200), (101, 413), (int(rng.integers(150, 900)), 413)):
        status, _ = app.post("/risks", json={"readings": [ORDINARY] * rows})
        assert status == expected, f"{rows} rows got status {status}, expected {expected}"


@criterion("Too many bytes get status 413", points=1, objective=STATUS, public=False)
def limits_the_bytes(app: Service, rng):
    """Bodies of exactly the limit, and a byte more."""
    short = json.dumps({"readings": [ORDINARY]}).encode()
    for size, expected in ((1_000_000, 200), (1_000_001, 413)):
        status, _ = app.post("/risks", body=short.ljust(size))
        assert status == expected, "the limit counts the bytes of the whole body, blanks too"


@criterion("A refusal is short", points=1, objective=STATUS, public=False)
def keeps_refusals_short(app: Service, rng):
    """Huge names and values, which must not come back."""
    huge = "x" * int(rng.integers(50_000, 400_000))
    for row in (
        ORDINARY | {huge: 1},
        ORDINARY | {_number(rng): huge},
        ORDINARY | {"variant": huge},
    ):
        status, said = app.post("/risks", json={"readings": [row]})
        assert status == 422, "a huge text where a reading was expected does not fit"
        assert len(json.dumps(said)) <= 500, "the refusal sent back what was too long to read"


@criterion("Good rows get their risks, in order", points=2, objective=ALIVE)
def answers_good_rows(app: Service, rng):
    """Drawn operations."""
    for rows in (_good(rng, int(rng.integers(2, 30))), _good(rng, 1)):
        status, said = app.post("/risks", json={"readings": rows})
        assert status == 200, f"{len(rows)} good rows got {status}, {_short(said)}"
        _require_risks(said, rows)


@criterion("It says that it is well", points=1, objective=ALIVE)
def says_that_it_is_well(app: Service, rng):
    """Before and after a request that cannot be read."""
    for _ in range(2):
        status, said = app.get("/health")
        assert (status, said) == (200, {"status": "ok"}), f"/health got {status}, {_short(said)}"
        app.post("/risks", body=NO_FORM[int(rng.integers(len(NO_FORM)))])


@criterion("It survives a whole day of bad requests", points=4, objective=ALIVE, public=False)
def survives_a_bad_day(app: Service, rng):
    """Thirty requests of all kinds in a drawn order, good ones among them."""
    for number in rng.permutation(30):
        body, rows = _request(rng, int(number))
        status, said = app.post("/risks", body=body)
        assert status < 500, f"one of the day's requests broke the server: {_short(said)}"
        if rows:
            assert status == 200, "a good request was refused on a bad day"
            _require_risks(said, rows)
        else:
            assert status >= 400, "a bad request was answered as if it were a good one"
        assert app.get("/health")[0] == 200, "the server was not well after a request"


NO_FORM = [
    b"",
    b"torque_nm=62",
    b'{"readings": [{"variant": "L"',
    b'\xff\xfe{"readings": []}',
    b"[" * 100_000,
    b"[]",
    b"3",
    b"null",
    b"{}",
    b'{"readings": []}',
    b'{"readings": {}}',
    b'{"readings": "L"}',
    b'{"readings": [3]}',
    b'{"readings": [null]}',
]


def _good(rng, rows: int) -> list[dict]:
    """Operations as a controller sends them: whole numbers where a number is whole."""
    table = maintenance.operations(rng, max(rows, 2)).head(rows)[maintenance.READINGS]
    records = json.loads(table.to_json(orient="records"))
    return [{k: _whole(v) for k, v in record.items()} for record in records]


def _whole(value):
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _number(rng) -> str:
    return str(rng.choice(list(RANGES)))


def _without(rng) -> tuple[str, dict]:
    field = str(rng.choice(maintenance.READINGS))
    return field, {name: value for name, value in ORDINARY.items() if name != field}


def _with_another(rng) -> tuple[str, dict]:
    field = str(rng.choice(["torque_lbft", "operator", "Torque_nm", "variant "]))
    return field, ORDINARY | {field: float(rng.uniform(0, 90))}


def _of_another_kind(rng) -> tuple[str, dict]:
    field = _number(rng)
    values = [None, f"{ORDINARY[field]}", "high", [ORDINARY[field]], {}, False]
    return field, ORDINARY | {field: values[rng.integers(len(values))]}


def _in_another_unit(rng) -> tuple[str, dict]:
    """Celsius, turns a second, newton centimetres, seconds."""
    others = {
        "air_temperature_k": 26.9,
        "process_temperature_k": 37.0,
        "rotational_speed_rpm": 25.0,
        "torque_nm": 4050.0,
        "tool_wear_min": 6000.0,
    }
    field = _number(rng)
    return field, ORDINARY | {field: others[field] * float(rng.uniform(0.98, 1.02))}


def _request(rng, number: int) -> tuple[bytes, list[dict]]:
    """One request of the day, and its rows if they are good."""
    if number < len(NO_FORM):
        return NO_FORM[number], []
    if number < 18:
        rows = _good(rng, int(rng.integers(1, 9)))
        return json.dumps({"readings": rows}).encode(), rows
    spoilt = (_without, _with_another, _of_another_kind, _in_another_unit)[number % 4]
    row = ORDINARY | {_number(rng): rng.choice([np.nan, np.inf, -np.inf])}
    rows = [*_good(rng, 2), spoilt(rng)[1] if number < 26 else row]
    if number == 29:
        rows = [ORDINARY | {_number(rng): 10**400}]
    return json.dumps({"readings": rows}).encode(), []


def _require_risks(said, rows: list[dict]) -> None:
    expected = maintenance.champion(_columns(rows))
    risks = np.asarray(said["risks"], dtype=float)
    assert len(risks) == len(rows), f"{len(rows)} rows got {len(risks)} risks"
    worst = int(np.abs(risks - expected).argmax())
    why = "a row did not get the risk that the model gives it"
    assert abs(risks[worst] - expected[worst]) < 1e-6, why


def _columns(rows: list[dict]) -> dict[str, np.ndarray]:
    return {name: np.array([row[name] for row in rows]) for name in maintenance.READINGS}


def _short(said) -> str:
    text = repr(said)
    return text if len(text) <= 120 else f"{text[:116]} ..."
