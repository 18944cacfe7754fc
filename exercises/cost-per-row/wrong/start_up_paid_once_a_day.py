# caught by: pays_each_start, prices_any_batch
# %% answer-batch
def batch_cost(rows, runs, start_s, row_s, kr_per_hour):
    return (start_s + rows * row_s) / 3600 * kr_per_hour / rows
