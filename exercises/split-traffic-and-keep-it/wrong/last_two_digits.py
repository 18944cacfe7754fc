# caught by: splits_numbers_that_end_alike, splits_roll_outs_apart
# %% answer-split
def split(keys, share, salt):
    return ["challenger" if int(key) % 100 < 100 * share else "champion" for key in keys]


split(CARS, 0.5, ROLL_OUT)
