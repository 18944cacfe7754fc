# caught by: asks_every_version
# %% answer-release
better = better_than_champion(held, held["price_kr"], closeness)
gates = [same_schema(), better, no_region_leans]
for version in ("2", "3", "4"):
    why = "new"
    print(promote(MODEL, version, gates, log=log, why=why, actor="Elin", at=AT))
