# caught by: explains_the_refusal
# %% answer-note
# Your version was refused because a gate failed.
