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
from pathlib import Path

from labs.kit import manifest, material
from labs.kit.errors import UserError
from labs.kit.execute import CELL_SECONDS
from labs.kit.pytest_lessons import REPORT

RELEASE = "LABS_RELEASE"  # environment variable: papermill runs the release parameters too
RECORDED = ("mlflow", "scikit-learn", "pandas", "numpy")  # versions a reader asks for


def record_path() -> Path:
    """Where the record of the last runs lies."""
    return material.build_folder() / "verified.json"


def run(slugs: list[str], release: bool = False, extra: list[str] | None = None) -> int:
    """Run the tests of the whole kit, or of the lessons `slugs` only; pytest's exit code.

    `release` runs papermill's further parameter sets as well; `extra` goes to
    pytest. The outcome of each lesson is recorded for the book's page.
    """
    _require_test_tools()
    course = manifest.read()
    lessons = [course.lesson(slug) for slug in slugs]
    with tempfile.TemporaryDirectory(prefix="mlops-labs-") as folder:
        report = Path(folder) / "report.json"
        command = [sys.executable, "-m", "pytest", *_arguments(lessons), *(extra or [])]
        env = {**os.environ, REPORT: str(report), RELEASE: "1" if release else ""}
        code = _run(command, env)
        if report.is_file():
            _record(json.loads(report.read_text(encoding="utf-8")))
    return code


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
    workers = str(os.cpu_count() or 1)
    run_notebooks = ["--nbval", "--nbval-cell-timeout", str(CELL_SECONDS), "--nbval-current-env"]
    spread = ["-n", workers, "--dist", "loadfile", "--no-loadscope-reorder"]
    if not lessons:
        return [*run_notebooks, *spread, "notebooks", "tests"]
    chosen = [str(lesson.path) for lesson in lessons]
    which = " or ".join(f"lesson_{lesson.slug}_" for lesson in lessons)
    return [*run_notebooks, *spread, *chosen, "tests/test_lessons.py", "-k", f"ipynb or {which}"]


def _record(lessons: dict[str, dict]) -> None:
    """Add today's outcomes to the record; lessons that did not run keep their last one."""
    path = record_path()
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        record = {}
    for slug, outcome in lessons.items():
        record[slug] = {
            "date": datetime.date.today().isoformat(),
            "nbval": outcome.get("nbval", "not run"),
            "papermill": outcome.get("papermill", "not run"),
            "seconds": round(outcome["seconds"], 1),
            "python": platform.python_version(),
            "platform": f"{platform.system()} {platform.machine()}",
            "packages": {name: importlib.metadata.version(name) for name in RECORDED},
        }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record, indent=1, sort_keys=True) + "\n", encoding="utf-8")
