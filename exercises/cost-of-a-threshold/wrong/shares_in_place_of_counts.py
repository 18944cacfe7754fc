# caught by: counts_the_outcomes
# %% answer-prices
risk, failed = first["prediction"].to_numpy(), first["failure"].to_numpy()
rows = []
for threshold in thresholds:
    alarm = risk >= threshold
    kr = cost(risk, failed, threshold, MISSED, FALSE_ALARM, CAUGHT)
    shares = (failed & ~alarm).mean(), (~failed & alarm).mean(), (failed & alarm).mean()
    rows.append([threshold, *shares, kr])
prices = pd.DataFrame(rows, columns=["threshold", "missed", "false_alarms", "caught", "kr"])
