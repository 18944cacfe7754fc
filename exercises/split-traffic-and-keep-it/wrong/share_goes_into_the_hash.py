# caught by: gives_none_back
# %% answer-split
def split(keys, share, salt):
    found = []
    for key in keys:
        digest = hashlib.sha256(f"{salt}/{share}/{key}".encode()).hexdigest()
        found.append("challenger" if int(digest[:8], 16) / 16**8 < share else "champion")
    return found


split(CARS, 0.5, ROLL_OUT)
