"""Numbers that carry a check digit, and the shapes of plates: valid, and invented.

Each function makes one value from a `random.Random`. A number may by chance be
somebody's; nothing here says whose. Finnish ids come from 900-999, which Finland
gives to nobody.
"""

from random import Random

VIN_LETTERS = "ABCDEFGHJKLMNPRSTUVWXYZ"  # I, O and Q look like 1 and 0
VIN_VALUES = dict(zip("ABCDEFGHJKLMNPRSTUVWXYZ", "12345678123457923456789", strict=True))
VIN_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
HETU = "0123456789ABCDEFHJKLMNPRSTUVWXY"
DNI = "TRWAGMYFPDXBNJZSQVHLCKE"
IBAN_SHAPES = {  # what follows the check digits: A a letter, 9 a digit
    "SE": "9" * 20,
    "FI": "9" * 14,
    "NO": "9" * 11,
    "DE": "9" * 18,
    "PL": "9" * 24,
    "FR": "9" * 23,
    "ES": "9" * 20,
    "NL": "AAAA" + "9" * 10,
    "GB": "AAAA" + "9" * 14,
}
PLATES = {
    "SE": ("AAA 999", "AAA 99A", "AAA999"),
    "FI": ("AAA-999",),
    "NO": ("AA 99999", "AA99999"),
    "DE": ("A-AA 999", "AA-AA 9999", "AAA-A 99"),
    "PL": ("AA 99999", "AAA 9999"),
    "FR": ("AA-999-AA",),
    "ES": ("9999 AAA",),
    "NL": ("99-AAA-9", "A-999-AA"),
    "GB": ("AA99 AAA",),
    "US": ("AAA-9999", "9AAA999"),
}


def filled(rng: Random, shape: str) -> str:
    """`shape` with each A a letter and each 9 a digit."""
    draw = {"A": lambda: rng.choice(VIN_LETTERS), "9": lambda: str(rng.randrange(10))}
    return "".join(draw[sign]() if sign in draw else sign for sign in shape)


def luhn(digits: str) -> str:
    """The digit that makes `digits` valid by Luhn's rule."""
    doubled = [int(d) * (2 - place % 2) for place, d in enumerate(reversed(digits))]
    return str(-sum(d // 10 + d % 10 for d in doubled) % 10)


def weighted(digits: str, weights: tuple[int, ...]) -> int:
    """The sum of the digits, each times its weight."""
    return sum(int(d) * w for d, w in zip(digits, weights, strict=True))


def card(rng: Random) -> str:
    """A payment card's number, 15 or 16 digits."""
    prefix, length = rng.choice((("4", 16), ("4", 16), ("52", 16), ("55", 16), ("37", 15)))
    digits = prefix + filled(rng, "9" * (length - 1 - len(prefix)))
    return digits + luhn(digits)


def iban(rng: Random, country: str) -> str:
    """An account number; ISO 13616 check digits. Countries without IBAN give a German one."""
    country = country if country in IBAN_SHAPES else "DE"
    account = filled(rng, IBAN_SHAPES[country])
    number = int("".join(str(int(sign, 36)) for sign in account + country + "00"))
    return f"{country}{98 - number % 97:02d}{account}"


def vin(rng: Random) -> str:
    """A vehicle's number, with the check digit in its ninth place."""
    start = rng.choice(("YN1", "YN3", "YN5")) + filled(rng, "AA9A9")
    end = rng.choice("LMNPRST") + rng.choice("NSHG") + filled(rng, "999999")
    return start + vin_check(start + "0" + end) + end


def vin_check(number: str) -> str:
    """The check digit for the 17 signs of `number`, whatever is in its ninth place."""
    digits = [VIN_VALUES.get(sign, sign) for sign in number]
    rest = sum(int(d) * w for d, w in zip(digits, VIN_WEIGHTS, strict=True)) % 11
    return "X" if rest == 10 else str(rest)


def plate(rng: Random, country: str, style: int = 0) -> str:
    """A licence plate."""
    shapes = PLATES[country]
    return filled(rng, shapes[style % len(shapes)])


def national_id(rng: Random, country: str, style: int = 0) -> str:
    """A person's number in that country, one of two ways of writing where there are two."""
    year, month, day = rng.randrange(1940, 2006), rng.randrange(1, 13), rng.randrange(1, 29)
    return NATIONAL[country](rng, year, f"{month:02d}", f"{day:02d}", style)


def _swedish(rng: Random, year: int, month: str, day: str, style: int) -> str:
    born, serial = f"{year % 100:02d}{month}{day}", filled(rng, "999")
    last = serial + luhn(born + serial)
    return (f"{born}-{last}", f"{year}{month}{day}-{last}", f"{year}{month}{day}{last}")[style % 3]


def _finnish(rng: Random, year: int, month: str, day: str, style: int) -> str:
    born, serial = f"{day}{month}{year % 100:02d}", "9" + filled(rng, "99")
    return f"{born}{'-' if year < 2000 else 'A'}{serial}{HETU[int(born + serial) % 31]}"


def _norwegian(rng: Random, year: int, month: str, day: str, style: int) -> str:
    digits = f"{day}{month}{year % 100:02d}" + filled(rng, "999")
    for weights in ((3, 7, 6, 1, 8, 9, 4, 5, 2), (5, 4, 3, 2, 7, 6, 5, 4, 3, 2)):
        check = -weighted(digits, weights) % 11
        if check == 10:  # such numbers are not given
            return _norwegian(rng, year, month, day, style)
        digits += str(check)
    return f"{digits[:6]} {digits[6:]}" if style % 2 else digits


def _german(rng: Random, year: int, month: str, day: str, style: int) -> str:
    digits = rng.sample("0123456789", 9)
    digits.insert(rng.randrange(1, 10), rng.choice(digits))  # one digit comes twice
    while digits[0] == "0":
        digits.append(digits.pop(0))
    product = 10
    for digit in digits:
        total = (int(digit) + product) % 10 or 10
        product = total * 2 % 11
    number = "".join(digits) + str((11 - product) % 10)
    return f"{number[:2]} {number[2:5]} {number[5:8]} {number[8:]}" if style % 2 else number


def _polish(rng: Random, year: int, month: str, day: str, style: int) -> str:
    shifted = int(month) + (20 if year >= 2000 else 0)
    digits = f"{year % 100:02d}{shifted:02d}{day}" + filled(rng, "9999")
    return digits + str(-weighted(digits, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3)) % 10)


def _french(rng: Random, year: int, month: str, day: str, style: int) -> str:
    place = f"{rng.randrange(1, 96):02d}{rng.randrange(1, 600):03d}{rng.randrange(1, 999):03d}"
    digits = f"{rng.choice('12')}{year % 100:02d}{month}{place}"
    key = f"{97 - int(digits) % 97:02d}"
    spaced = " ".join((digits[0], digits[1:3], digits[3:5], digits[5:7], digits[7:10], digits[10:]))
    return f"{spaced} {key}" if style % 2 else digits + key


def _spanish(rng: Random, year: int, month: str, day: str, style: int) -> str:
    number = filled(rng, "99999999")
    return number + ("-" if style % 2 else "") + DNI[int(number) % 23]


def _dutch(rng: Random, year: int, month: str, day: str, style: int) -> str:
    while True:
        digits = rng.choice("123456789") + filled(rng, "9999999")
        check = weighted(digits, (9, 8, 7, 6, 5, 4, 3, 2)) % 11
        if check < 10:
            return digits + str(check)


def _british(rng: Random, year: int, month: str, day: str, style: int) -> str:
    number = rng.choice("ABCEGHJKLMPRSTWXY") + rng.choice("ABCEHJKLMPRSTWXYZ")
    if number in ("GB", "KN", "NT", "TN", "ZZ", "BG", "NK"):  # never given
        return _british(rng, year, month, day, style)
    number += filled(rng, "999999") + rng.choice("ABCD")
    return " ".join(number[i : i + 2] for i in range(0, 9, 2)) if style % 2 else number


def _american(rng: Random, year: int, month: str, day: str, style: int) -> str:
    area = rng.choice([n for n in range(1, 900) if n != 666])
    return f"{area:03d}-{rng.randrange(1, 100):02d}-{rng.randrange(1, 10_000):04d}"


NATIONAL = {
    "SE": _swedish,
    "FI": _finnish,
    "NO": _norwegian,
    "DE": _german,
    "PL": _polish,
    "FR": _french,
    "ES": _spanish,
    "NL": _dutch,
    "GB": _british,
    "US": _american,
}
