# caught by: measures_in_later_weeks
# %% answer-saved
risk, failed = first["prediction"].to_numpy(), first["failure"].to_numpy()
each = MISSED, FALSE_ALARM, CAUGHT
saved = cost(risk, failed, TODAY, *each) - cost(risk, failed, cheapest, *each)
