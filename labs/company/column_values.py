"""What stands in a column: personal data of fifteen types, and what only looks like it.

A maker takes a `Source` (its random generator, a Faker, the country) and a `style`, which
a column keeps, and gives one value. `PERSONAL` and `OTHER` list the makers by type.
"""

import unicodedata
from collections.abc import Callable
from datetime import date, timedelta
from random import Random
from typing import NamedTuple

from faker import Faker

from labs.company.fleet_names import LINES
from labs.company.identifiers import card, filled, iban, luhn, national_id, plate, vin, vin_check

LOCALES = {
    "SE": "sv_SE",
    "FI": "fi_FI",
    "NO": "no_NO",
    "DE": "de_DE",
    "PL": "pl_PL",
    "FR": "fr_FR",
    "ES": "es_ES",
    "NL": "nl_NL",
    "GB": "en_GB",
    "US": "en_US",
}
CENTRES = {  # latitude and longitude
    **{"SE": (58.5, 14.5), "FI": (61.5, 24.5), "NO": (60.5, 9.0), "DE": (51.0, 10.0)},
    **{"PL": (52.0, 19.5), "FR": (46.5, 2.5), "ES": (40.0, -3.5), "NL": (52.2, 5.5)},
    **{"GB": (52.5, -1.5), "US": (40.0, -95.0)},
}
DATE_FORMATS = ("%Y-%m-%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%Y%m%d", "%d %b %Y", "%d-%m-%y")
MAILBOXES = ("example.com", "example.org", "example.net", "mejl.example", "post.example")
STROKES = str.maketrans({"ø": "o", "ł": "l", "ß": "ss", "æ": "ae", "đ": "d"})


class Source(NamedTuple):
    """Where the values of one column come from."""

    rng: Random
    fake: Faker
    country: str


Maker = Callable[[Source, int], object]


def ascii_only(name: str) -> str:
    """Small letters and hyphens, as in an e-mail address."""
    plain = unicodedata.normalize("NFKD", name.lower().translate(STROKES))
    return "".join(sign for sign in plain if sign.isascii() and (sign.isalnum() or sign == "-"))


def full_name(source: Source, style: int) -> str:
    """First and last name, in one of three orders."""
    first, last = source.fake.first_name(), source.fake.last_name()
    return (f"{first} {last}", f"{last}, {first}", f"{last.upper()} {first}")[style % 3]


def email(source: Source, style: int) -> str:
    """An address at a domain that is reserved for examples."""
    first, last = (ascii_only(n) for n in (source.fake.first_name(), source.fake.last_name()))
    user = (f"{first}.{last}", f"{first[0]}{last}", f"{last}{source.rng.randrange(100)}")[style % 3]
    return f"{user}@{source.rng.choice(MAILBOXES)}"


def phone(source: Source, style: int) -> str:
    """As its country writes it, or with its digits only."""
    number = source.fake.phone_number()
    return "".join(s for s in number if s.isdigit() or s == "+") if style % 4 == 0 else number


def address(source: Source, style: int) -> str:
    """A street and number, with or without the town, on one line."""
    text = source.fake.address() if style % 2 else source.fake.street_address()
    return ", ".join(line.strip() for line in text.splitlines())


def day_between(source: Source, style: int, first: int, last: int) -> str:
    """A date in the years from `first` to before `last`."""
    days = (date(last, 1, 1) - date(first, 1, 1)).days
    found = date(first, 1, 1) + timedelta(days=source.rng.randrange(days))
    return found.strftime(DATE_FORMATS[style % len(DATE_FORMATS)])


def ip(source: Source, style: int) -> str:
    """An address of a private network, now and then of version 6."""
    rng = source.rng
    if style % 6 == 5:
        return f"fd{rng.randrange(256):02x}:{rng.randrange(65536):x}::{rng.randrange(1, 65536):x}"
    start = rng.choice(("10.{}", "192.168", "172.{}")).format(rng.randrange(16, 32))
    return f"{start}.{rng.randrange(256)}.{rng.randrange(1, 255)}"


def gps(source: Source, style: int) -> str:
    """Where a car stood, in degrees, or in degrees and minutes."""
    north, east = (c + source.rng.uniform(-1.5, 1.5) for c in CENTRES[source.country])
    if style % 3 == 2:
        return f"{int(north)}°{north % 1 * 60:06.3f}'N {int(abs(east))}°{abs(east) % 1 * 60:06.3f}'"
    return (f"{north:.5f}, {east:.5f}", f"POINT({east:.6f} {north:.6f})")[style % 3]


def employee_id(source: Source, style: int) -> str:
    """Norrmotor's number for a person: a letter and digits, or a user name."""
    number = filled(source.rng, "99999")
    return (f"E1{number}", f"nm{number}", f"{ascii_only(source.fake.last_name())[:5]}{number[:2]}")[
        style % 3
    ]


def grouped(text: str, style: int) -> str:
    """In groups of four, or without spaces."""
    spaced = " ".join(text[i : i + 4] for i in range(0, len(text), 4))
    return spaced if style % 2 else text


PERSONAL: dict[str, Maker] = {
    "full_name": full_name,
    "first_name": lambda s, style: s.fake.first_name(),
    "last_name": lambda s, style: s.fake.last_name(),
    "email": email,
    "phone": phone,
    "national_id": lambda s, style: national_id(s.rng, s.country, style),
    "iban": lambda s, style: grouped(iban(s.rng, s.country), style),
    "card": lambda s, style: grouped(card(s.rng), style),
    "address": address,
    "birth_date": lambda s, style: day_between(s, style, 1940, 2006),
    "plate": lambda s, style: plate(s.rng, s.country, style),
    "vin": lambda s, style: vin(s.rng),
    "ip": ip,
    "gps": gps,
    "employee_id": employee_id,
}


def part_number(source: Source, style: int) -> str:
    """Shaped like a phone number, an American id, or an account."""
    shapes = ("A 999 999 99 99", "999-99-9999", "9-9999999", "AA99 9999 9999 9999")
    return filled(source.rng, shapes[style % len(shapes)])


def order_number(source: Source, style: int) -> str:
    """Ten digits, or shaped like a Swedish id with a wrong check digit."""
    born, serial = day_between(source, 4, 2015, 2026)[2:], filled(source.rng, "999")
    wrong = (int(luhn(born + serial)) + source.rng.randrange(1, 10)) % 10
    return f"{born}-{serial}{wrong}" if style % 2 else "4" + filled(source.rng, "999999999")


def firmware(source: Source, style: int) -> str:
    """A version with four parts, like an IP address."""
    rng = source.rng
    release, build = f"{rng.randrange(1, 20)}.{rng.randrange(30)}", rng.randrange(1, 255)
    return ("v" if style % 3 == 2 else "") + f"{release}.{rng.randrange(256)}.{build}"


def component_serial(source: Source, style: int) -> str:
    """17 signs like a vehicle's number, with a wrong check digit."""
    number = vin(source.rng)
    wrong = [digit for digit in "0123456789X" if digit != vin_check(number)]
    return number[:8] + source.rng.choice(wrong) + number[9:]


def pallet(source: Source, style: int) -> str:
    """16 digits like a card's number, with a wrong check digit."""
    digits = "4" + filled(source.rng, "9" * 14)
    return grouped(digits + str((int(luhn(digits)) + source.rng.randrange(1, 10)) % 10), style)


def contract(source: Source, style: int) -> str:
    """Like an account number, with wrong check digits."""
    right = iban(source.rng, source.country)
    wrong = (int(right[2:4]) + source.rng.randrange(1, 90)) % 97 + 2
    return grouped(f"{right[:2]}{wrong:02d}{right[4:]}", style)


def uuid(source: Source, style: int) -> str:
    """Random, of version 4."""
    digits = f"{source.rng.getrandbits(128):032x}"
    digits = digits[:12] + "4" + digits[13:16] + source.rng.choice("89ab") + digits[17:]
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def one_of(*choices: object) -> Maker:
    """A maker that picks one of `choices`."""
    return lambda source, style: source.rng.choice(choices)


OTHER: dict[str, Maker] = {
    "part_number": part_number,
    "order_number": order_number,
    "firmware": firmware,
    "build_date": lambda s, style: day_between(s, style, 2015, 2026),
    "plant_city": lambda s, style: s.fake.city(),
    "uuid": uuid,
    "component_serial": component_serial,
    "pallet": pallet,
    "contract": contract,
    "batch": lambda s, style: filled(s.rng, ("AAA 999", "AA-9999", "AAA99A")[style % 3]),
    "machine_id": lambda s, style: filled(s.rng, ("M999999", "R1-99999", "cnc99999")[style % 3]),
    "company": lambda s, style: s.fake.company(),
    "product": one_of(*(line.title() for line in LINES[:8])),
    "storage": lambda s, style: f"Hall {s.rng.randrange(1, 9)}, bay {s.rng.randrange(1, 60)}",
    "position": lambda s, style: f"{s.rng.uniform(0, 90):.3f}, {s.rng.uniform(0, 60):.3f}",
    "job_title": one_of("Welder", "Painter", "Buyer", "Line lead", "Controller", "Dealer", "Smith"),
    "amount": lambda s, style: round(s.rng.lognormvariate(7, 1.2), 2),
    "quantity": lambda s, style: s.rng.randrange(1, 500),
    "measurement": lambda s, style: round(s.rng.gauss(40, 8), 3),
    "status": one_of("open", "closed", "waiting", "rejected"),
    "timestamp": lambda s, style: (
        f"{day_between(s, 0, 2023, 2026)}T{s.rng.randrange(24):02d}:{s.rng.randrange(60):02d}"
    ),
    "flag": one_of("Y", "N"),
    "rate": lambda s, style: round(s.rng.betavariate(2, 5), 4),
}

SENTENCES = (
    *("Noise from the front axle at 80 km/h.", "Part 31-4410 replaced under warranty."),
    *("Bromsarna gnisslar vid kallstart.", "Kunden väntar på reservdel, vecka 14."),
    *("Lackfehler an der Tür hinten links.", "Software 4.11.2.7 aufgespielt, Fehler behoben."),
    *("No fault found, test drive of 12 km.", "Called the plant about order 4500712233."),
    *("Voyant moteur allumé, capteur remplacé.", "Checked torque at 40 Nm, within limits."),
    *("Second visit for the same fault.", "Batteriet laddat och testat, 12,4 V."),
)
MENTIONS = {  # {} takes a value of that type
    "email": ("Please answer to {}.", "Svar till {} tack."),
    "phone": ("Customer asks for a call: {}", "Ring {} före kl 16.", "Rückruf unter {}"),
    "full_name": ("Spoke to {} at the counter.", "Bilen lämnad av {}."),
    "plate": ("Courtesy car {} handed out.", "Lånebil {} utlämnad."),
    "national_id": ("Identity checked: {}", "Legitimation {} visad."),
}


def sentence(source: Source, style: int) -> str:
    """One or two sentences without personal data."""
    return " ".join(source.rng.sample(SENTENCES, source.rng.randrange(1, 3)))


def mention(source: Source, style: int, kind: str) -> str:
    """A sentence that mentions a value of `kind`, after one that does not."""
    text = source.rng.choice(MENTIONS[kind]).format(PERSONAL[kind](source, style))
    return f"{source.rng.choice(SENTENCES)} {text}"
