# %% answer-known
def known_today(predictions, outcomes, today):
    both = predictions.merge(outcomes, how="inner").sort_values("id")
    return both[both["known_week"] < today + 1]


# %% answer-auc
settled = company.labels("warranty", known_by=today)[["id", "unjustified"]]
known = settled.merge(predictions, on="id")
auc = roc_auc_score(known["unjustified"].astype(int), known["prediction"])
