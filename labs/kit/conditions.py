"""The conditions under which every lesson is tested. Imports next to nothing."""

from pathlib import Path

CELL_SECONDS = 60  # a lesson's whole compute is about 3 s; past this a cell hangs


def environment(folder: Path) -> dict[str, str]:
    """The variables that every test run of a lesson shares; `folder` is its workspace.

    Seeds, thread counts and telemetry are fixed, so that a lesson's output depends
    on its parameters alone.
    """
    return {
        "LABS_WORKSPACE": str(folder),
        "PYTHONHASHSEED": "0",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DVC_NO_ANALYTICS": "true",  # where a learner has DVC, a lesson calls it
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }
