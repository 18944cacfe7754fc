# caught by: prices_any_operations
# %% answer-cost
def cost(risk, failed, threshold, missed, false_alarm, caught):
    alarm = risk >= threshold
    kr = MISSED * (failed & ~alarm) + FALSE_ALARM * (~failed & alarm) + CAUGHT * (failed & alarm)
    return kr.mean()
