"""Batch scoring: rows/s against `mlflow models predict` on one CSV and model, side by side.

Each command starts Python, loads the model from the registry and writes one file: mlflow
the answers as JSON, ours the answers alone, or beside all columns of the input. Most of
it is Python's start, so the same is also measured in a process that has started already.
"""

import os
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
from mlflow.pyfunc.scoring_server import _predict  # what the command runs
from side_by_side import Cost, cheapest, measure
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from labs.deployment import batch, registry

ROUNDS = 3
SIZES = 10_000, 1_000_000  # rows
SAMPLE = 200  # rows, one call each
NUMBERS = [f"x{i}" for i in range(8)]
KEEP: dict[str, list | None] = {"answers": [], "all": None}  # what ours writes
KEPT = tuple(KEEP)
OURS = """
import sys
from labs.deployment import batch, registry
registry.open_registry(sys.argv[1])
keep = [] if sys.argv[2] == "answers" else None
batch.score("failures", sys.argv[3], sys.argv[4], keep=keep)
"""


def make_table(rows: int) -> pd.DataFrame:
    rng = np.random.default_rng(rows)
    table = pd.DataFrame(rng.normal(size=(rows, len(NUMBERS))).round(4), columns=NUMBERS)
    return table.assign(variant=rng.choice(["L", "H", "GT"], rows))


def register(folder: Path) -> None:
    client = registry.open_registry(folder)
    data = make_table(2000)
    target = data["x0"] + data["x1"] > 0
    steps = make_column_transformer((StandardScaler(), NUMBERS), (OneHotEncoder(), ["variant"]))
    model = make_pipeline(steps, LogisticRegression()).fit(data, target)
    words = {"owner": "bench", "intended_use": "measure", "dataset_name": "random"}
    logged = registry.log_model(model, data=data, target=target, name="failures", **words)
    version = registry.register(logged, "failures").version
    client.set_registered_model_alias("failures", "champion", version)


def commands(folder: Path, rows: int, number: int) -> dict[str, list[str]]:
    """The commands for one input; each writes a new file."""
    source = str(folder / f"{rows}.csv")
    mlflow = [sys.executable, "-m", "mlflow", "models", "predict", "--env-manager", "local"]
    mlflow += ["-m", "models:/failures@champion", "-i", source, "-t", "csv"]
    found = {"mlflow": [*mlflow, "-o", str(folder / f"{rows}-{number}.json")]}
    for kept in KEPT:
        target = str(folder / f"{rows}-{number}-{kept}.csv")
        found[kept] = [sys.executable, "-c", OURS, str(folder / "registry"), kept, source, target]
    return found


def compare(folder: Path, rows: int) -> dict[str, Cost]:
    """The cheapest of three rounds of each, in turn."""
    make_table(rows).to_csv(folder / f"{rows}.csv", index=False)
    address = f"sqlite:///{folder / 'registry' / 'mlflow.db'}"
    environment = {**os.environ, "MLFLOW_TRACKING_URI": address, "OMP_NUM_THREADS": "1"}
    costs: dict[str, list[Cost]] = {name: [] for name in ("mlflow", *KEPT)}
    for number in range(ROUNDS):
        for name, command in commands(folder, rows, number).items():
            costs[name].append(measure(command, env=environment))
            assert costs[name][-1].code == 0, (name, rows)
    return {name: cheapest(of) for name, of in costs.items()}


def started(folder: Path, rows: int) -> dict[str, Cost]:
    """The same work on one input, each the cheapest of three rounds, start excluded."""
    registry.open_registry(folder / "registry")
    source = folder / f"{rows}.csv"
    costs: dict[str, list[Cost]] = {name: [] for name in ("mlflow", *KEPT)}
    for number in range(ROUNDS):
        json = str(folder / f"started-{number}.json")
        with spent(costs["mlflow"]):
            _predict("models:/failures@champion", str(source), json, "csv")
        for kept in KEPT:
            target, keep = folder / f"started-{number}-{kept}.csv", KEEP[kept]
            with spent(costs[kept]):
                batch.score("failures", source, target, keep=keep)
    return {name: cheapest(of) for name, of in costs.items()}


@contextmanager
def spent(costs: list[Cost]):
    """Add what the block cost to `costs`."""
    wall, cpu = time.perf_counter(), time.process_time()
    yield
    costs.append(Cost(time.perf_counter() - wall, time.process_time() - cpu, 0))


def one_by_one() -> float:
    """CPU seconds a row if `predict` is called for each row."""
    model, table = registry.load("failures"), make_table(SAMPLE)
    begun = time.process_time()
    for i in range(SAMPLE):
        model.predict(table.iloc[[i]])
    return (time.process_time() - begun) / SAMPLE


def show(rows: int, costs: dict[str, Cost], how: str) -> None:
    """A line for each command, with its ratio to mlflow's."""
    for name, cost in costs.items():
        rates = f"{rows / cost.wall:9,.0f} rows/s, {rows / cost.cpu:9,.0f} rows a CPU second"
        against = f"; against mlflow: {cost.against(costs['mlflow'])}" if name in KEPT else ""
        print(f"  {rows:9,} rows, {how}, {name:7}: {rates}{against}")


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        register(folder / "registry")
        for rows in SIZES:
            show(rows, compare(folder, rows), "command")
        costs = started(folder, SIZES[1])
        show(SIZES[1], costs, "started")
        alone = one_by_one() / (costs["all"].cpu / SIZES[1])
    print(f"  predict called once a row takes {alone:.0f} times the CPU of batch.score")


if __name__ == "__main__":
    main()
