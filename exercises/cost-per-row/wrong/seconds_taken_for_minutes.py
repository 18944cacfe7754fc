# caught by: prices_the_work_online, shares_the_idle_time
# %% answer-online
def online_cost(rows, row_s, idle_s, kr_per_hour):
    return (idle_s + rows * row_s) / 60 * kr_per_hour / rows
