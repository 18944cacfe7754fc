# caught by: needs_no_company
# %% answer-split
import random


def split(keys, share, salt):
    chance = random.Random(salt)
    return ["challenger" if chance.random() < share else "champion" for _ in keys]


split(CARS, 0.5, ROLL_OUT)
