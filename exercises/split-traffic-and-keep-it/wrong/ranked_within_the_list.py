# caught by: needs_no_company
# %% answer-split
def split(keys, share, salt):
    digests = [hashlib.sha256(f"{salt}/{key}".encode()).hexdigest() for key in keys]
    chosen = set(sorted(digests)[: round(share * len(keys))])
    return ["challenger" if digest in chosen else "champion" for digest in digests]


split(CARS, 0.5, ROLL_OUT)
