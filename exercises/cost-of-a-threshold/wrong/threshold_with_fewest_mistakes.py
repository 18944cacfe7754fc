# caught by: chooses_the_cheapest
# %% answer-cheapest
mistakes = prices["missed"] + prices["false_alarms"]
cheapest = prices.loc[mistakes.idxmin(), "threshold"]
