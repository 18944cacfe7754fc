# caught by: reports_what_could_be_known, gives_the_reason
# %% answer-choice
choice = "d"
reason = 1
