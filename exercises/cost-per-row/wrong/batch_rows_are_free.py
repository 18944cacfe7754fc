# caught by: meets_where_both_cost_the_same, follows_its_figures
# %% answer-even
def break_even(runs, start_s, batch_row_s, online_row_s, idle_s):
    return max(0, (runs * start_s - idle_s) / online_row_s)
