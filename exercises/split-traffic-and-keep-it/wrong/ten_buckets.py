# caught by: has_the_share
# %% answer-split
def split(keys, share, salt):
    found = []
    for key in keys:
        bucket = int(hashlib.sha256(f"{salt}/{key}".encode()).hexdigest(), 16) % 10
        found.append("challenger" if bucket < round(10 * share) else "champion")
    return found


split(CARS, 0.5, ROLL_OUT)
