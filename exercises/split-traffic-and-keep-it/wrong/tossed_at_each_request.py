# caught by: needs_no_company, keeps_its_word
# %% answer-split
import random


def split(keys, share, salt):
    return ["challenger" if random.random() < share else "champion" for _ in keys]


split(CARS, 0.5, ROLL_OUT)
