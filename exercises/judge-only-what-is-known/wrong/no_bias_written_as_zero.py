# caught by: compares_like_with_like
# %% answer-report
known = known_today(predictions, outcomes, today)
judged = known.groupby("week")
report = pd.DataFrame({"asked": predictions.groupby("week").size()})
report["judged"] = judged.size()
report["bias"] = judged["prediction"].mean() - judged["unjustified"].mean()
report = report.fillna(0).reset_index()
