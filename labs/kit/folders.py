"""Where a learner's files are. Imports next to nothing: every lesson's kernel loads it."""

import os
import shutil
import tempfile
from pathlib import Path


def default_folder() -> Path:
    """The workspace: the environment variable LABS_WORKSPACE, or `~/mlops-labs-workspace`."""
    named = os.environ.get("LABS_WORKSPACE")
    return Path(named or "~/mlops-labs-workspace").expanduser().resolve()


def lesson_folder(slug: str) -> Path:
    """A new, empty folder of one lesson's own in the workspace, for its registry and files.

    Folders of earlier runs are removed, so that a lesson that is run again starts
    from nothing. The name is new each time: a database that this kernel still
    holds open from an earlier run can then never be mistaken for the new one.
    """
    lesson = default_folder() / ".labs" / "lessons" / slug
    shutil.rmtree(lesson, ignore_errors=True)
    lesson.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix="run-", dir=lesson))
