# %% answer-batch
def batch_cost(rows, runs, start_s, row_s, kr_per_hour):
    a_start = start_s / 3600 * kr_per_hour
    a_row = row_s / 3600 * kr_per_hour
    return a_row + runs * a_start / rows


# %% answer-online
def online_cost(rows, row_s, idle_s, kr_per_hour):
    return (row_s + idle_s / rows) * (kr_per_hour / 60 / 60)


# %% answer-even
def break_even(runs, start_s, batch_row_s, online_row_s, idle_s):
    starts = runs * start_s
    if starts <= idle_s:
        return 0.0
    return (starts - idle_s) / (online_row_s - batch_row_s)
