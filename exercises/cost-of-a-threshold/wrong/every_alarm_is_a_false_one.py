# caught by: prices_a_caught_failure
# %% answer-cost
def cost(risk, failed, threshold, missed, false_alarm, caught):
    alarm = risk >= threshold
    return (missed * (failed & ~alarm) + false_alarm * alarm).mean()
