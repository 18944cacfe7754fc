# caught by: takes_the_middle, keeps_groups_apart, takes_cars_in_their_order
# %% answer-leans
def leans(price, quotes, groups):
    """By how much the quotes of each group are off in the middle; 0.1 is 10 % too high."""
    ratio = pd.Series(np.asarray(price) / np.asarray(quotes))
    middle = ratio.groupby(np.asarray(groups)).agg(["median", "size"])
    large = middle[middle["size"] >= AT_LEAST]
    return (large["median"] - 1).to_dict()
