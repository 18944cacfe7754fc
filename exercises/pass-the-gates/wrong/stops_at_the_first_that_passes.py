# caught by: asks_every_version
# %% answer-release
better = better_than_champion(held, held["price_kr"], closeness)
gates = [same_schema(), better, no_region_leans]
for version in ("2", "3", "4"):
    team = client.get_model_version(MODEL, version).tags["owner"]
    why = f"{team}, report a smaller error than version 1"
    if promote(MODEL, version, gates, log=log, why=why, actor="Elin", at=AT).passed:
        break
