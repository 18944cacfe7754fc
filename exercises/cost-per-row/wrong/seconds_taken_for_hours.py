# caught by: shares_the_start_up, prices_the_work_in_a_batch
# %% answer-batch
def batch_cost(rows, runs, start_s, row_s, kr_per_hour):
    return (runs * start_s + rows * row_s) * kr_per_hour / rows
