# caught by: leaves_out_what_never_comes, compares_like_with_like, measures_what_is_known
# %% answer-known
def known_today(predictions, outcomes, today):
    arrived = outcomes.loc[outcomes["known_week"] <= today, ["id", "unjustified"]]
    both = predictions.merge(arrived, on="id", how="left").sort_values("id")
    both["unjustified"] = both["unjustified"].eq(True)
    return both
