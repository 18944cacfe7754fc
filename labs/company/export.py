"""A company year as files: what a monitoring team saw, without the answers.

batches/price/week-09.csv        what arrived, as it arrived
predictions/price/week-09.csv    what the model said
labels/price.csv                 every label and the week in which it arrived
usage/price.csv                  the servers' days
reference/batches/..., reference/predictions/..., reference/labels/..., reference/usage/...
columns.csv                      what each documented column means
"""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from labs.company import columns
from labs.company.calendar import REFERENCE
from labs.company.incidents import MODELS, WEEKS

if TYPE_CHECKING:
    from labs.company.company import Company

FORMS = ("csv", "parquet")


def export(company: "Company", folder: Path, form: str = "csv") -> Path:
    """Write the year's data into `folder`; see `Company.export`."""
    if form not in FORMS:
        raise ValueError(f"form is {form!r}; give one of {', '.join(FORMS)}")
    for model in MODELS:
        labels = _weeks(company, folder, model, range(1, WEEKS + 1), form)
        _write(labels[labels["known_week"] <= WEEKS], folder / "labels" / model, form)
        known = _weeks(company, folder / "reference", model, REFERENCE, form)
        _write(known, folder / "reference" / "labels" / model, form)
        _write(company.usage(model), folder / "usage" / model, form)
        usage = pd.concat([company.usage(model, week) for week in REFERENCE])
        _write(usage, folder / "reference" / "usage" / model, form)
    _write(_documented(), folder / "columns", form)
    return folder


def _weeks(company: "Company", folder: Path, model: str, weeks: range, form: str) -> pd.DataFrame:
    """Write one file a week for batches, and one for predictions; all their labels."""
    labels = []
    for week in weeks:
        name = f"week-{week:02d}" if week > 0 else f"week-minus-{-week:02d}"
        made = company.weeks(model, [week])
        _write(made.inputs, folder / "batches" / model / name, form)
        _write(made.predictions, folder / "predictions" / model / name, form)
        labels.append(made.labels)
    return pd.concat(labels, ignore_index=True)


def _documented() -> pd.DataFrame:
    """One row for each documented input, with its model."""
    return pd.DataFrame(
        {"model": model} | asdict(column) | {"values": ", ".join(map(str, column.values))}
        for model, inputs in columns.INPUTS.items()
        for column in inputs
    )


def _write(table: pd.DataFrame, path: Path, form: str) -> None:
    """One table as `path` plus the form's suffix; its bytes depend on the table alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if form == "csv":
        table.to_csv(path.with_suffix(".csv"), index=False, lineterminator="\n")
    else:
        table.to_parquet(path.with_suffix(".parquet"), index=False)
