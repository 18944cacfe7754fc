# %% answer-cost
def cost(risk, failed, threshold, missed, false_alarm, caught):
    total = 0
    for one, broke in zip(risk, failed):
        if one >= threshold:
            total += caught if broke else false_alarm
        elif broke:
            total += missed
    return total / len(risk)


# %% answer-saved
before, after = (
    cost(later["prediction"], later["failure"], each, MISSED, FALSE_ALARM, CAUGHT)
    for each in (TODAY, cheapest)
)
saved = before - after
