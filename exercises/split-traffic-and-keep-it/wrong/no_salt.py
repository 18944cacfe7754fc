# caught by: splits_roll_outs_apart
# %% answer-split
def split(keys, share, salt):
    found = []
    for key in keys:
        place = int(hashlib.sha256(str(key).encode()).hexdigest()[:8], 16) / 16**8
        found.append("challenger" if place < share else "champion")
    return found


split(CARS, 0.5, ROLL_OUT)
