# %% answer-known
def known_today(predictions, outcomes, today):
    found = {}
    for row in outcomes.itertuples():
        if row.known_week <= today:
            found[row.id] = row.unjustified
    kept = predictions[predictions["id"].isin(found)].sort_values("id")
    return kept.assign(unjustified=[found[each] for each in kept["id"]])


# %% answer-report
known = known_today(predictions, outcomes, today)
rows = []
for week in range(1, today + 1):
    part = known[known["week"] == week]
    asked = (predictions["week"] == week).sum()
    bias = (part["prediction"] - part["unjustified"].astype(float)).mean()
    rows.append({"week": week, "asked": asked, "judged": len(part), "bias": bias})
report = pd.DataFrame(rows)
