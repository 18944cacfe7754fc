"""An image that serves a registry: the folder to build it from.

The registry is part of the image, so a digest names the server and its models together.
"""

import importlib.metadata
import shutil
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

from packaging.requirements import Requirement

import labs
from labs.deployment.manifests import PORT, REGISTRY, USER

NEEDED = ("mlflow", "scikit-learn", "pandas", "numpy", "scipy", "cloudpickle", "pyarrow")
NEEDED += ("fastapi", "uvicorn", "prometheus-client", "platformdirs", "pyyaml", "packaging")
COPIED = ("artifacts", "routes.json")  # of a registry, beside its database
TEXT = """\
# A server of the models in the folder `registry`. In this folder:
#   docker build --file Containerfile --tag NAME .
ARG BASE={base}
FROM ${{BASE}}
ENV PYTHONPATH={root} PYTHONUNBUFFERED=1 MLFLOW_DISABLE_TELEMETRY=true HOME=/tmp
WORKDIR {root}
COPY requirements.txt .
RUN python -m pip install --no-cache-dir --requirement requirements.txt
COPY labs labs
COPY registry registry
USER {user}:{user}
EXPOSE {port}
CMD ["python", "-m", "labs.deployment.server", "--registry", "{registry}", \
"--host", "0.0.0.0", "--port", "{port}"]
"""


def render(base: str = "") -> str:
    """The Containerfile, on the image `base`: by default Python's own, of the version here."""
    major, minor = sys.version_info[:2]
    return TEXT.format(
        base=base or f"python:{major}.{minor}-slim",
        root=Path(REGISTRY).parent.as_posix(),
        registry=REGISTRY,
        user=USER,
        port=PORT,
    )


def write(registry: Path | str, folder: Path | str, base: str = "") -> Path:
    """Fill `folder`, which is new, with all that the image is built from.

    Raises FileExistsError if `folder` is there, ValueError if `registry` holds none.
    """
    registry, folder = Path(registry), Path(folder)
    if not (registry / "mlflow.db").is_file():
        raise ValueError(f"{registry} holds no mlflow.db, so it is no registry")
    if folder.exists():
        raise FileExistsError(f"{folder} is there already; name a new folder")
    _copy_registry(registry, folder / "registry")
    _copy_code(folder / "labs")
    (folder / "requirements.txt").write_text("\n".join(requirements()) + "\n", "utf-8")
    (folder / "Containerfile").write_text(render(base), "utf-8")
    return folder


def requirements() -> list[str]:
    """Every package that the server needs, and what these need, at the versions here."""
    found: dict[str, str] = {}
    waiting = list(NEEDED)
    while waiting:
        distribution = importlib.metadata.distribution(waiting.pop())
        name = distribution.name.lower().replace("_", "-")
        if name in found:
            continue
        found[name] = distribution.version
        needs = [Requirement(text) for text in distribution.requires or ()]
        waiting += [r.name for r in needs if not r.marker or r.marker.evaluate({"extra": ""})]
    return [f"{name}=={version}" for name, version in sorted(found.items())]


def _copy_registry(registry: Path, folder: Path) -> None:
    folder.mkdir(parents=True)
    database = f"{(registry / 'mlflow.db').resolve().as_uri()}?mode=ro"
    with (
        closing(sqlite3.connect(database, uri=True)) as source,
        closing(sqlite3.connect(folder / "mlflow.db")) as target,
    ):
        source.backup(target)  # a copy at one moment, also while somebody writes
    for name in COPIED:
        if (registry / name).is_dir():
            shutil.copytree(registry / name, folder / name)
        elif (registry / name).exists():
            shutil.copyfile(registry / name, folder / name)


def _copy_code(folder: Path) -> None:
    """The package `labs` with the topic deployment alone: it needs no other."""
    package = Path(labs.__file__).parent
    folder.mkdir()
    shutil.copyfile(package / "__init__.py", folder / "__init__.py")
    caches = shutil.ignore_patterns("__pycache__")
    shutil.copytree(package / "deployment", folder / "deployment", ignore=caches)
