# %% answer-prices
fails, fine = (first.loc[first["failure"] == each, "prediction"] for each in (True, False))
prices = pd.DataFrame({"threshold": thresholds})
prices["missed"] = [(fails < each).sum() for each in thresholds]
prices["false_alarms"] = [(fine >= each).sum() for each in thresholds]
prices["caught"] = len(fails) - prices["missed"]
kr = MISSED * prices["missed"] + FALSE_ALARM * prices["false_alarms"] + CAUGHT * prices["caught"]
prices["kr"] = kr / len(first)
# %% answer-cheapest
cheapest = float(prices.sort_values("kr").iloc[0]["threshold"])
