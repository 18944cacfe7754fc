# caught by: measures_in_later_weeks
# %% answer-saved
risk, failed = later["prediction"].to_numpy(), later["failure"].to_numpy()
each = MISSED, FALSE_ALARM, CAUGHT
saved = cost(risk, failed, cheapest, *each) - cost(risk, failed, TODAY, *each)
