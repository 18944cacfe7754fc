"""Norrmotor's year: fixed by its seed, week by week, as documented, and exportable."""

import hashlib
import json
import platform
import subprocess
import sys
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from labs.company import Company, Year, columns
from labs.company.calendar import REFERENCE
from labs.company.company import MODULES
from labs.company.incidents import MODELS, STORY

STORED = Path(__file__).with_name("norrmotor_checksums.json")
TABLES = ("inputs", "predictions", "labels")
SAMPLED = 3  # rows a table that are stored as values, for other platforms


def checksum(table: pd.DataFrame) -> str:
    """SHA-256 of names and values, whatever pandas keeps them in."""
    digest = hashlib.sha256()
    for name, column in table.items():
        values = column.to_numpy()
        if isinstance(column.dtype, pd.CategoricalDtype | pd.StringDtype):
            values = "\n".join(column.astype(object).fillna("<null>")).encode()
        digest.update(name.encode() + (values if isinstance(values, bytes) else values.tobytes()))
    return digest.hexdigest()


def sample(table: pd.DataFrame) -> list[list]:
    """A few rows' numbers, from the table's beginning, middle and end."""
    rows = np.linspace(0, len(table) - 1, SAMPLED).astype(int)
    return table.select_dtypes("number").iloc[rows].fillna(-1.0).to_numpy(float).tolist()


def stored_form(years: dict[str, Year], key: pd.DataFrame) -> dict:
    tables = {f"{m}.{t}": getattr(years[m], t) for m in MODELS for t in TABLES}
    return {
        "sha256": {name: checksum(table) for name, table in tables.items()},
        "values": {name: sample(table) for name, table in tables.items()},
        "visible_week": dict(zip(key["id"], key["visible_week"].fillna(0).tolist(), strict=True)),
    }


@pytest.fixture(scope="module")
def company():
    return Company()


@pytest.fixture(scope="module")
def years(company):
    return {model: company.year(model) for model in MODELS}


@pytest.fixture(scope="module")
def stored():
    return json.loads(STORED.read_text(encoding="utf-8"))


def test_the_year_has_the_stored_values_on_every_platform(company, years, stored):
    now = stored_form(years, company.answer_key())
    for name, rows in stored["values"].items():
        np.testing.assert_allclose(now["values"][name], rows, rtol=0, atol=1e-9, err_msg=name)
    assert now["visible_week"] == stored["visible_week"]
    if (platform.system(), platform.machine()) == ("Linux", "x86_64"):
        assert now["sha256"] == stored["sha256"]


@pytest.mark.parametrize("model", MODELS)
def test_week_40_alone_is_week_40_of_the_year(years, model):
    alone = Company()
    alone.batch(model, 51), alone.batch(model, 3)  # in another order
    batch, year = alone.batch(model, 40), years[model]
    of_year = year.inputs[year.inputs["week"] == 40].reset_index(drop=True)
    pd.testing.assert_frame_equal(batch, of_year[batch.columns])
    predicted = year.predictions[year.predictions["week"] == 40].reset_index(drop=True)
    pd.testing.assert_frame_equal(alone.predictions(model, 40), predicted)
    labels = year.labels[year.labels["week"] == 40].reset_index(drop=True)
    pd.testing.assert_frame_equal(alone.labels_of(model, 40), labels)


def test_another_process_with_another_hash_seed_makes_the_same_week(company):
    code = (
        "from labs.company import Company; from labs.company.incidents import MODELS\n"
        "for m in reversed(MODELS): print(Company().batch(m, 40).to_csv())"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": "7"}
    )
    assert done.stdout == "".join(company.batch(m, 40).to_csv() + "\n" for m in reversed(MODELS))


def test_another_seed_is_another_year_and_a_large_seed_is_welcome(company):
    other = Company(seed=2**63)
    for model in MODELS:
        assert not other.batch(model, 40).equals(company.batch(model, 40))


def test_weeks_start_on_mondays_and_ids_rise_without_repeating(company, years):
    for model in MODELS:
        inputs = years[model].inputs
        assert inputs["id"].is_monotonic_increasing and inputs["id"].is_unique
        assert inputs["date"].is_monotonic_increasing
        expected = (inputs["date"] - pd.Timestamp(company.start)).dt.days // 7 + 1
        assert (expected == inputs["week"]).all()


@pytest.mark.parametrize("model", MODELS)
def test_weekly_volumes_are_as_promised(company, model):
    counts = company.reference(model).inputs["week"].value_counts()
    usual = {"maintenance": 1500, "price": 1200, "warranty": 1800, "access": 800}[model]
    assert counts.mean() == pytest.approx(usual, rel=0.06)
    assert 0.03 < counts.std() / counts.mean() < 0.10
    assert set(counts.index) == set(REFERENCE)


@pytest.mark.parametrize("model", MODELS)
def test_batches_predictions_and_labels_have_the_documented_columns(company, model):
    keys = columns.names(columns.KEYS)
    reference = company.reference(model)
    assert list(reference.inputs) == keys + columns.names(columns.INPUTS[model])
    answers = columns.names((columns.VERSION, *columns.PREDICTIONS[model]))
    assert list(reference.predictions) == [*keys[:2], *answers]
    labels = columns.names((columns.KNOWN, *columns.LABELS[model]))
    assert list(reference.labels) == [*keys[:2], *labels]
    assert list(company.usage(model, 1)) == columns.names(columns.USAGE)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_values_stay_in_the_documented_ranges(model, seed):
    year = Company(seed, scenario=()).year(model)
    for column in columns.INPUTS[model]:
        agrees(column, year.inputs[column.name])
    for column in columns.PREDICTIONS[model]:
        agrees(column, year.predictions[column.name])
    for column in (columns.KNOWN, *columns.LABELS[model]):
        agrees(column, year.labels[column.name])
    usage = Company(seed).usage(model)
    for column in columns.USAGE:
        agrees(column, usage[column.name])


def agrees(column: columns.Column, values: pd.Series) -> None:
    assert values.isna().mean() == pytest.approx(column.nulls, abs=0.01), column.name
    if column.numeric:
        assert values.dropna().between(*column.values).all(), column.name
    elif column.values:
        assert set(values.dropna()) == set(column.values), column.name


@pytest.mark.parametrize("model", MODELS)
def test_no_label_is_known_before_its_time(years, company, model):
    labels, delay = years[model].labels, MODULES[model].DELAY
    assert (labels["known_week"] >= labels["week"] + delay).all()
    for week in (delay, 8, 20, 52):
        known = company.labels(model, known_by=week)
        assert (known["known_week"] <= week).all()
        expected = labels[labels["known_week"] <= week]
        assert len(known) == len(expected)
        assert list(known["id"]) == list(expected["id"])


def test_only_warranty_labels_are_partly_missing_and_those_of_cheap_claims_more(years):
    for model in ("maintenance", "price", "access"):
        assert len(years[model].labels) == len(years[model].inputs)
    inputs = years["warranty"].inputs
    labelled = inputs["id"].isin(years["warranty"].labels["id"])
    cheap = inputs["parts_cost_kr"] < 2_000
    assert 0.12 < 1 - labelled.mean() < 0.18
    assert labelled[cheap].mean() < labelled[~cheap].mean() - 0.08


def test_after_the_year_every_label_can_be_known(company, years):
    for model in MODELS:
        assert len(company.labels(model, known_by=70)) == len(years[model].labels)


def test_versions_change_with_releases_and_go_back_when_one_is_rolled_back(years):
    version = years["maintenance"].predictions.groupby("week")["version"].first()
    assert version[13] != version[14] == version[17] != version[18]
    assert version[18] == version[13]
    assert version.nunique() == 4  # two sound releases, one bad one


def test_requests_are_counted_by_day_and_caller(company):
    usage = company.usage("price", 10)
    assert len(usage) == 7 * 3
    assert usage["date"].min() == pd.Timestamp(2025, 3, 10)
    assert (usage["errors"] <= usage["requests"]).all()
    assert (usage["p50_ms"] < usage["p95_ms"]).all()
    assert len(company.usage("price")) == 52 * 7 * 3


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"seed": -1}, "seed is -1; give 0 or more"),
        ({"start": date(2025, 1, 7)}, "start is 2025-01-07; give the first Monday"),
        ({"scenario": "quiet"}, "scenario is 'quiet'; give 'story', 'drawn'"),
    ],
)
def test_a_year_that_cannot_be_is_refused(wrong, says):
    with pytest.raises(ValueError, match=says):
        Company(**wrong)


def test_an_unknown_model_or_week_is_refused(company):
    with pytest.raises(ValueError, match="model is 'prices'; give one of maintenance, price"):
        company.batch("prices", 1)
    with pytest.raises(ValueError, match="week is 53; give one between -52 and 52"):
        company.batch("price", 53)


def test_a_later_year_has_the_same_data_on_other_days(company):
    later = Company(start=date(2026, 1, 5)).batch("price", 9)
    same = company.batch("price", 9)
    pd.testing.assert_frame_equal(later.drop(columns="date"), same.drop(columns="date"))
    assert (later["date"] - same["date"] == pd.Timedelta(weeks=52)).all()


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    folder = tmp_path_factory.mktemp("drill")
    return Company(seed=987_654_321_987, scenario="drawn").export(folder)


def test_an_export_names_neither_incidents_nor_seed_nor_truth(exported):
    secrets = [b"987654321987", b"should_approve", b"incident", b"decoy", b"visible", b"truth"]
    secrets += [one.kind.encode() for one in STORY if one.kind not in ("heat", "growth")]
    secrets += [one.kind.replace("_", "-").encode() for one in STORY if "_" in one.kind]
    for path in exported.rglob("*.csv"):
        content = path.read_bytes().lower() + path.name.encode()
        assert not [secret for secret in secrets if secret in content], path.name


def test_an_export_holds_what_was_seen(exported):
    company = Company(seed=987_654_321_987, scenario="drawn")
    for model in MODELS:
        assert len(list((exported / "batches" / model).glob("week-*.csv"))) == 52
        read = pd.read_csv(exported / "batches" / model / "week-50.csv", parse_dates=["date"])
        seen = company.batch(model, 50)
        assert list(read) == list(seen)
        np.testing.assert_array_equal(
            read.select_dtypes("number"), seen.select_dtypes("number").to_numpy(float)
        )
        labels = pd.read_csv(exported / "labels" / f"{model}.csv")
        assert labels["known_week"].max() <= 52
        reference = exported / "reference" / "batches" / model
        assert len(list(reference.glob("week-minus-*.csv"))) == len(REFERENCE)
    assert (exported / "columns.csv").is_file()


def test_an_export_as_parquet_reads_back_as_it_was(company, tmp_path):
    folder = company.export(tmp_path, form="parquet")
    read = pd.read_parquet(folder / "batches" / "warranty" / "week-45.parquet")
    pd.testing.assert_frame_equal(read, company.batch("warranty", 45), check_categorical=False)
    assert "odometer_km" in read and "mileage_km" not in read


def test_an_export_in_an_unknown_form_is_refused(company, tmp_path):
    with pytest.raises(ValueError, match="form is 'xlsx'; give one of csv, parquet"):
        company.export(tmp_path, form="xlsx")


if __name__ == "__main__":  # store the checksums anew after a change that is meant
    story = Company()
    form = stored_form({model: story.year(model) for model in MODELS}, story.answer_key())
    STORED.write_text(json.dumps(form, indent=1) + "\n", encoding="utf-8")
