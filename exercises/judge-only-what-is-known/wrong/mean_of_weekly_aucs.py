# caught by: measures_what_is_known
# %% answer-auc
weekly = [
    roc_auc_score(rows["unjustified"].astype(bool), rows["prediction"])
    for _, rows in known.groupby("week")
]
auc = sum(weekly) / len(weekly)
