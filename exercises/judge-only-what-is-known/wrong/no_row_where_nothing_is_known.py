# caught by: reports_every_week
# %% answer-report
known = known_today(predictions, outcomes, today)
judged = known.groupby("week")
report = pd.DataFrame({"judged": judged.size()})
report["asked"] = predictions.groupby("week").size()
report["bias"] = judged["prediction"].mean() - judged["unjustified"].mean()
report = report.reset_index()
