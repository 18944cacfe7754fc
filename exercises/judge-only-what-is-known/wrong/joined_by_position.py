# caught by: joins_by_id
# %% answer-known
def known_today(predictions, outcomes, today):
    arrived = outcomes[outcomes["known_week"] <= today].reset_index()
    kept = (
        predictions[predictions["id"].isin(arrived["id"])].sort_values("id").reset_index(drop=True)
    )
    return kept.assign(unjustified=arrived["unjustified"])
