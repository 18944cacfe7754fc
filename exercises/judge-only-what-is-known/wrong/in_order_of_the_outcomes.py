# caught by: joins_by_id
# %% answer-known
def known_today(predictions, outcomes, today):
    arrived = outcomes.loc[outcomes["known_week"] <= today, ["id", "unjustified"]]
    return arrived.merge(predictions, on="id")
