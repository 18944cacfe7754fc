"""What Norrmotor's models are for, who owns them, and what they are called.

All names of teams, plants, car lines and people are invented.
"""

USE_CASES = {  # by team: the use case, and a typical business value in million kr a year
    "paint-shop": {"paint-defects": 4.0, "lacquer-thickness": 1.5, "oven-energy": 2.0},
    "body-shop": {"weld-quality": 5.0, "gap-and-flush": 2.5, "robot-wear": 3.0, "press-tools": 3.5},
    "powertrain": {"tool-wear": 4.0, "torque-audit": 1.2, "leak-test": 1.8, "axle-noise": 1.0},
    "battery": {"cell-ageing": 9.0, "charge-time": 3.0, "range-estimate": 6.0, "pack-safety": 12.0},
    "logistics": {
        "part-arrival": 4.0,
        "yard-slots": 0.8,
        "container-fill": 1.1,
        "line-supply": 3.0,
    },
    "purchasing": {"supplier-risk": 5.0, "steel-price": 6.0, "invoice-match": 0.9},
    "sales": {"lead-score": 3.0, "used-car-price": 8.0, "order-forecast": 7.0, "discount": 5.0},
    "marketing": {"newsletter": 0.5, "churn": 2.0, "campaign-reach": 0.7, "web-search": 1.0},
    "finance": {"credit-risk": 15.0, "residual-value": 14.0, "fraud": 10.0, "cash-flow": 4.0},
    "warranty": {"claim-triage": 6.0, "recall-watch": 11.0, "repair-cost": 3.0, "claim-text": 1.0},
    "service": {"workshop-load": 1.5, "part-demand": 5.0, "remote-diagnosis": 6.0, "chat": 0.6},
    "driving": {"lane-keeping": 20.0, "drowsiness": 12.0, "parking": 5.0, "wiper": 0.3},
    "energy": {"plant-power": 3.0, "heat-demand": 1.0, "charger-load": 2.0, "solar-yield": 0.6},
    "people": {"shift-planning": 2.0, "absence": 1.0, "cv-screening": 1.2, "access-requests": 0.8},
}
HIGH_RISK = {  # use cases that decide about people or steer a car
    *("credit-risk", "fraud", "cv-screening", "absence", "shift-planning"),
    *("lane-keeping", "drowsiness", "pack-safety", "recall-watch"),
}
PERSONAL = {*HIGH_RISK, "lead-score", "churn", "newsletter", "discount", "chat", "claim-text"}
PERSONAL |= {"access-requests", "remote-diagnosis", "claim-triage"}

PLACES = (
    *("norrby", "storvik", "havsund", "lindnaes", "grenau", "ostrava-west", "tilbeek"),
    *("nordic", "baltic", "iberia", "alps", "benelux", "isles", "danube", "levant", "atlantic"),
)
LINES = ("freja", "saga", "alma", "tor", "runa", "vide", "brage", "ylva", "trucks", "vans", "all")

FIRST_NAMES = (
    *("Alva", "Bo", "Cem", "Dana", "Elif", "Frej", "Greta", "Hugo", "Ines", "Jon", "Kaja", "Levi"),
    *("Maja", "Nils", "Olga", "Per", "Rana", "Siv", "Tove", "Uma", "Vera", "Wim", "Ylva", "Zoe"),
)
LAST_NAMES = (
    *("Aldrin", "Berg", "Castan", "Dahlby", "Ekmark", "Falkner", "Granby", "Holmare", "Isakov"),
    *("Jarl", "Korpi", "Lundvall", "Mertens", "Nygren", "Oja", "Palmberg", "Rosby", "Sandell"),
)
CASES = tuple((team, case) for team, cases in USE_CASES.items() for case in cases)
NAMES = len(CASES) * len(PLACES) * len(LINES)
STRIDE = 4729  # prime to NAMES: neighbours in the fleet have different use cases


def named(place: int) -> tuple[str, str, str]:
    """(name, team, use case) of the model at this place in the fleet; no name comes twice."""
    lap, rest = divmod(place, NAMES)
    rest, case = divmod(rest * STRIDE % NAMES, len(CASES))
    line, site = divmod(rest, len(PLACES))
    team, use = CASES[case]
    name = f"{use}-{PLACES[site]}-{LINES[line]}"
    return name + (f"-{lap + 1}" if lap else ""), team, use
