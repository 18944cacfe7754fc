# caught by: answers_every_key, has_the_share
# %% answer-split
def split(keys, share, salt):
    found = []
    for key in keys:
        place = int(hashlib.sha256(f"{salt}/{key}".encode()).hexdigest()[:8], 16) / 16**8
        found.append("champion" if place < share else "challenger")
    return found


split(CARS, 0.5, ROLL_OUT)
