# caught by: keeps_its_word
# %% answer-pinned
pinned = ["challenger", "champion"] * 10
