"""What differs from run to run gets a pseudonym when stored, and is not compared by nbval."""

import copy
import html
import re
import uuid

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nbval.plugin import get_sanitize_patterns
from test_verify import pytest_on

from labs.kit import material, rules
from labs.kit.execute import environment, execute, temporary_workspace
from labs.kit.normalise import dumps, normalise

NASTY = (
    "import html, os, random, sys, tempfile, time, uuid\n"
    "from pathlib import Path\n"
    "from IPython.display import HTML, display\n"
    "run, other = uuid.uuid4().hex, uuid.uuid4()\n"
    "print('runs', run, other, f'm-{run}', f'run_{other}')",
    "print(object(), print)\nobject()",
    "print(tempfile.mkdtemp(), tempfile.mkdtemp(prefix='bundle-') + '/model/MLmodel')",
    "from labs.kit.folders import lesson_folder\n"
    "folder = lesson_folder('welcome')\n"
    "print(f'sqlite:///{folder}/mlflow.db', folder, folder.parent, repr(folder))",
    "from mlflow.utils.name_utils import _generate_random_name\n"
    "random.seed(None)\n"
    "name = _generate_random_name()\n"
    "print('🏃 View run', name, 'and again', name)",
    "print(time.strftime('%Y/%m/%d %H:%M:%S'), 'INFO mlflow.tracking: began')",
    "now = time.time_ns() // 1_000_000\n"
    "print(f'<Run: start_time={now}, end_time={now + 5}>', {'timestamp': now})",
    "print(sys._getframe().f_code.co_filename)",
    "import pandas as pd\n"
    "table = pd.DataFrame({'run_id': [run, uuid.uuid4().hex], 'auc': [0.9, 0.8]})\n"
    "display(table)\ntable.style",
    "display(HTML(f'<p title=\"{run}\">{html.escape(repr(object()))} {folder}</p>'))",
    "display({'application/json': {'auc': 0.9}, 'text/plain': run}, raw=True)",
    "print(run, run)",
)


def notebook_of(*sources):
    new = nbformat.v4
    cells = [new.new_code_cell(text, id=f"cell-{i}") for i, text in enumerate(sources, 1)]
    return new.new_notebook(cells=cells)


def executed():
    with temporary_workspace() as folder:
        return execute(notebook_of(*NASTY), "nasty", environment(folder))


@pytest.fixture(scope="module")
def raw():
    return executed()


@pytest.fixture(scope="module")
def stored(raw):
    return dumps(normalise(copy.deepcopy(raw)))


def test_a_nasty_notebook_leaves_the_same_bytes_twice(stored):
    assert dumps(normalise(executed())) == stored


def test_each_rule_shows_in_the_nasty_notebook(raw, stored):
    """But one: what timeit says takes seconds to get."""
    for rule in rules.table():
        known = rule.pseudonym(1)
        assert known in stored or rule.name == "duration", rule.name
        assert known not in dumps(raw)
        assert html.escape(known) == known


def test_equal_values_have_equal_pseudonyms(stored):
    cells = nbformat.reads(stored, 4).cells
    assert cells[-1].outputs[0].text == "⟨random-id-1⟩ ⟨random-id-1⟩\n"
    first = "runs ⟨random-id-1⟩ ⟨random-id-2⟩ m-⟨random-id-1⟩ run_⟨random-id-2⟩\n"
    assert cells[0].outputs[0].text == first
    where = "sqlite:///⟨lesson-folder-1⟩/mlflow.db ⟨lesson-folder-1⟩ ⟨workspace-1⟩/.labs/lessons"
    assert cells[3].outputs[0].text.startswith(where)


def test_nbval_accepts_stored_pseudonyms_and_still_sees_a_change(stored, tmp_path):
    (tmp_path / "faithful.ipynb").write_text(stored, encoding="utf-8")
    changed = stored.replace("⟩/model", "⟩/models")
    (tmp_path / "drifted.ipynb").write_text(changed, encoding="utf-8")
    done, report = pytest_on(tmp_path)
    assert report["faithful"]["nbval"] == "passed", done.stdout
    assert report["drifted"]["first_failure"].endswith("drifted.ipynb::Cell 2"), done.stdout
    assert "1 failed" in done.stdout


RUN = "0123456789ab4def89abcdef01234567"


@pytest.mark.parametrize(
    "content",
    [
        "a" * 16 + "0" * 48,  # SHA-256
        "models@sha256:0123456789abcdef01",
        "d41d8cd98f00b204e9800998ecf8427e",  # MD5 of nothing
        f"{RUN}{RUN}",
        str(uuid.uuid5(uuid.NAMESPACE_DNS, "example.org")),  # made from a name
        "2026-11-21T10:11:12",
        "2026/11/21",
        "2026/11/21 10:11:12 is when it broke",
        "setting HOME = /tmp",
        "/srv/registry and /tmp/models",
        "every 2 s; 15.3 ms a call",
        "0xff0000",
        "1763716272123 rows",
        "machine-failure-12, welcome-lesson-1, able-seaman-3",
        "https://example.org/labs/lessons",
        "T_1 and T_abcde",
    ],
)
def test_content_is_left_alone(content):
    notebook = with_text(content)
    assert rules.pseudonyms(notebook).cells[0].outputs[0].text == content


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("1.23 ms ± 45.6 µs per loop (mean ± std. dev. of 7 runs, 1,000 loops each)", "⟨duration⟩"),
        (r"C:\Users\ada\AppData\Local\Temp\ipykernel_12\3456.py", "C:⟨cell-file-1⟩"),
        (r"'C:\\Users\\ada\\AppData\\Local\\Temp\\tmpab12cd34'", "'C:⟨temporary-path-1⟩'"),
        ("/private/var/folders/x1/y_2/T/tmpab12cd34.csv", "⟨temporary-path-1⟩.csv"),
        ("/home/ada/course/.labs/state", "⟨workspace-1⟩/.labs/state"),
        (f"tr-{RUN} {RUN}", "⟨random-id-1⟩ ⟨random-id-2⟩"),
        ("able-ant-7 able-ant-8 able-ant-7", "⟨run-name-1⟩ ⟨run-name-2⟩ ⟨run-name-1⟩"),
        ("<A at 0x00000001F3A2B4C8>", "<A at ⟨address⟩>"),
    ],
)
def test_noise_of_other_machines_has_its_pseudonym(text, stored):
    assert rules.pseudonyms(with_text(text)).cells[0].outputs[0].text == stored


def with_text(*texts):
    notebook = notebook_of("x")
    output = [nbformat.v4.new_output("stream", name="stdout", text=text) for text in texts]
    notebook.cells[0].outputs = output
    return notebook


def test_sources_and_pictures_are_left_alone():
    notebook = notebook_of(f"print('{RUN}')")
    page = f'<img src="data:image/png;base64,//{RUN}//"> {RUN}'
    data = {"text/html": page, "image/png": RUN, "application/json": {"run": RUN}}
    notebook.cells[0].outputs = [nbformat.v4.new_output("display_data", data=dict(data))]
    (cell,) = rules.pseudonyms(notebook).cells
    changed = {"text/html": page.replace(f" {RUN}", " ⟨random-id-1⟩")}
    assert cell.source == f"print('{RUN}')" and cell.outputs[0].data == data | changed


NOISE = [
    *(RUN, f"tr-{RUN}", "0f8fad5b-d9cb-469f-a165-70867728950e", "able-ant-7", "zealous-wren-77"),
    *("/tmp/tmpab12cd34", "/tmp/x-ab12cd34", "/a/b/.labs/lessons/one/run-ab12cd34", "/a/.labs"),
    *("/tmp/ipykernel_12/34.py", "at 0x7f0123456789", "start_time=1763716272123", '"T_ab12c"'),
    *("2026/11/21 10:11:12 INFO ", "⟨random-id-4⟩", "⟨address⟩", "⟨workspace-2⟩", '"T_00007"'),
]
SEPARATORS = [*"-/_.a0<:⟨⟩\\ \n", "", "//", "base64,"]
TEXTS = st.lists(st.sampled_from(NOISE + SEPARATORS), max_size=12).map("".join)


def sanitised(text):
    """What nbval makes of `text`, with its own reader of the file."""
    for pattern, constant in get_sanitize_patterns(rules.sanitising()):
        text = re.sub(pattern, constant, text)
    return text


@given(st.lists(TEXTS, min_size=1, max_size=3))
def test_pseudonyms_of_pseudonyms_are_the_same(texts):
    once = rules.pseudonyms(with_text(*texts))
    assert rules.pseudonyms(copy.deepcopy(once)) == once


@given(st.lists(st.tuples(st.sampled_from(NOISE), st.sampled_from([" ", "\n", ", "])), max_size=9))
def test_stored_and_fresh_meet_in_nbval(pieces):
    text = "".join(value + separator for value, separator in pieces)
    stored = rules.pseudonyms(with_text(text)).cells[0].outputs[0].text
    assert sanitised(stored) == sanitised(text)


def test_the_file_for_nbval_is_ascii_and_whole():
    *pairs, last = get_sanitize_patterns(rules.sanitising())
    assert rules.sanitising().isascii()
    assert [constant for _, constant in pairs] == [f"<{rule.name}>" for rule in rules.table()]
    assert last[1] == r"<\1>"


def test_every_name_that_mlflow_draws_is_known():
    from mlflow.utils.name_utils import _generate_random_name

    for _ in range(300):
        text = rules.pseudonyms(with_text(_generate_random_name())).cells[0].outputs[0].text
        assert text == "⟨run-name-1⟩"


def test_authors_can_read_each_rule_in_the_book():
    page = (material.root() / "book" / "write-a-lesson.md").read_text(encoding="utf-8")
    table = page.split("| Stored | because |\n|---|---|\n")[1].split("\n\n")[0]
    rows = [f"| `{rule.pseudonym(1)}` | {rule.why} |" for rule in rules.table()]
    assert table.splitlines() == rows
