"""What the fork server imports, and the care that importing outside a kernel needs."""

import ast
import builtins
import importlib
import json
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace

# Libraries import these parts of themselves only when they are first used.
LATE = (
    "IPython.core.completerlib",
    "IPython.core.debugger",
    "IPython.core.logger",
    "IPython.core.oinspect",
    "IPython.core.pylabtools",
    "IPython.extensions.storemagic",
    "alembic.command",
    "alembic.autogenerate.compare",
    "alembic.script",
    "cryptography.fernet",
    "debugpy.server.api",
    "git",
    "http.server",
    "ipykernel.debugger",
    "ipykernel.kernelapp",
    "ipykernel.zmqshell",
    "matplotlib.backends.backend_agg",
    "matplotlib.pyplot",
    "matplotlib_inline.backend_inline",
    "mlflow.pyfunc.scoring_server",
    "mlflow.sklearn",
    "mlflow.store.db.utils",
    "mlflow.store.model_registry.sqlalchemy_workspace_store",
    "mlflow.store.tracking.sqlalchemy_workspace_store",
    "mlflow.utils.name_utils",
    "mlflow.utils.spark_utils",
    "narwhals.stable.v2",
    "narwhals._pandas_like.namespace",
    "opentelemetry.sdk.metrics",
    "pandas.core.methods.to_dict",
    "pandas.core.reshape.reshape",
    "pandas.io.formats.csvs",
    "pandas.io.formats.html",
    "pandas.io.formats.string",
    "pandas.io.formats.style",
    "pandas.plotting._matplotlib",
    "pyarrow.csv",
    "pyarrow.pandas_compat",
    "pyarrow.parquet",
    "sklearn.cluster",
    "sklearn.ensemble",
    "sklearn.impute",
    "sklearn.linear_model",
    "sklearn.metrics",
    "sklearn.model_selection",
    "sklearn.pipeline",
    "sklearn.preprocessing",
    "sqlalchemy.dialects.sqlite",
    "sqlalchemy.ext.compiler",
    "sqlalchemy.orm.dynamic",
    "tornado.platform.asyncio",
    "zmq.utils.garbage",
)

# Its import does something to the running kernel, so each kernel imports it itself. What
# ipywidgets does then, `kernel.become` does: importing only the package anew would leave
# it without its modules as attributes, and importing all of it takes 0.08 s.
KERNELS_OWN = "matplotlib_inline"

# At import they decide by the kind of terminal, or start threads.
NEVER = ("tqdm.auto", "tqdm.autonotebook")

INLINE = "module://matplotlib_inline.backend_inline"  # what ipykernel sets before any import


def imported_by(notebooks: Iterable[Path]) -> list[str]:
    """The modules that cells of `notebooks` import, in order, each once.

    A notebook that cannot be read and a cell that is not Python count for nothing:
    running them tells better what is wrong.
    """
    names: dict[str, None] = {}
    for path in notebooks:
        try:
            cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        except (OSError, ValueError, KeyError, TypeError):
            continue
        for cell in cells:
            if cell.get("cell_type") == "code":
                names.update(dict.fromkeys(imports("".join(cell.get("source", "")))))
    return list(names)


def imports(source: str) -> list[str]:
    """The modules that Python `source` imports, and `module.name` for each name it takes.

    Source that is not Python imports nothing.
    """
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return []
    names = []
    for node in _statements(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return names


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    """Every statement within `node`; no import is in an expression."""
    for part in ("body", "orelse", "finalbody", "handlers", "cases"):
        for inner in getattr(node, part, ()):
            yield inner
            yield from _statements(inner)


def load(names: Iterable[str]) -> None:
    """Import what of `names` can be imported, as it would be in a kernel; compute nothing.

    A name that is no module (a class, a package that is not installed) is passed
    over: the cell that needs it says so. `?name` is imported only if another part of
    its package has been.
    """
    before = os.environ.get("MPLBACKEND")
    os.environ["MPLBACKEND"] = INLINE
    builtins.get_ipython = lambda: SimpleNamespace(kernel=True)  # pandas asks at its import
    try:
        for name in names:
            if name.startswith("?") and name[1:].partition(".")[0] not in sys.modules:
                continue
            if (plain := name.removeprefix("?")) not in NEVER:
                _import(plain)
    finally:
        del builtins.get_ipython
        if before is None:
            del os.environ["MPLBACKEND"]
        else:
            os.environ["MPLBACKEND"] = before
    for name in [name for name in sys.modules if name.split(".")[0] == KERNELS_OWN]:
        del sys.modules[name]


def _import(name: str) -> None:
    parent, _, child = name.rpartition(".")
    if parent in sys.modules and hasattr(sys.modules[parent], child) and name not in sys.modules:
        return  # a class or function of a module that is there
    try:
        importlib.import_module(name)
    except Exception:
        return
