"""A pytest plugin: each lesson in a workspace of its own, and a table at the end.

nbval runs a notebook as one pytest item for each cell; papermill runs it as one
test that carries the marker `lesson`. This plugin gives every nbval kernel a
fresh workspace and the fixed environment, starts it cold where that was asked
for, sums up both runs of each lesson, and leaves the report that
`labs.kit.verify` reads.
"""

import json
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from labs.kit import rules
from labs.kit.conditions import environment
from labs.kit.record import COLD, REPORT
from labs.kit.warm import policy


def pytest_configure(config):
    """Register the marker and, in the controlling process, the collector of results."""
    config.addinivalue_line("markers", "lesson(slug, runner): one run of this lesson")
    _hear_ctrl_c()
    if getattr(config.option, "nbval", False):
        from labs.kit import nbval_kernel

        nbval_kernel.install()
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Results(), "labs-results")
    _sanitise(config)


def _hear_ctrl_c() -> None:
    """A script's background job ignores Ctrl-C, and so would all that a test starts and stops."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _sanitise(config) -> None:
    """Let nbval see a fresh id and a stored pseudonym as equal; xdist's workers inherit this."""
    option = config.option
    given = getattr(option, "nbval_sanitize_with", None) or getattr(option, "sanitize_with", None)
    if not getattr(option, "nbval", False) or given:
        return
    file, option.nbval_sanitize_with = tempfile.mkstemp(prefix="mlops-labs-", suffix=".ini")
    with open(file, "w", encoding="ascii") as stream:
        stream.write(rules.sanitising())
    config.add_cleanup(lambda: Path(option.nbval_sanitize_with).unlink(missing_ok=True))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Spread by file, but for the lessons under papermill."""
    if config.getoption("dist") == "loadfile":
        from labs.kit.spread import LessonsApart

        return LessonsApart(config, log)
    return None


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item):
    """Before the first cell of a notebook, put its kernel-to-be into a fresh workspace."""
    if _is_cell(item) and not hasattr(item.parent, "labs_workspace"):
        item.parent.labs_workspace = Path(tempfile.mkdtemp(prefix="mlops-labs-"))
        _forget_mlflow()
        os.environ.update(environment(item.parent.labs_workspace))
        if _is_to_be_cold(item):
            with _cold():
                return (yield)
    elif item.get_closest_marker("lesson"):
        _forget_mlflow()
    return (yield)


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item, nextitem):
    """After the last cell, remove that workspace."""
    if _is_cell(item) and (nextitem is None or nextitem.parent is not item.parent):
        shutil.rmtree(item.parent.labs_workspace, ignore_errors=True)


def _slug(path: Path) -> str:
    """The lesson or exercise of a notebook: exercises/SLUG/solution.ipynb has it in its folder."""
    return path.parent.name if path.stem == "solution" else path.stem


def _forget_mlflow() -> None:
    """Drop what MLflow left in the environment in an earlier test: a lesson begins without."""
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_ID", "MLFLOW_RUN_ID"):
        os.environ.pop(name, None)


def _is_cell(item) -> bool:
    return type(item.parent).__name__ == "IPyNbFile"


def _is_to_be_cold(item) -> bool:
    return _slug(item.path) in os.environ.get(COLD, "").split()


@contextmanager
def _cold() -> Iterator[None]:
    """Kernels that the block starts are cold; those that live, and later ones, stay as they are."""
    before = os.environ.get(policy.KERNELS, "")
    os.environ[policy.KERNELS] = "cold"
    try:
        yield
    finally:
        os.environ[policy.KERNELS] = before


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Let each report say which lesson it belongs to and what it is a run of."""
    report = (yield).get_result()
    marker = item.get_closest_marker("lesson")
    if marker:
        runs = [marker.kwargs.get("runner", "papermill")]
        report.user_properties.append(("lesson", (marker.args[0], runs)))
    elif _is_cell(item):
        runs = ["nbval", "cold"] if _is_to_be_cold(item) else ["nbval"]
        report.user_properties.append(("lesson", (_slug(item.path), runs)))
        if call.when == "call":  # before it, the kernel starts
            cell = item.cell.get("id", str(item.cell_num))
            report.user_properties.append(("cell", (_slug(item.path), cell)))


class Results:
    """Sums up seconds and outcomes for each lesson and runner, and nbval's seconds by cell."""

    def __init__(self):
        self.lessons: dict[str, dict] = {}

    def pytest_runtest_logreport(self, report):
        """Add one report (setup, call or teardown) to its lesson."""
        for name, value in report.user_properties:
            if name == "lesson":
                self.add(*value, report)
            elif name == "cell":
                slug, cell = value
                self.lessons[slug].setdefault("cells", {})[cell] = report.duration

    def add(self, slug, runs, report):
        """Count the seconds; one failure anywhere makes the outcome of each of `runs` `failed`."""
        lesson = self.lessons.setdefault(slug, {"seconds": 0.0})
        lesson["seconds"] += report.duration
        if report.failed:
            lesson.update(dict.fromkeys(runs, "failed"))
            lesson.setdefault("first_failure", report.nodeid)
        elif report.when == "call":
            for run in runs:
                lesson.setdefault(run, report.outcome)

    def pytest_terminal_summary(self, terminalreporter):
        """Print the table of lessons."""
        if not self.lessons:
            return
        terminalreporter.section("lessons")
        width = max(map(len, self.lessons))
        runs = ("nbval", "papermill", "cold")
        heads = "  ".join(f"{run:9}" for run in runs)
        terminalreporter.line(f"{'lesson':{width}}  {heads}  seconds")
        for slug, lesson in sorted(self.lessons.items()):
            outcomes = "  ".join(f"{lesson.get(run, '-'):9}" for run in runs)
            terminalreporter.line(f"{slug:{width}}  {outcomes}  {lesson['seconds']:7.1f}")
        if started := policy.summary(Path(os.environ.get(policy.LOG, os.devnull))):
            terminalreporter.line(f"kernels: {started}")

    def pytest_sessionfinish(self):
        """Write the report where the environment asks for it."""
        if path := os.environ.get(REPORT):
            Path(path).write_text(json.dumps(self.lessons, indent=1), encoding="utf-8")
