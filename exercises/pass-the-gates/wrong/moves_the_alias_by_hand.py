# caught by: moves_on_record, asks_every_version
# %% answer-release
better = better_than_champion(held, held["price_kr"], closeness)
client.set_registered_model_alias(MODEL, "champion", "3")
