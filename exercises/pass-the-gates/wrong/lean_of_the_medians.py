# caught by: takes_cars_in_their_order
# %% answer-leans
def leans(price, quotes, groups):
    """By how much the quotes of each group are off in the middle; 0.1 is 10 % too high."""
    cars = pd.DataFrame({"p": list(price), "q": list(quotes), "g": list(groups)})
    middle = cars.groupby("g")[["p", "q"]].median()[cars["g"].value_counts() >= AT_LEAST]
    return (middle["q"] / middle["p"] - 1).to_dict()
