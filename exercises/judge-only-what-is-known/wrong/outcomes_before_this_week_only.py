# caught by: keeps_what_arrives_this_week
# %% answer-known
def known_today(predictions, outcomes, today):
    arrived = outcomes.loc[outcomes["known_week"] < today, ["id", "unjustified"]]
    return predictions.merge(arrived, on="id").sort_values("id")
