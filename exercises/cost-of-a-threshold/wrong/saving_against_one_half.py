# caught by: measures_in_later_weeks
# %% answer-saved
risk, failed = later["prediction"].to_numpy(), later["failure"].to_numpy()
each = MISSED, FALSE_ALARM, CAUGHT
saved = cost(risk, failed, 0.5, *each) - cost(risk, failed, cheapest, *each)
