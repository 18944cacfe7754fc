"""A pytest plugin: each lesson in a workspace of its own, and a table at the end.

nbval runs a notebook as one pytest item for each cell; papermill runs it as one
test that carries the marker `lesson`. This plugin gives every nbval kernel a
fresh workspace and the fixed environment, sums up both for each lesson, and
leaves the report that `labs.kit.verify` reads.
"""

import json
import os
import shutil
import tempfile
from pathlib import Path

import pytest

from labs.kit import rules
from labs.kit.conditions import environment
from labs.kit.record import REPORT
from labs.kit.warm import policy


def pytest_configure(config):
    """Register the marker and, in the controlling process, the collector of results."""
    config.addinivalue_line("markers", "lesson(slug, runner): one run of this lesson")
    if getattr(config.option, "nbval", False):
        from labs.kit import nbval_kernel

        nbval_kernel.install()
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Results(), "labs-results")
    _sanitise(config)


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


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    """Before the first cell of a notebook, put its kernel-to-be into a fresh workspace."""
    if _is_cell(item) and not hasattr(item.parent, "labs_workspace"):
        item.parent.labs_workspace = Path(tempfile.mkdtemp(prefix="mlops-labs-"))
        _forget_mlflow()
        os.environ.update(environment(item.parent.labs_workspace))
    elif item.get_closest_marker("lesson"):
        _forget_mlflow()


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


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Let each report say which lesson it belongs to and how it was run."""
    report = (yield).get_result()
    marker = item.get_closest_marker("lesson")
    if marker:
        runner = marker.kwargs.get("runner", "papermill")
        report.user_properties.append(("lesson", (marker.args[0], runner)))
    elif _is_cell(item):
        report.user_properties.append(("lesson", (_slug(item.path), "nbval")))


class Results:
    """Sums up seconds and outcomes for each lesson and runner."""

    def __init__(self):
        self.lessons: dict[str, dict] = {}

    def pytest_runtest_logreport(self, report):
        """Add one report (setup, call or teardown) to its lesson."""
        for name, value in report.user_properties:
            if name == "lesson":
                self.add(*value, report)

    def add(self, slug, runner, report):
        """Count the seconds; one failure anywhere makes the runner's outcome `failed`."""
        lesson = self.lessons.setdefault(slug, {"seconds": 0.0})
        lesson["seconds"] += report.duration
        if report.failed:
            lesson[runner] = "failed"
            lesson.setdefault("first_failure", report.nodeid)
        elif report.when == "call":
            lesson.setdefault(runner, report.outcome)

    def pytest_terminal_summary(self, terminalreporter):
        """Print the table of lessons."""
        if not self.lessons:
            return
        terminalreporter.section("lessons")
        width = max(map(len, self.lessons))
        runners = ("nbval", "papermill", "cold")
        heads = "  ".join(f"{runner:9}" for runner in runners)
        terminalreporter.line(f"{'lesson':{width}}  {heads}  seconds")
        for slug, lesson in sorted(self.lessons.items()):
            outcomes = "  ".join(f"{lesson.get(runner, '-'):9}" for runner in runners)
            terminalreporter.line(f"{slug:{width}}  {outcomes}  {lesson['seconds']:7.1f}")
        if started := policy.summary(Path(os.environ.get(policy.LOG, os.devnull))):
            terminalreporter.line(f"kernels: {started}")

    def pytest_sessionfinish(self):
        """Write the report where the environment asks for it."""
        if path := os.environ.get(REPORT):
            Path(path).write_text(json.dumps(self.lessons, indent=1), encoding="utf-8")
