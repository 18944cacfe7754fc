# caught by: shares_the_idle_time, prices_any_server
# %% answer-online
def online_cost(rows, row_s, idle_s, kr_per_hour):
    return row_s / 3600 * kr_per_hour
