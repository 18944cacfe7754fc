# caught by: splits_roll_outs_apart
# %% answer-split
import zlib


def split(keys, share, salt):
    found = []
    for key in keys:
        place = zlib.crc32(f"{salt}/{key}".encode()) / 2**32
        found.append("challenger" if place < share else "champion")
    return found


split(CARS, 0.5, ROLL_OUT)
