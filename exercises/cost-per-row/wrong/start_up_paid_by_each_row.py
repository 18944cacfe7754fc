# caught by: shares_the_start_up
# %% answer-batch
def batch_cost(rows, runs, start_s, row_s, kr_per_hour):
    return (runs * start_s + row_s) / 3600 * kr_per_hour
