"""Where the pristine course material is, in a clone and in an installed wheel."""

import os
from pathlib import Path

import labs

FOLDERS = ("notebooks", "exercises", "book")
FURTHER = "further.json"  # in exercises/: how many checks the learner edition leaves out


def root() -> Path:
    """The folder that holds `notebooks/`, `exercises/` and `book/`.

    In a clone it is the repository; in an installed wheel it is `labs/_material`.
    The environment variable LABS_MATERIAL names another folder, for kernels too.
    """
    if named := os.environ.get("LABS_MATERIAL"):
        return Path(named).expanduser().resolve()
    package = Path(labs.__file__).resolve().parent
    carried = package / "_material"
    return carried if carried.is_dir() else package.parent


def is_clone() -> bool:
    """Whether the kit runs from a clone, where lessons can be written and tested."""
    return (root() / "pyproject.toml").is_file()


def is_learner_edition() -> bool:
    """Whether the kit holds public checks only, so that nothing can be graded with it."""
    return (root() / "exercises" / FURTHER).is_file()


def build_folder() -> Path:
    """Where derived things go: `_build` in a clone, the user's cache folder otherwise.

    The environment variable LABS_BUILD names another folder.
    """
    if named := os.environ.get("LABS_BUILD"):
        return Path(named).expanduser().resolve()
    if is_clone():
        return root() / "_build"
    import platformdirs

    return Path(platformdirs.user_cache_dir("mlops-labs", appauthor=False))
