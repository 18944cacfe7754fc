# caught by: keeps_its_word
# %% answer-split
def split(keys, share, salt):
    found = []
    for key in keys:
        place = hash(f"{salt}/{key}") % 1_000_000 / 1_000_000
        found.append("challenger" if place < share else "champion")
    return found


split(CARS, 0.5, ROLL_OUT)
