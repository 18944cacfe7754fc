# caught by: follows_its_figures
# %% answer-even
def break_even(runs, start_s, batch_row_s, online_row_s, idle_s):
    return max(0, (start_s - idle_s) / (online_row_s - batch_row_s))
