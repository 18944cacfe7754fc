# caught by: averages_over_all_operations, prices_a_missed_failure
# %% answer-cost
def cost(risk, failed, threshold, missed, false_alarm, caught):
    alarm = risk >= threshold
    kr = missed * (failed & ~alarm) + false_alarm * (~failed & alarm) + caught * (failed & alarm)
    return kr.sum() / max(1, (kr > 0).sum())
