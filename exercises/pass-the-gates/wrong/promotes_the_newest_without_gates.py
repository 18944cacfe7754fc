# caught by: has_the_champion_that_deserves_it, asks_three_gates, asks_every_version
# %% answer-release
promote(MODEL, "4", [], log=log, why="the newest is the best", actor="Elin", at=AT)
