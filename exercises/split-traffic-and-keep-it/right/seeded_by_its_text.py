# %% answer-split
import random


def split(keys, share, salt):
    """Each key has a random number of its own, whose seed is text: the same in any process."""
    places = [random.Random(f"{key} in {salt}").random() for key in keys]
    return [("champion", "challenger")[place < share] for place in places]


split(CARS, 0.5, ROLL_OUT)
# %% answer-pinned
pinned = [
    "champion",
    "champion",
    "champion",
    "challenger",
    "champion",
    "champion",
    "champion",
    "challenger",
    "champion",
    "challenger",
    "champion",
    "champion",
    "challenger",
    "champion",
    "challenger",
    "challenger",
    "champion",
    "champion",
    "challenger",
    "challenger",
]
