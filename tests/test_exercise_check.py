"""`check` in a notebook: a real kernel, and every kind of answer that a learner may leave in it."""

import re

import nbconvert
import nbformat
import pytest
from browser import browser, watched  # noqa: F401  a fixture
from example_exercises import solution, write
from warm import Kernel

from labs.kit.errors import UserError
from labs.kit.execute import environment, execute
from labs.kit.exercise import shell
from labs.kit.exercise.stub import solved, stub
from labs.kit.normalise import dumps, normalise

SLUG = "measure-a-shift"
ASK = f'check("{SLUG}")'
RIGHT = "def shift(before, after):\n    return abs(after.mean() - before.mean()) / before.std()"
BODY = "def shift(before, after):\n    {}\n    return 2.0"
FULL = "Measure a shift: 2 of 2 points\n✓ A move of two standard deviations is 2 (2 of 2 points)"


@pytest.fixture(scope="module")
def material(tmp_path_factory):
    return write(tmp_path_factory.mktemp("kit"), SLUG)


class Notebook:
    """An open notebook with the exercise in it."""

    def __init__(self, material, workspace):
        self.env = {**environment(workspace), "LABS_MATERIAL": str(material)}
        self.begin()

    def begin(self):
        import os

        self.kernel = Kernel(env={**os.environ, **self.env})
        self.cell("import numpy as np\nfrom labs.kit.exercise import check, hint")
        self.cell("from labs.kit.exercise import judge as _judge\n_judge.SECONDS = 0.5")

    def cell(self, source):
        """What a cell shows: one output after the other, as text."""
        return "\n".join(self.outputs(source, "text/plain"))

    def outputs(self, source, kind):
        heard = []
        self.reply = self.kernel.reply(source, heard.append)
        return [_shown(one["content"], kind) for one in heard if _is_output(one)]

    def check(self, answer):
        """The report after a cell with `answer`, which starts without an earlier one."""
        self.cell("shift = ...")
        self.cell(answer)
        return self.cell(ASK)


def _is_output(message):
    return message["msg_type"] in ("stream", "display_data", "execute_result", "error")


def _shown(content, kind):
    return content.get("text") or content.get("data", {}).get(kind, "") or content.get("evalue", "")


@pytest.fixture(scope="module")
def notebook(material, tmp_path_factory):
    opened = Notebook(material, tmp_path_factory.mktemp("workspace"))
    yield opened
    opened.kernel.end()


def test_a_right_answer_gets_its_points_and_hears_what_is_judged_later(notebook):
    said = notebook.check(RIGHT)
    assert said.startswith(FULL)
    assert "1 further check run at grading; a person reads one answer." in said.replace(
        "runs", "run"
    )
    assert "because" not in said


def test_a_wrong_answer_reads_call_result_expectation_and_reason(notebook):
    said = notebook.check("def shift(before, after):\n    return after.mean() - before.mean()")
    assert "Measure a shift: 0 of 2 points\n✗ A move of two" in said
    assert re.search(
        r"called +shift\(\[-1\.49738, .*\(500\), \[.*\(500\)\)\n +came back \d\.\d+", said
    )
    assert "expected  abs(shift(before, before + 2 * before.std()) - 2) < 1e-09" in said
    assert "because   each value moved by two" in said
    assert f"For a hint: labs hint {SLUG}" in said


def test_a_missing_answer_says_what_to_do(notebook):
    notebook.cell("del shift") if "shift" in notebook.cell("dir()") else None
    said = notebook.cell(ASK)
    assert "because   `shift` is not there yet: write the answer, and run its cell" in said


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("raise KeyError('sigma')", "because   the answer raised KeyError: 'sigma'"),
        ("return undefined", "the answer raised NameError: name 'undefined' is not defined"),
        ("return shift(before, after)", "the answer raised RecursionError: maximum recursion"),
        ("assert before is None, 'mine'", "the answer raised AssertionError: mine"),
        ("return None", "because   nothing came back; a function gives its result with `return`"),
        ("return 'two'", "because   what came back cannot be used here (TypeError: unsupported"),
        ("return before", "because   what came back cannot be used here (ValueError: The truth"),
        ("raise SystemExit(3)", "because   the answer raised SystemExit: 3"),
        ("exit()", "because   the answer raised SystemExit"),
        ("quit()", "because   the answer raised SystemExit"),
        ("import sys; sys.exit()", "because   the answer raised SystemExit"),
        ("raise type('Odd', (Exception,), {'__str__': lambda self: 1})", "answer raised Odd"),
    ],
)
def test_an_answer_that_fails_says_how(notebook, line, said):
    report = notebook.check(BODY.format(line))
    assert said in report and "0 of 2 points" in report
    assert notebook.check(RIGHT).startswith(FULL), "and the kernel lives on"


@pytest.mark.parametrize(
    "lines",
    [
        "while True: pass",
        "import time; time.sleep(60)",
        "while True:\n        try: pass\n        except (Exception, KeyboardInterrupt): pass",
        "while True:\n        try: pass\n        except: pass",
        "import time\n    while True:\n        try: time.sleep(9)\n        finally: continue",
    ],
)
def test_an_answer_that_never_ends_is_stopped(notebook, lines):
    said = notebook.check(BODY.format(lines))
    assert "because   it did not end within 0.5 seconds" in said
    assert notebook.check(RIGHT).startswith(FULL)


def test_megabytes_of_output_do_not_flood_the_notebook(notebook):
    said = notebook.check("def shift(before, after):\n    print('x' * 5_000_000)\n    return 0")
    assert len(said) < 3000 and "and 4,990,001 characters more" in said
    assert "because   each value moved by two" in said


@pytest.mark.parametrize(
    "line",
    [
        "import warnings; warnings.warn('careful')",
        "import logging; logging.warning('careful')",
        "import sys; print('careful', file=sys.stderr)",
        "import tqdm; list(tqdm.tqdm(range(3)))",
        "import os; os.write(2, b'careful')",
        "import sys; sys.stdout.close(); sys.stderr.close()",
        "print('\\x1b[31mcareful\\x1b[0m')",
    ],
)
def test_what_goes_to_stderr_or_stdout_never_fails_a_check(notebook, line):
    answer = BODY.format(line).replace("2.0", RIGHT.partition("return ")[2])
    assert notebook.check(answer).startswith(FULL)


SHADOWS = """
numpy = np = json = html = display = manifest = material = notebook = None
abs = len = print = isinstance = open = sum = lambda *given: 1 / 0
Exception = AssertionError = str = int
__name__ = "mine"
"""


def test_names_of_the_learners_own_do_no_harm(material, tmp_path):
    mine = answered(RIGHT.replace("abs(after.mean() - before.mean())", "(after - before).mean()"))
    by_id(mine, "answer-shift").source += SHADOWS
    assert ran(mine, material, tmp_path).startswith(FULL)


def test_a_cell_that_shadows_check_says_so_once(notebook):
    said = notebook.cell("def check(data):\n    return True")
    assert "This cell gives `check` another meaning" in said
    assert "from labs.kit.exercise import check" in said
    assert "another meaning" not in notebook.cell("1 + 1")
    notebook.cell("from labs.kit.exercise import check")
    assert notebook.check(RIGHT).startswith(FULL)


LYING = """
class Lies(float):
    def __eq__(self, other): return True
    __lt__ = __gt__ = __le__ = __ge__ = __ne__ = __eq__
    def __sub__(self, other): return self
    def __abs__(self): return self
    def __repr__(self): raise RuntimeError("no")
    def __getattr__(self, name): raise RuntimeError("no")
    shape = property(lambda self: 1 / 0)
"""


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("Lies(2)", "✓"),
        ("Shy()", "came back a Shy that cannot be shown (RuntimeError)"),
        ("Liar()", "came back a Liar that cannot be shown (ZeroDivisionError)"),
        ("print", "came back <built-in function print>"),
        ("lambda: 0", "came back <function shift.<locals>.<lambda>>"),
        ("object()", "came back <object object>"),
        ("list(range(10**5))", "came back [0, 1, 2, ...] (100,000)"),
        (
            "[[1.0] * 3, (1, None), {'a': np.int64(2)}]",
            "came back [[1, 1, 1], (1, None), {'a': 2}]",
        ),
        ("'y' * 10**7", "came back 'yyyyy"),
        ("np.float64(1 / 3)", "came back 0.333333\n"),
        ("(np.int64(3), np.float32(0.5), 1234567.0)", "came back (3, 0.5, 1234567.0)"),
        ("np.array([1.5, 2])", "came back [1.5, 2]"),
        ("pd.Series([1, 2, 3])", "came back [1, 2, 3]"),
        ("pd.DataFrame({'km': range(9), 'sold': 1})", "a table of 9 rows: km, sold"),
    ],
)
def test_what_came_back_is_shown_whatever_it_is(notebook, value, shown):
    shy = "class Shy:\n    def __repr__(self): raise RuntimeError\n"
    liar = "class Liar:\n    shape = property(lambda self: 1 / 0)\n"
    head = f"import pandas as pd\n{LYING}\n{shy}\n{liar}"
    said = notebook.check(f"{head}\ndef shift(before, after):\n    return {value}")
    assert shown in said and len(said) < 2500
    assert "0x" not in said


def test_html_in_an_answer_is_shown_not_obeyed(notebook):
    notebook.cell(
        "def shift(before, after):\n    print('<b>')\n    return '<script>alert(1)</script>'"
    )
    (said,) = notebook.outputs(ASK, "text/html")
    assert "<script>" not in said and "&lt;script&gt;alert(1)" in said
    assert "<b>Measure a shift</b>" in said and "<code" in said and "&lt;b&gt;" in said


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_report_fits_a_laptops_screen(notebook, browser, theme):  # noqa: F811
    notebook.cell(BODY.format("print('p' * 500); raise ValueError('m' * 500)"))
    (said,) = notebook.outputs(ASK, "text/html")
    cell = nbformat.v4.new_code_cell(ASK)
    cell.outputs = [nbformat.v4.new_output("display_data", {"text/html": said})]
    page_of = nbconvert.HTMLExporter(theme=theme)
    body, _ = page_of.from_notebook_node(nbformat.v4.new_notebook(cells=[cell]))
    with watched(browser, viewport={"width": 1366, "height": 768}) as seen:
        seen.page.set_content(body, wait_until="domcontentloaded")
        shown = seen.page.locator(".jp-RenderedHTML")
        assert shown.evaluate("it => it.scrollWidth <= it.clientWidth")
        assert seen.page.evaluate("document.documentElement.scrollWidth") <= 1366
        text = shown.inner_text()
        assert "✗ A move of two" in text and "came back" in text, "it reads without colours"


@pytest.mark.parametrize("answer", [RIGHT, BODY.format("return object()"), BODY.format("1 / 0")])
def test_the_same_answer_gives_the_same_text(notebook, answer):
    assert notebook.check(answer) == notebook.check(answer)


def test_hints_are_a_ladder_whose_last_step_stays(notebook):
    heads = [notebook.cell(f'hint("{SLUG}")').partition(":")[0] for _ in range(4)]
    assert heads == ["Hint 1 of 3", "Hint 2 of 3", "Hint 3 of 3", "Hint 3 of 3"]


def test_an_unknown_exercise_is_a_sentence(notebook):
    said = notebook.cell('check("measure-a-shif")')
    assert "did you mean 'measure-a-shift'" in said and notebook.reply["status"] == "ok"


def test_a_value_that_is_an_answer_is_shown_by_its_name(notebook):
    said = notebook.check("shift = 3")
    assert "answer    shift = 3" in said and "called" not in said


def by_id(notebook, place):
    return next(cell for cell in notebook.cells if cell.id == place)


def answered(text):
    """The stub with an answer in it."""
    mine = stub(solution())
    by_id(mine, "answer-shift").source = text
    return mine


def ran(notebook, material, workspace):
    """What the check cell of the whole notebook shows, run from the top."""
    env = {**environment(workspace), "LABS_MATERIAL": str(material)}
    execute(notebook, SLUG, env)
    return by_id(notebook, "check").outputs[-1].data["text/plain"]


def test_a_solution_stores_the_same_report_every_time(material, tmp_path):
    first, second = solved(solution()), solved(solution())
    for notebook in (first, second):
        assert ran(notebook, material, tmp_path).startswith(FULL)
        normalise(notebook)
    assert dumps(first) == dumps(second)


def test_the_stub_as_it_is_given_runs_to_its_end(material, tmp_path):
    said = ran(stub(solution()), material, tmp_path)
    assert "0 of 2 points" in said and "nothing came back" in said


def test_an_answer_that_takes_the_kernel_down_is_named(material, tmp_path):
    with pytest.raises(UserError, match=r"cell 8 \(answer-shift\) took the kernel down"):
        ran(answered("import os\nos._exit(3)"), material, tmp_path)


def test_a_report_that_cannot_come_is_a_sentence():
    notebook = shell.runnable(stub(solution()), SLUG)
    with pytest.raises(UserError, match=r"could not run \(nothing came back"):
        shell._said(notebook)
