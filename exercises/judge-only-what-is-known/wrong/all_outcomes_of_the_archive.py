# caught by: leaves_out_what_comes_later, is_empty_at_first, measures_what_is_known
# %% answer-known
def known_today(predictions, outcomes, today):
    return predictions.merge(outcomes[["id", "unjustified"]], on="id").sort_values("id")
