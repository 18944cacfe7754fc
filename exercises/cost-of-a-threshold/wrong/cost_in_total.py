# caught by: averages_over_all_operations, prices_each_row
# %% answer-cost
def cost(risk, failed, threshold, missed, false_alarm, caught):
    alarm = risk >= threshold
    kr = missed * (failed & ~alarm) + false_alarm * (~failed & alarm) + caught * (failed & alarm)
    return kr.sum()
