# caught by: chooses_the_cheapest
# %% answer-cheapest
cheapest = prices["kr"].argmin()
