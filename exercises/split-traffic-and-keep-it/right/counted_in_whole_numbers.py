# %% answer-split
def answered_by_challenger(key, share, salt):
    """Whether a keyed hash, as a whole number, lies in the first part of its range."""
    place = hashlib.blake2b(str(key).encode(), digest_size=8, key=salt.encode()).digest()
    return int.from_bytes(place, "little") < share * 2**64


def split(keys, share, salt):
    names = {True: "challenger", False: "champion"}
    return [names[answered_by_challenger(key, share, salt)] for key in keys]


split(CARS, 0.5, ROLL_OUT)
# %% answer-pinned
pinned = [
    "challenger",
    "challenger",
    "champion",
    "challenger",
    "champion",
    "champion",
    "champion",
    "champion",
    "challenger",
    "challenger",
    "challenger",
    "challenger",
    "challenger",
    "challenger",
    "champion",
    "challenger",
    "challenger",
    "challenger",
    "challenger",
    "challenger",
]
