"""Every column of the four models' tables: what it is, its unit and its range.

This is the one place where they are documented. Batches hold `KEYS` and then the
columns of `INPUTS`; predictions hold `PREDICTIONS`, labels the columns of `LABELS`, and
the record of what the models' servers did holds `USAGE`.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Column:
    """One column. `values` are (lowest, highest), or the categories, or empty for text.

    `nulls` is the share that is missing in an ordinary week.
    """

    name: str
    unit: str
    values: tuple
    meaning: str
    nulls: float = 0.0

    @property
    def numeric(self) -> bool:
        """Whether `values` are bounds."""
        return len(self.values) == 2 and not isinstance(self.values[0], str | bool)


FLAG = (False, True)
REGION = Column("region", "", ("west", "east", "north", "south"), "of the dealer")
LINE = Column("line", "", ("alm", "bok", "ek", "gran"), "model line, small to large")
DEPARTMENTS = ("sales", "aftersales", "production", "research", "finance", "it")

KEYS = (
    Column("id", "", (0, 10**9), "of the row; unique within a model, rising with time"),
    Column("week", "", (-52, 52), "of the company year; below 1 before it began"),
    Column("date", "day", (), "on which the row came in"),
)
INPUTS = {
    "maintenance": (
        Column("variant", "", ("L", "M", "H"), "quality of the part: low, medium, high"),
        Column("air_temperature_k", "K", (280, 325), "in the hall"),
        Column("process_temperature_k", "K", (285, 340), "at the cut"),
        Column("rotational_speed_rpm", "rpm", (500, 2900), "of the spindle"),
        Column("torque_nm", "N·m", (0, 95), "at the spindle"),
        Column("tool_wear_min", "min", (0, 240), "that the tool has cut since it was new"),
    ),
    "price": (
        REGION,
        LINE,
        Column("fuel", "", ("petrol", "diesel", "hybrid", "electric"), "what the car runs on"),
        Column("age_years", "years", (0.5, 18), "since first registration"),
        Column("mileage_km", "km", (100, 400_000), "on the odometer", 0.02),
        Column("power_kw", "kW", (40, 400), "of the engine"),
        Column("gearbox", "", ("manual", "automatic"), "kind of gearbox"),
        Column("owners", "", (1, 8), "in the register, so far"),
        Column("condition", "", (1, 5), "as the dealer sees it, 5 = as new", 0.06),
    ),
    "warranty": (
        REGION,
        Column("dealer", "", (100, 499), "number; the hundreds are the region"),
        LINE,
        Column(
            "part_group",
            "",
            ("engine", "gearbox", "battery", "electronics", "brakes", "body", "infotainment"),
            "that the claim is about",
        ),
        Column("months_in_service", "months", (0, 60), "since the car was delivered"),
        Column("mileage_km", "km", (0, 300_000), "on the odometer", 0.03),
        Column("labour_hours", "h", (0.2, 24), "that the dealer claims", 0.01),
        Column("parts_cost_kr", "kr", (50, 150_000), "that the dealer claims"),
        Column("repeat_repair", "", FLAG, "whether the same part was repaired before"),
        Column("previous_claims", "", (0, 12), "of the same car"),
        Column("note", "", (), "free text of the workshop", 0.20),
    ),
    "access": (
        Column("department", "", DEPARTMENTS, "of the requester"),
        Column("owner_department", "", DEPARTMENTS, "that owns the data"),
        Column("sensitivity", "", ("internal", "confidential", "restricted"), "of the data"),
        Column("owner_signed", "", FLAG, "whether the owner of the data has signed"),
        Column("contractor", "", FLAG, "whether the requester is not employed"),
        Column("access_days", "days", (1, 730), "for which access is asked"),
        Column("training_age_days", "days", (0, 1500), "since data-protection training", 0.04),
        Column("previous_denials", "", (0, 15), "of the requester's requests, last year"),
        Column("requests_last_month", "", (0, 20), "by the requester"),
        Column("retention_days", "days", (7, 3650), "for which a copy is kept"),
        Column("cross_border", "", FLAG, "whether the data leave the European Union"),
        Column("shared_with_supplier", "", FLAG, "whether a supplier will see the data"),
        Column("purpose", "", (), "free text of the requester"),
    ),
}
PREDICTIONS = {
    "maintenance": (Column("prediction", "", (0, 1), "risk that the operation fails"),),
    "price": (Column("prediction", "kr", (1_000, 1_500_000), "what the car should sell for"),),
    "warranty": (Column("prediction", "", (0, 1), "risk that the claim is unjustified"),),
    "access": (Column("prediction", "", (0, 1), "probability that it should be approved"),),
}
VERSION = Column("version", "", (1, 9), "of the model that answered")
KNOWN = Column("known_week", "", (-52, 70), "in which the label arrived")
LABELS = {
    "maintenance": (
        Column("failure", "", FLAG, "whether any mode of failure occurred"),
        Column("tool_wear", "", FLAG, "the worn tool broke"),
        Column("heat_dissipation", "", FLAG, "the cut was not cooled"),
        Column("power", "", FLAG, "too little or too much power"),
        Column("overstrain", "", FLAG, "a worn tool under too much torque"),
        Column("random", "", FLAG, "failed for no reason in the readings"),
    ),
    "price": (Column("price_kr", "kr", (5_000, 1_500_000), "what the car sold for"),),
    "warranty": (Column("unjustified", "", FLAG, "whether the claim was; not always found out"),),
    "access": (
        Column("approved", "", FLAG, "what the reviewer decided"),
        Column("days_to_decide", "days", (2, 7), "from request to decision"),
    ),
}
USAGE = (
    Column("date", "day", (), "on which the requests came"),
    Column("week", "", (-52, 52), "of the company year"),
    Column("version", "", (1, 9), "of the model that answered"),
    Column("caller", "", (), "system that sent the requests"),
    Column("requests", "", (0, 200_000), "of the day"),
    Column("errors", "", (0, 20_000), "requests that were not answered"),
    Column("p50_ms", "ms", (1, 2_000), "within which half were answered"),
    Column("p95_ms", "ms", (1, 10_000), "within which 95 % were answered"),
)


def names(columns: tuple[Column, ...]) -> list[str]:
    """The columns' names in order."""
    return [column.name for column in columns]
