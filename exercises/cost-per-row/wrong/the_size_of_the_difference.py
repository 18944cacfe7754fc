# caught by: never_falls_below_zero
# %% answer-even
def break_even(runs, start_s, batch_row_s, online_row_s, idle_s):
    return abs(runs * start_s - idle_s) / (online_row_s - batch_row_s)
