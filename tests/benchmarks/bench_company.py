"""The company year: all four models' 52 weeks, against a loop over rows and pandas' apply.

The rivals make one thing of the year, the price champion's predictions, row by row: the
first with the same formula on one row at a time, the second with `DataFrame.apply`. Their
cost is for a sample of rows and scaled to all rows of the price model.
"""

import math
import subprocess
import sys
import time

import pandas as pd

from labs.company import Company, price
from labs.company.incidents import MODELS

ROUNDS = 5
SAMPLE = 2_000  # rows that the rivals predict
MEMORY = """
import resource
import numpy, pandas, pyarrow
from labs.company import Company
from labs.company.incidents import MODELS
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
years = [Company().year(model) for model in MODELS]
print(before, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def cpu(work) -> float:
    """CPU seconds of the cheapest of some rounds."""
    spent = []
    for _ in range(ROUNDS):
        begun = time.process_time()
        work()
        spent.append(time.process_time() - begun)
    return min(spent)


def one_row(row: dict) -> float:
    """The price champion's formula in plain Python, for one row."""
    age = row["age_years"]
    km = row["mileage_km"] if row["mileage_km"] == row["mileage_km"] else 14_500.0 * age
    condition = row["condition"] if row["condition"] == row["condition"] else 3.7
    usual = price.POWER[row["line"]]
    log = math.log(price.NEW[row["line"]]) - 0.110 * age - 2.3e-6 * km
    log += {"diesel": -0.02, "hybrid": 0.05}.get(row["fuel"], 0.0) + 0.055 * (condition - 3.5)
    log += 0.0011 * (row["power_kw"] - usual) + 0.03 * (row["gearbox"] == "automatic")
    return round(math.exp(log), -2)


def champion_row_by_row(cars: pd.DataFrame) -> list[float]:
    return [price.champion(cars.iloc[[row]])[0] for row in range(len(cars))]


def megabytes() -> tuple[float, float]:
    """Peak memory of a fresh process before and after it made the story."""
    done = subprocess.run(
        [sys.executable, "-c", MEMORY], capture_output=True, text=True, check=True
    )
    unit = 1e6 if sys.platform == "darwin" else 1e3
    before, after = (float(part) / unit for part in done.stdout.split())
    return before, after


def main() -> None:
    before, after = megabytes()  # first: a child's peak counts what its parent held
    story = Company()
    years = {model: story.year(model) for model in MODELS}
    all_rows = sum(len(year.inputs) for year in years.values())
    cars = years["price"].inputs
    some = cars.head(SAMPLE)
    assert list(some.apply(one_row, axis=1)) == list(price.champion(some))
    year = cpu(lambda: [story.year(model) for model in MODELS])
    week = cpu(lambda: [story.batch(model, 40) for model in MODELS])
    key = cpu(lambda: story.answer_key())
    fast = cpu(lambda: price.champion(cars)) / len(cars)
    apply = cpu(lambda: some.apply(one_row, axis=1)) / SAMPLE
    single = cpu(lambda: champion_row_by_row(some.head(200))) / 200
    print(f"{all_rows:,} rows of four models: inputs, predictions and labels of 52 weeks")
    print(f"  the whole story:       {year:6.2f} s CPU, best of {ROUNDS}")
    print(f"  one week alone:        {week:6.3f} s CPU, {year / week:.0f} times less")
    print(f"  its answer key:        {key:6.2f} s CPU")
    print(f"  a row of all tables:   {1e6 * year / all_rows:6.2f} µs")
    print("predicting one price, by the same formula and with the same result")
    print(f"  champion on the year:  {1e6 * fast:6.2f} µs a row")
    print(f"  DataFrame.apply:       {1e6 * apply:6.2f} µs a row, {apply / fast:.0f} times as much")
    print(
        f"  champion row by row:   {1e6 * single:6.0f} µs a row, {single / fast:.0f} times as much"
    )
    print(
        f"the story with everything costs less than predicting {year / apply:,.0f}"
        " prices with apply"
    )
    print(f"peak memory {after:.0f} MB, of which {before:.0f} MB before the first row")


if __name__ == "__main__":
    main()
