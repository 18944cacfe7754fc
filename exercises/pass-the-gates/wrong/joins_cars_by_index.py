# caught by: takes_cars_in_their_order
# %% answer-leans
def leans(price, quotes, groups):
    """By how much the quotes of each group are off in the middle; 0.1 is 10 % too high."""
    cars = pd.DataFrame({"price": pd.Series(price), "group": pd.Series(groups)})
    ratio = np.asarray(quotes) / cars["price"] - 1
    return {g: r.median() for g, r in ratio.groupby(cars["group"]) if len(r) >= AT_LEAST}
