# caught by: counts_the_outcomes, prices_each_row
# %% answer-prices
risk, failed = operations["prediction"].to_numpy(), operations["failure"].to_numpy()
rows = []
for threshold in thresholds:
    alarm = risk >= threshold
    kr = cost(risk, failed, threshold, MISSED, FALSE_ALARM, CAUGHT)
    counts = (failed & ~alarm).sum(), (~failed & alarm).sum(), (failed & alarm).sum()
    rows.append([threshold, *counts, kr])
prices = pd.DataFrame(rows, columns=["threshold", "missed", "false_alarms", "caught", "kr"])
