# caught by: prices_a_missed_failure, prices_a_false_alarm
# %% answer-cost
def cost(risk, failed, threshold, missed, false_alarm, caught):
    alarm = risk >= threshold
    kr = missed * (~failed & alarm) + false_alarm * (failed & ~alarm) + caught * (failed & alarm)
    return kr.mean()
