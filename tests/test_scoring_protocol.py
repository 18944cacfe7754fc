"""Bodies in the scoring protocol are read, fitted to a signature, and answered as by pyfunc."""

import io
import json
import math

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.models import infer_signature
from mlflow.pyfunc.scoring_server import infer_and_parse_data, parse_csv_input
from mlflow.types import ColSpec, Schema
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from labs.company import maintenance
from labs.deployment import aliases, registry
from labs.deployment.answering import to_json
from labs.deployment.live import Version
from labs.deployment.payload import Refused, parse
from labs.deployment.validation import Inputs

DATA = maintenance.machines(seed=4, rows=400)
ROWS, FAILED = DATA[maintenance.READINGS], DATA[maintenance.LABEL]
NUMBERS = [name for name in maintenance.READINGS if name != "variant"]
WORDS = {"owner": "team", "intended_use": "tests", "dataset_name": "line 4", "name": "failures"}
COLUMNS = [
    ("torque", "double"),
    ("wear", "long"),
    ("cycles", "integer"),
    ("share", "float"),
    ("worn", "boolean"),
    ("variant", "string"),
    ("at", "datetime"),
    ("code", "binary"),
]
ROW = {
    "torque": 41.5,
    "wear": 7,
    "cycles": 3,
    "share": 0.5,
    "worn": True,
    "variant": "L",
    "at": "2026-11-21T08:00:00",
    "code": "AAE=",
}


def pipeline(model):
    return make_pipeline(
        make_column_transformer(
            (OneHotEncoder(handle_unknown="ignore"), ["variant"]), (StandardScaler(), NUMBERS)
        ),
        model,
    )


MODELS = {
    "classes": (pipeline(LogisticRegression()), FAILED, "predict"),
    "words": (pipeline(LogisticRegression()), FAILED.map({True: "fails", False: "ok"}), "predict"),
    "probabilities": (pipeline(LogisticRegression()), FAILED, "predict_proba"),
    "numbers": (pipeline(LinearRegression()), DATA["torque_nm"], "predict"),
    "forest": (pipeline(RandomForestClassifier(10, random_state=0)), FAILED, "predict_proba"),
    "boosting": (pipeline(HistGradientBoostingClassifier(max_iter=5)), FAILED, "predict_proba"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("protocol") / "registry"
    registry.open_registry(folder)
    return folder


@pytest.fixture(scope="module", params=MODELS)
def version(request, folder):
    model, target, predict = MODELS[request.param]
    logged = registry.log_model(
        model.fit(ROWS, target), data=ROWS, target=target, predict=predict, **WORDS
    )
    number = registry.register(logged, request.param).version
    place = aliases.model_folder(folder, request.param, str(number))
    return Version(request.param, str(number), place)


def bodies(rows):
    """The same rows in every kind of body."""
    split = json.loads(rows.to_json(orient="split", double_precision=15))
    records = json.loads(rows.to_json(orient="records", double_precision=15))
    contents = {
        "dataframe_split": split,
        "dataframe_records": records,
        "instances": records,
        "inputs": {name: [row[name] for row in records] for name in rows},
    }
    made = {key: (json.dumps({key: value}), "application/json") for key, value in contents.items()}
    return made | {"csv": (rows.to_csv(index=False), "text/csv; charset=utf-8")}


@pytest.mark.parametrize("kind", bodies(ROWS.head(2)))
@pytest.mark.parametrize("rows", [1, 50])
def test_every_model_answers_every_kind_of_body_as_pyfunc_does(version, kind, rows):
    table = ROWS.tail(rows)
    payload = parse(bodies(table)[kind][0].encode(), bodies(table)[kind][1])
    answers = version.predict(version.inputs.fitted(payload))
    np.testing.assert_array_equal(answers, version.model.predict(table))


@pytest.mark.parametrize("kind", bodies(ROWS.head(2)))
def test_mlflows_own_server_reads_the_same_bodies_alike(version, kind):
    body, media = bodies(ROWS.tail(20))[kind]
    schema = version.model.metadata.get_input_schema()
    if media.startswith("text/csv"):
        theirs = parse_csv_input(io.StringIO(body), schema)
    else:
        theirs = infer_and_parse_data(json.loads(body), schema)
    ours = version.predict(version.inputs.fitted(parse(body.encode(), media)))
    np.testing.assert_array_equal(ours, version.model.predict(theirs))


@pytest.fixture(scope="module")
def inputs():
    schema = Schema([ColSpec(kind, name) for name, kind in COLUMNS])
    return Inputs(mlflow.models.ModelSignature(inputs=schema))


def fitted(inputs, **changed):
    row = {name: value for name, value in {**ROW, **changed}.items() if value is not ...}
    return inputs.fitted(parse(json.dumps({"dataframe_records": [row]}).encode()))


def test_every_type_of_a_signature_becomes_its_numpy_type(inputs):
    found = {name: str(values.dtype) for name, values in fitted(inputs).items()}
    assert found == {
        "torque": "float64",
        "wear": "int64",
        "cycles": "int32",
        "share": "float32",
        "worn": "bool",
        "variant": "object",
        "at": "datetime64[ns]",
        "code": "object",
    }
    assert fitted(inputs)["code"][0] == b"\x00\x01"


def test_csv_cells_become_the_same_values_as_json(inputs):
    text = ",".join(ROW) + "\n" + ",".join(str(value) for value in ROW.values()) + "\n"
    from_csv = inputs.fitted(parse(text.encode(), "text/csv"))
    pd.testing.assert_frame_equal(inputs.table(from_csv), inputs.table(fitted(inputs)))


@pytest.mark.parametrize(
    ("column", "value", "becomes"),
    [("torque", 41, 41.0), ("wear", 7.0, 7), ("cycles", 3.0, 3), ("extra", [1], None)],
)
def test_what_differs_in_notation_only_is_accepted(inputs, column, value, becomes):
    assert fitted(inputs, **{column: value}).get(column, [None])[0] == becomes


@pytest.mark.parametrize("column", ["torque", "share", "variant", "at"])
def test_null_is_a_missing_value_where_the_type_has_one(inputs, column):
    assert inputs.table(fitted(inputs, **{column: None}))[column].isna().all()


def test_the_token_nan_is_a_missing_value_too(inputs):
    assert math.isnan(fitted(inputs, torque=math.nan)["torque"][0])


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("torque", ..., "the column 'torque' is missing"),
        ("torque", "41.5", "the column 'torque' must be a number; row 0 is text"),
        ("torque", True, "the column 'torque' must be a number; row 0 is true or false"),
        ("torque", [1.0], "the column 'torque' must be a number; row 0 is a list"),
        ("torque", 10**400, "the column 'torque' must be a number; row 0 is out of range"),
        ("share", 1e300, "the column 'share' must be a number; row 0 is out of range"),
        ("wear", 7.5, "the column 'wear' must be a whole number; row 0 is not"),
        ("wear", None, "the column 'wear' must be a whole number; row 0 is null"),
        ("wear", 2**63, "the column 'wear' must be a whole number; row 0 is out of range"),
        ("cycles", 2**31, "the column 'cycles' must be a whole number; row 0 is out of range"),
        ("worn", 1, "the column 'worn' must be true or false; row 0 is a number"),
        ("variant", 3, "the column 'variant' must be text; row 0 is a number"),
        ("variant", {"a": 1}, "the column 'variant' must be text; row 0 is an object"),
        ("at", "soon", "the column 'at' must be a time such as 2026-11-21T08:00:00; row 0 is text"),
        ("code", "###", "the column 'code' must be bytes in base64; row 0 is text"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_by_its_column_alone(inputs, column, value, said):
    with pytest.raises(Refused) as refused:
        fitted(inputs, **{column: value})
    assert (refused.value.status, refused.value.message) == (422, said)
    assert not [name for name, _ in COLUMNS if name != column and repr(name) in said]


def test_the_row_that_does_not_fit_is_named(inputs):
    body = {"inputs": {name: [value] * 3 for name, value in ROW.items()}}
    body["inputs"]["torque"][2] = "much"
    with pytest.raises(Refused, match="row 2 is text"):
        inputs.fitted(parse(json.dumps(body).encode()))


def test_a_csv_cell_that_does_not_fit_is_refused(inputs):
    text = ",".join(ROW) + "\n" + ",".join(str(v) for v in {**ROW, "wear": "7.5"}.values())
    with pytest.raises(Refused, match="'wear' must be a whole number; row 0 is not"):
        inputs.fitted(parse(text.encode(), "text/csv"))


@pytest.mark.parametrize(
    ("body", "media", "status", "said"),
    [
        (b"", "application/json", 400, "the body is not JSON"),
        (b"{", "application/json", 400, "the body is not JSON"),
        (b"[1]", "application/json", 400, "the JSON is not an object"),
        (b"{}", "application/json", 400, "none of the keys"),
        (b'{"inputs": {}, "instances": []}', "application/json", 400, "instances and inputs"),
        (b'{"instances": []}', "application/json", 400, "no rows"),
        (b'{"instances": [{}]}', "application/json", 400, "no rows"),
        (b'{"instances": [[1, 2]]}', "application/json", 400, "one object a row"),
        (b'{"instances": 5}', "application/json", 400, "one object a row"),
        (b'{"inputs": 5}', "application/json", 400, "one list a column"),
        (b'{"inputs": {"a": [1], "b": [1, 2]}}', "application/json", 400, "different lengths"),
        (b'{"dataframe_split": {"columns": ["a"]}}', "application/json", 400, '"data"'),
        (
            b'{"dataframe_split": {"columns": ["a", "a"], "data": []}}',
            "",
            400,
            "'a' is there twice",
        ),
        (b'{"dataframe_split": {"columns": ["a"], "data": [[1, 2]]}}', "", 400, "row 0 is not a"),
        (b'{"instances": [{"a": 1}], "params": {"x": 1}}', "", 400, "has params"),
        (b"[" * 100_000, "application/json", 400, "nested too deeply"),
        (b'{"instances": ' + b"[" * 100_000, "application/json", 400, "nested too deeply"),
        (b"\xff\xfe\x00", "application/json", 400, "not UTF-8"),
        (bytes(range(256)), "text/csv", 400, "not UTF-8"),
        (b"", "text/csv", 400, "the CSV is empty"),
        (b"a,b", "text/csv", 400, "no rows"),
        (b"a,a\n1,2", "text/csv", 400, "'a' is there twice"),
        (b"a,b\n1", "text/csv", 400, "row 0 has 1 cells, not 2"),
        (b'a,b\n"1,2', "text/csv", 400, "not CSV"),
        (b"a", "image/png", 415, "'image/png' is not known"),
        (b"a", "text/csv; charset=latin-1", 415, "send UTF-8"),
    ],
)
def test_a_body_outside_the_protocol_is_refused(body, media, status, said):
    with pytest.raises(Refused) as refused:
        parse(body, media)
    assert refused.value.status == status
    assert said in refused.value.message


@pytest.mark.parametrize(
    "signature",
    [None, infer_signature(ROWS[NUMBERS].to_numpy()), infer_signature({"a": [[1, 2], [3, 4]]})],
    ids=["none", "tensor", "lists"],
)
def test_a_signature_without_columns_of_values_is_told(signature):
    with pytest.raises(ValueError, match=r"signature has no named columns|type that cannot be"):
        Inputs(signature)


@pytest.mark.parametrize(
    ("answers", "written"),
    [
        (np.array([True, False]), [True, False]),
        (np.array([1.5, np.nan, np.inf]), [1.5, None, None]),
        (np.array([[0.25, 0.75]]), [[0.25, 0.75]]),
        (np.array(["fails"], dtype=object), ["fails"]),
        (pd.DataFrame({"risk": [0.5, np.nan]}), [{"risk": 0.5}, {"risk": None}]),
        (pd.Series([1], name="risk"), [{"risk": 1}]),
        ([np.float64(0.5), np.int64(2)], [0.5, 2]),
        ([pd.Timestamp("2026-11-21")], ["2026-11-21T00:00:00"]),
    ],
)
def test_answers_of_every_kind_become_json_that_any_reader_accepts(answers, written):
    text = to_json(answers).decode()
    assert json.loads(text, parse_constant=pytest.fail) == {"predictions": written}
