# caught by: takes_numbers_and_texts
# %% answer-split
def split(keys, share, salt):
    found = []
    for key in keys:
        digest = hashlib.sha256(repr((salt, key)).encode()).hexdigest()
        found.append("challenger" if int(digest[:8], 16) / 16**8 < share else "champion")
    return found


split(CARS, 0.5, ROLL_OUT)
