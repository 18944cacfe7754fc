"""`labs test`: unit tests, nbval and papermill over every lesson, and a record of it."""

import datetime
import importlib.metadata
import importlib.util
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable
from pathlib import Path

from labs.kit import freshness, manifest, material
from labs.kit.errors import UserError
from labs.kit.execute import CELL_SECONDS, environment
from labs.kit.pytest_lessons import REPORT
from labs.kit.warm import policy
from labs.kit.warm.use import kernels

COLD = "LABS_COLD_LESSONS"  # environment variable: these run in a cold kernel too
RELEASE = "LABS_RELEASE"  # environment variable: papermill runs the release parameters too
RECORDED = ("mlflow", "scikit-learn", "pandas", "numpy")  # versions a reader asks for


def record_path() -> Path:
    """Where the record of the last runs lies."""
    return material.build_folder() / "verified.json"


def run(
    slugs: list[str],
    release: bool = False,
    extra: list[str] | None = None,
    cold: bool = False,
    changed: bool = False,
) -> int:
    """Run the tests of the whole kit, or of the lessons `slugs` only; pytest's exit code.

    `release` runs papermill's further parameter sets as well, `cold` starts every
    kernel the usual way, `changed` chooses the lessons that have not passed as they
    are now; `extra` goes to pytest. The outcome of each lesson is recorded.
    """
    _require_test_tools()
    course = manifest.read()
    lessons = [course.lesson(slug) for slug in slugs]
    states = {lesson.slug: freshness.state(lesson) for lesson in course.lessons}
    if changed:
        lessons = [one for one in course.lessons if _passed(one.slug) != states[one.slug]]
        if not lessons:
            print("Every lesson has passed as it is now. To run them all: labs test")
            return 0
        print(f"Changed: {', '.join(lesson.slug for lesson in lessons)}", flush=True)
    unproven = [] if changed else _to_run_cold(lessons or course.lessons, states, cold)
    with tempfile.TemporaryDirectory(prefix="mlops-labs-") as name:
        folder = Path(name)
        env = {
            REPORT: str(folder / "report.json"),
            RELEASE: "1" if release else "",
            COLD: " ".join(unproven),
            policy.LOG: str(folder / "kernels.log"),
        }
        command = [sys.executable, "-m", "pytest", *_arguments(lessons), *(extra or [])]
        fixed = {**os.environ, **environment(folder)}
        with kernels(fixed, cold, stays=bool(lessons)) as chosen:
            code = _run(command, {**os.environ, **env, **chosen})
        if (report := folder / "report.json").is_file():
            _record(json.loads(report.read_text(encoding="utf-8")), states)
    return code


def _to_run_cold(lessons: Iterable[manifest.Lesson], states: dict, all_of_them: bool) -> list[str]:
    """Lessons that a warm kernel alone does not prove: it hides a missing import.

    One that has passed in a cold kernel as it is now need not do so again.
    """
    record = _read_record()
    proven = {slug for slug, one in record.items() if one.get("cold_state") == states.get(slug)}
    return [one.slug for one in lessons if all_of_them or one.slug not in proven]


def _passed(slug: str) -> str:
    """The state in which both runners have passed the lesson; empty if they never did."""
    return _read_record().get(slug, {}).get("state", "")


def _run(command: list[str], env: dict[str, str]) -> int:
    """Run pytest, and end it when this process is told to end: no orphan goes on testing."""
    process = subprocess.Popen(command, cwd=material.root(), env=env)
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
        return [*run_notebooks, *_spread(), "notebooks", "tests"]
    chosen = [str(lesson.path) for lesson in lessons]
    which = " or ".join(f"lesson_{lesson.slug}_" for lesson in lessons)
    spread = _spread() if len(lessons) > 1 else ["-n", "0"]  # two workers cost a second more
    return [*run_notebooks, *spread, *chosen, "tests/test_lessons.py", "-k", f"ipynb or {which}"]


def _spread() -> list[str]:
    return ["-n", str(os.cpu_count() or 1), "--dist", "loadfile", "--no-loadscope-reorder"]


def _read_record() -> dict[str, dict]:
    try:
        return json.loads(record_path().read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}


def _record(lessons: dict[str, dict], states: dict[str, str]) -> None:
    """Add today's outcomes to the record; lessons that did not run keep their last one."""
    path, record = record_path(), _read_record()
    for slug, outcome in lessons.items():
        before = record.get(slug, {})
        passed = outcome.get("nbval") == outcome.get("papermill") == "passed"
        proven = outcome.get("cold") == "passed"
        record[slug] = {
            "date": datetime.date.today().isoformat(),
            "nbval": outcome.get("nbval", "not run"),
            "papermill": outcome.get("papermill", "not run"),
            "seconds": round(outcome["seconds"], 1),
            "python": platform.python_version(),
            "platform": f"{platform.system()} {platform.machine()}",
            "packages": {name: importlib.metadata.version(name) for name in RECORDED},
            "state": states.get(slug, "") if passed else "",
            "cold_state": states.get(slug, "") if proven else before.get("cold_state", ""),
        }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record, indent=1, sort_keys=True) + "\n", encoding="utf-8")
