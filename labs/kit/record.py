"""The record of the lessons' last runs, which the book's page shows and `labs test` reads."""

import datetime
import importlib.metadata
import json
import platform
from pathlib import Path

from labs.kit import material

REPORT = "LABS_LESSON_REPORT"  # environment variable: where pytest's plugin leaves its report
COLD = "LABS_COLD_LESSONS"  # environment variable: nbval runs these in a cold kernel
PACKAGES = ("mlflow", "scikit-learn", "pandas", "numpy")  # versions a reader asks for


def path() -> Path:
    """Where the record lies."""
    return material.build_folder() / "verified.json"


def read() -> dict[str, dict]:
    """What is known of each lesson, by slug; nothing if no run was ever recorded."""
    try:
        return json.loads(path().read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}


def passed(states: dict[str, str]) -> set[str]:
    """The lessons that both runners have passed in the state they are in now."""
    return _in(states, "state")


def passed_cold(states: dict[str, str]) -> set[str]:
    """The lessons that a cold kernel has passed in the state they are in now."""
    return _in(states, "cold_state")


def _in(states: dict[str, str], kind: str) -> set[str]:
    return {slug for slug, one in read().items() if one.get(kind) == states.get(slug)}


def add(lessons: dict[str, dict], states: dict[str, str]) -> None:
    """Add today's outcomes; lessons that did not run keep their last one.

    `lessons` is what `labs.kit.pytest_lessons` reported, `states` the hash of each
    lesson (see `labs.kit.freshness`) when the run began.
    """
    record = read()
    for slug, outcome in lessons.items():
        before = record.get(slug, {})
        passed = outcome.get("nbval") == outcome.get("papermill") == "passed"
        proven = outcome.get("cold") == "passed"
        record[slug] = {
            "date": datetime.date.today().isoformat(),
            "nbval": outcome.get("nbval", "not run"),
            "papermill": outcome.get("papermill", "not run"),
            "seconds": round(outcome["seconds"], 1),
            "cells": {cell: round(took, 2) for cell, took in outcome.get("cells", {}).items()}
            or before.get("cells", {}),
            "machine": platform.node(),
            "python": platform.python_version(),
            "platform": f"{platform.system()} {platform.machine()}",
            "packages": {name: importlib.metadata.version(name) for name in PACKAGES},
            "state": states.get(slug, "") if passed else "",
            "cold_state": states.get(slug, "") if proven else before.get("cold_state", ""),
        }
    path().parent.mkdir(parents=True, exist_ok=True)
    path().write_text(json.dumps(record, indent=1, sort_keys=True) + "\n", encoding="utf-8")
