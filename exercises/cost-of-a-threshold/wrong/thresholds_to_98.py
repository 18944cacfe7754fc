# caught by: lists_every_threshold
# %% answer-prices
risk, failed = first["prediction"].to_numpy(), first["failure"].to_numpy()
rows = []
for step in range(1, 99):
    alarm = risk >= step / 100
    kr = cost(risk, failed, step / 100, MISSED, FALSE_ALARM, CAUGHT)
    counts = (failed & ~alarm).sum(), (~failed & alarm).sum(), (failed & alarm).sum()
    rows.append([step / 100, *counts, kr])
prices = pd.DataFrame(rows, columns=["threshold", "missed", "false_alarms", "caught", "kr"])
