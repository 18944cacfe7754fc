# caught by: counts_asked_and_judged
# %% answer-report
known = known_today(predictions, outcomes, today)
judged = known.groupby("week")
report = pd.DataFrame({"asked": predictions.groupby("week").size()})
arrived = outcomes.groupby("known_week").size()
report["judged"] = arrived.reindex(report.index, fill_value=0)
report["bias"] = judged["prediction"].mean() - judged["unjustified"].mean()
report = report.reset_index()
