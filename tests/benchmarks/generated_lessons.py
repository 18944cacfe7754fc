"""Lessons like the course's own, as many as a benchmark asks for: a store, three runs, a plot.

Each is a notebook of ten code cells (every third has a slider besides) whose data and
models differ by its number. Nothing in its outputs differs from run to run.
"""

from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from labs.kit.execute import environment, execute, temporary_workspace
from labs.kit.normalise import dumps, normalise

MODELS = (
    "from sklearn.linear_model import LogisticRegression as Model\n\n"
    'settings = [{"C": c, "max_iter": 500} for c in (0.01, 0.1, 1.0)]',
    "from sklearn.ensemble import RandomForestClassifier as Model\n\n"
    'fixed = {"n_estimators": 30, "random_state": seed}\n'
    'settings = [{"max_depth": depth, **fixed} for depth in (2, 4, 8)]',
    "from sklearn.ensemble import HistGradientBoostingClassifier as Model\n\n"
    'fixed = {"max_iter": 20, "random_state": seed}\n'
    'settings = [{"max_leaf_nodes": leaves, **fixed} for leaves in (3, 7, 15)]',
)
STEPS = {
    "parameters": "rows = 600\nseed = {number}",
    "imports": """\
import ipywidgets
import matplotlib.pyplot as plt
import mlflow
import numpy as np
import pandas as pd
import sklearn

from labs.kit.display import explore, picture, show""",
    "data": """\
rng = np.random.default_rng(seed)
data = pd.DataFrame(rng.normal(size=(rows, 4)), columns=["speed", "torque", "wear", "heat"])
noise = rng.normal(scale=0.7, size=rows)
target = (data["torque"] + data["wear"] + noise > 0.5).astype(int)
data.describe().round(2)""",
    "model": """\
{model}
print(f"{{len(settings)}} models to compare.")""",
    "store": """\
from labs.deployment.registry import open_registry
from labs.kit.folders import lesson_folder

client = open_registry(lesson_folder("generated-{number}"))
print(f"Runs so far: {{len(mlflow.search_runs())}}")""",
    "runs": """\
from sklearn.metrics import accuracy_score, roc_auc_score
from sklearn.model_selection import train_test_split

train, test, known, truth = train_test_split(data, target, random_state=seed)
for number, chosen in enumerate(settings, 1):
    with mlflow.start_run(run_name=f"model {{number}}"):
        fitted = Model(**chosen).fit(train, known)
        risk = fitted.predict_proba(test)[:, 1]
        mlflow.log_params(chosen)
        mlflow.log_metric("auc", roc_auc_score(truth, risk))
        mlflow.log_metric("accuracy", accuracy_score(truth, risk > 0.5))
print(f"The last model alarms in {{(risk > 0.5).mean():.0%}} of {{len(test)}} cases.")""",
    "table": """\
runs = mlflow.search_runs(order_by=["attributes.start_time"])
columns = {{"tags.mlflow.runName": "run", "metrics.auc": "AUC", "metrics.accuracy": "accuracy"}}
results = runs[list(columns)].rename(columns=columns).sort_values("run").reset_index(drop=True)
results.round(3)""",
    "plot": """\
figure, axes = plt.subplots(figsize=(6, 3))
axes.bar(results["run"], results["AUC"], color="#0072B2")
axes.set(title="Three models", xlabel="Model", ylabel="AUC", ylim=(0.5, 1))
show(figure, alt="Three bars, one for each model, between 0.5 and 1.")""",
    "search": """\
good = mlflow.search_runs(filter_string="metrics.auc > 0.6", order_by=["metrics.auc DESC"])
print(f"{{len(good)}} of {{len(results)}} runs have an AUC above 0.6.")
print(f"The best has {{good['metrics.auc'].iloc[0]:.2f}}.")""",
    "slider": """\
def view(threshold):
    figure, axes = plt.subplots(figsize=(6, 3))
    axes.hist(risk, bins=20, color="#999999")
    axes.axvline(threshold, color="#D55E00")
    axes.set(title="Risks of the tested cases", xlabel="Risk", ylabel="Cases")
    return picture(figure, alt=f"A histogram of risks, with a line at {{threshold}}.")


explore(view, threshold=ipywidgets.FloatSlider(0.5, min=0, max=1))""",
    "claim": """\
best = results["AUC"].max()
print(f"The best model ranks a pair rightly in {{best:.0%}} of cases; chance would in 50%.")
assert len(good) == 3 and best > 0.7""",
}


def lesson(number: int) -> nbformat.NotebookNode:
    """Generated lesson `number`, not yet executed."""
    cells = [new_markdown_cell(f"# Compare three models, part {number}", id="title")]
    for name, source in STEPS.items():
        if name != "slider" or number % 3 == 0:
            text = source.format(number=number, model=MODELS[number % len(MODELS)])
            tags = {"tags": ["parameters"]} if name == "parameters" else {}
            cells.append(new_markdown_cell(f"Now the {name}.", id=f"about-{name}"))
            cells.append(new_code_cell(text, id=name, metadata=tags))
    return new_notebook(cells=cells)


def write(folder: Path, count: int, env: dict[str, str] | None = None) -> list[Path]:
    """Write `count` lessons with their outputs into `folder`, in normal form; their paths."""
    paths = []
    for number in range(1, count + 1):
        path = folder / f"lesson-{number:02}.ipynb"
        with temporary_workspace() as workspace:
            given = {**environment(workspace), **(env or {})}
            done = execute(lesson(number), path.name, given)
        path.write_text(dumps(normalise(done)), encoding="utf-8")
        paths.append(path)
    return paths
