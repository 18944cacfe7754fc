"""`labs test`: unit tests, nbval and papermill over every lesson, and a record of it."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from contextlib import nullcontext
from pathlib import Path

from labs.kit import ahead, freshness, manifest, material, record
from labs.kit.conditions import CELL_SECONDS, environment
from labs.kit.errors import UserError
from labs.kit.warm import policy
from labs.kit.warm.use import kernels, test_server

RELEASE = "LABS_RELEASE"  # environment variable: papermill runs the release parameters too
# Runs of single lessons load the plugins that they name; a fork has imported them before.
QUIET = ("--disable-plugin-autoload", "-W", "ignore:Module already imported")


def run(
    slugs: list[str],
    release: bool = False,
    extra: list[str] | None = None,
    cold: bool = False,
    changed: bool = False,
) -> int:
    """Run the tests of the whole kit, or of the lessons `slugs` only; pytest's exit code.

    What no cold kernel has passed as it is now runs in one under nbval. `release` runs
    papermill's further parameter sets as well, and each lesson once more, cold, byte for
    byte; `cold` starts every kernel the usual way, `changed` chooses the lessons that have
    not passed as they are now, all warm; `extra` goes to pytest. The outcome is recorded.
    """
    _require_test_tools()
    course = manifest.read()
    lessons = [course.notebook(slug) for slug in slugs]
    states = freshness.states(lessons or course.notebooks)
    if changed:
        passed = record.passed(states)
        lessons = [lesson for lesson in lessons or course.notebooks if lesson.slug not in passed]
        if not lessons:
            print("Every lesson has passed as it is now. To run them all: labs test")
            return 0
        print(f"Changed: {', '.join(lesson.slug for lesson in lessons)}", flush=True)
    proven = set() if cold else record.passed_cold(states)
    unproven = [one.slug for one in lessons or course.notebooks if one.slug not in proven]
    asked = {RELEASE: "1" if release else "", record.COLD: "" if changed else " ".join(unproven)}
    code = _tested(lessons, asked, states, extra or [], cold)
    if changed and not code:
        print("Before a release, or in CI, labs test runs what is new in a cold kernel.")
    return code


def _tested(lessons: list, asked: dict, states: dict, extra: list[str], cold: bool) -> int:
    """Run pytest with its kernels and its server, and record what it reports."""
    with tempfile.TemporaryDirectory(prefix="mlops-labs-") as name:
        folder = Path(name)
        report, log = folder / "report.json", folder / "kernels.log"
        env = {**os.environ, **asked, record.REPORT: str(report), policy.LOG: str(log)}
        fixed = {**os.environ, **environment(folder)}
        with kernels(fixed, cold, stays=_may_stay(lessons)) as chosen:
            arguments, env = _arguments(lessons), {**env, **chosen}
            if len(lessons) == 1:
                code = _run_one(arguments, extra, env)
            else:
                code = _run(arguments + extra, env)
        if report.is_file():
            record.add(json.loads(report.read_text(encoding="utf-8")), states)
    return code


def _may_stay(lessons: list) -> bool:
    """Whether to leave a fork server behind: authors run a lesson again, CI does not."""
    return bool(lessons) and not policy.must_be_warm()


def _run_one(arguments: list[str], extra: list[str], env: dict[str, str]) -> int:
    """Run pytest in a fork of a process that has imported it, if there can be one.

    A second fork runs papermill's tests meanwhile, unless `extra` asks for something else.
    """
    if address := test_server():
        from labs.kit.warm import client, command

        papermill = [one for one in arguments if not one.endswith(".ipynb")]
        meanwhile = nullcontext({}) if extra else ahead.begun(address, papermill, env)
        own = [*ahead.PLUGIN, *arguments, *extra]
        try:
            with meanwhile as variables:
                return command.run(address, own, material.root(), {**env, **variables})
        except client.NoFork:
            pass  # the usual way needs a second more, and says what is wrong
    return _run(arguments + extra, env)


def _run(arguments: list[str], env: dict[str, str]) -> int:
    """Run pytest; when this process is told to end, pytest ends too: no orphan goes on testing."""
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest", *arguments], cwd=material.root(), env=env
    )
    if hasattr(signal, "SIGTERM") and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, lambda *_: process.send_signal(signal.SIGINT))
    try:
        return process.wait()
    finally:
        if process.poll() is None:  # Ctrl-C has reached it too; it writes its report and ends
            process.wait()


def _require_test_tools() -> None:
    if not material.is_clone():
        raise UserError(
            "The tests are in the repository, not in the installed kit. "
            "Clone it and run there: python3 labs test"
        )
    for tool in ("pytest", "nbval", "papermill", "xdist"):
        if importlib.util.find_spec(tool) is None:
            raise UserError(f"{tool} is not installed here. Run: python3 labs test")


def _arguments(lessons: list[manifest.Lesson]) -> list[str]:
    run_notebooks = ["--nbval", "--nbval-cell-timeout", str(CELL_SECONDS), "--nbval-current-env"]
    if not lessons:
        return [*run_notebooks, *_spread(), "notebooks", "exercises", "tests"]
    chosen = [str(lesson.path) for lesson in lessons]
    which = " or ".join(f"lesson_{lesson.slug}_" for lesson in lessons)
    spread = ["-p", "xdist.plugin", *_spread()] if len(lessons) > 1 else []  # two cost a second
    runners = ["-p", "nbval.plugin", *run_notebooks, *spread]
    return [*QUIET, *runners, *chosen, "tests/test_lessons.py", "-k", f"ipynb or {which}"]


def _spread() -> list[str]:
    workers = (os.cpu_count() or 1) + 1  # while one waits for a server, another can compute
    return ["-n", str(workers), "--dist", "loadfile", "--no-loadscope-reorder"]
