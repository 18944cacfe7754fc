# caught by: measures_what_is_known
# %% answer-auc
auc = roc_auc_score(known["unjustified"].astype(bool), known["prediction"] >= 0.5)
