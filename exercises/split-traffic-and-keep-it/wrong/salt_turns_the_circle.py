# caught by: splits_roll_outs_apart
# %% answer-split
def place(text):
    return int(hashlib.sha256(text.encode()).hexdigest()[:8], 16) / 16**8


def split(keys, share, salt):
    turned = [(place(str(key)) + place(salt)) % 1 for key in keys]
    return ["challenger" if each < share else "champion" for each in turned]


split(CARS, 0.5, ROLL_OUT)
