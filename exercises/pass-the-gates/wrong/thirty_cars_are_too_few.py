# caught by: leaves_small_groups_out
# %% answer-leans
def leans(price, quotes, groups):
    """By how much the quotes of each group are off in the middle; 0.1 is 10 % too high."""
    ratio = pd.Series(np.asarray(quotes) / np.asarray(price))
    middle = ratio.groupby(np.asarray(groups)).agg(["median", "size"])
    large = middle[middle["size"] > AT_LEAST]
    return (large["median"] - 1).to_dict()
