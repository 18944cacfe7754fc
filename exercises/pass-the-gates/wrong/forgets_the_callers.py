# caught by: has_the_champion_that_deserves_it, asks_three_gates
# %% answer-release
better = better_than_champion(held, held["price_kr"], closeness)
gates = [better, no_region_leans]
for version in ("2", "3", "4"):
    team = client.get_model_version(MODEL, version).tags["owner"]
    why = f"{team}, report a smaller error than version 1"
    print(promote(MODEL, version, gates, log=log, why=why, actor="Elin", at=AT))
