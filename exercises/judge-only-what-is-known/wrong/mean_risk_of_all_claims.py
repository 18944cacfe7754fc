# caught by: compares_like_with_like
# %% answer-report
known = known_today(predictions, outcomes, today)
judged = known.groupby("week")
report = pd.DataFrame({"asked": predictions.groupby("week").size()})
report["judged"] = judged.size().reindex(report.index, fill_value=0)
report["bias"] = predictions.groupby("week")["prediction"].mean() - judged["unjustified"].mean()
report = report.reset_index()
