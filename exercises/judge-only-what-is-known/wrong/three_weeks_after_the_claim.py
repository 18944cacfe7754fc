# caught by: leaves_out_what_comes_later, counts_asked_and_judged
# %% answer-known
def known_today(predictions, outcomes, today):
    old = predictions[predictions["week"] + 3 <= today]
    return old.merge(outcomes[["id", "unjustified"]], on="id").sort_values("id")
