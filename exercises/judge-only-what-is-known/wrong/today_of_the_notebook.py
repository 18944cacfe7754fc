# caught by: leaves_out_what_comes_later, is_empty_at_first
# %% answer-known
def known_today(predictions, outcomes, week):
    arrived = outcomes.loc[outcomes["known_week"] <= today, ["id", "unjustified"]]
    return predictions.merge(arrived, on="id").sort_values("id")
