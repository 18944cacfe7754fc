# caught by: alarms_at_the_threshold
# %% answer-cost
def cost(risk, failed, threshold, missed, false_alarm, caught):
    alarm = risk > threshold
    kr = missed * (failed & ~alarm) + false_alarm * (~failed & alarm) + caught * (failed & alarm)
    return kr.mean()
