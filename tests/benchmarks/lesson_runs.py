"""One way to run a folder of lessons, in a process of its own: `lesson_runs.py WAY FOLDER`.

`bench_lessons` measures these processes and all that they start. What a way found out
besides, it prints as its last line, in JSON.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

PARAMETERS = {"rows": 700}  # for papermill; the stored value is another
STARTS = 7  # kernels of each kind
IMPORTS = "import mlflow, sklearn.ensemble, pandas, matplotlib.pyplot; print('ready')"


def plain_nbval(folder: Path) -> None:
    _pytest(folder, "--nbval", "--nbval-current-env")


def plain_papermill(folder: Path) -> None:
    """papermill's API with its defaults, one lesson after the other, and nothing of ours."""
    import papermill

    for path in lessons(folder):
        done = str(folder / "done" / path.name)
        papermill.execute_notebook(str(path), done, parameters=PARAMETERS)


def warm_nbval(folder: Path, workers: int = 0) -> None:
    """As `labs test` runs it: the server belongs to this process, pytest is its child."""
    from labs.kit.execute import CELL_SECONDS
    from labs.kit.verify import QUIET

    run = ["-p", "labs.kit.pytest_lessons", "-p", "nbval.plugin", "--nbval"]  # in this order
    run += ["--nbval-current-env", "--nbval-cell-timeout", str(CELL_SECONDS)]
    if workers:
        run += ["-p", "xdist.plugin", "-n", str(workers)]
        run += ["--dist", "loadfile", "--no-loadscope-reorder"]
    with warm():
        _pytest(folder, *QUIET, *run)


def warm_nbval_2(folder: Path) -> None:
    warm_nbval(folder, workers=2)


def warm_papermill(folder: Path) -> None:
    """As tests/test_lessons.py runs it."""
    import papermill

    from labs.kit.execute import CELL_SECONDS, environment

    with warm():
        for path in lessons(folder):
            with tempfile.TemporaryDirectory() as place:
                os.environ.update(environment(Path(place) / "workspace"))
                papermill.execute_notebook(
                    str(path),
                    None,
                    parameters=PARAMETERS,
                    kernel_name="python3",
                    cwd=place,
                    execution_timeout=CELL_SECONDS,
                    progress_bar=False,
                    request_save_on_cell_execute=False,
                    autosave_cell_every=0,
                    shutdown_kernel="immediate",
                )


def write(folder: Path, count: str) -> None:
    """Generate `count` lessons."""
    import generated_lessons

    with warm():
        generated_lessons.write(folder, int(count))


def migration(folder: Path) -> dict:
    """CPU seconds of the first look into a store: the template's copy, and MLflow's own."""
    import mlflow

    from labs.deployment.registry import open_registry

    def cost(place: str, open_store) -> float:
        with tempfile.TemporaryDirectory(prefix=place) as name:
            begun = time.process_time()
            open_store(Path(name))
            return time.process_time() - begun

    def plain(place: Path) -> None:
        mlflow.MlflowClient(f"sqlite:///{place}/mlflow.db").search_experiments()

    cost("first", open_registry)  # imports what is imported late
    return {"copied": cost("copied", open_registry), "migrated": cost("migrated", plain)}


def kernel_starts(folder: Path) -> dict:
    """Seconds from asking for a kernel to the first result of the imports, cold and warm."""
    from labs.kit.warm import policy

    kinds = {"warm": {}, "cold": {policy.KERNELS: "cold"}}
    with warm() as address:
        _until_loaded(address)
        spent = {kind: [] for kind in kinds}
        for _ in range(STARTS):
            for kind, env in kinds.items():
                spent[kind].append(_first_result({**os.environ, **env}))
    return {kind: statistics.median(seconds) for kind, seconds in spent.items()}


def _first_result(env: dict[str, str]) -> float:
    from jupyter_client.manager import start_new_kernel

    begun = time.perf_counter()
    manager, client = start_new_kernel(env=env)
    heard = []
    client.execute_interactive(IMPORTS, output_hook=heard.append)
    spent = time.perf_counter() - begun
    client.stop_channels()
    manager.shutdown_kernel(now=True)
    if not any(message["content"].get("text") == "ready\n" for message in heard):
        raise SystemExit("the kernel did not answer")
    return spent


def warm():
    """The choice of warm kernels in this process's environment; yields the server's address."""
    from contextlib import contextmanager

    from labs.kit.warm import policy
    from labs.kit.warm.use import kernels

    @contextmanager
    def chosen():
        os.environ["CI"] = "true"  # a kernel that starts cold by mistake fails
        with kernels(dict(os.environ)) as variables:
            os.environ.update(variables)
            yield variables[policy.SERVER]

    return chosen()


def _until_loaded(address: str) -> None:
    from labs.kit.warm import starting

    if not starting.until_ready(address):
        raise SystemExit("the fork server ended while it imported")


def lessons(folder: Path) -> Iterable[Path]:
    return sorted(folder.glob("*.ipynb"))


def _pytest(folder: Path, *options: str) -> None:
    """pytest with no configuration, so that what it loads is what `options` name."""
    bare = ["-c", os.devnull, "--rootdir", str(folder), "--confcutdir", str(folder)]
    bare += ["-p", "no:cacheprovider", "-q"]
    command = [sys.executable, "-m", "pytest", *bare, *options, *map(str, lessons(folder))]
    if code := subprocess.run(command).returncode:
        raise SystemExit(code)


def main() -> None:
    way, folder, *more = sys.argv[1:]
    if not way.startswith("plain"):
        import labs.kit  # noqa: F401  it keeps nbformat from building a grammar
    print(json.dumps(globals()[way](Path(folder), *more)))


if __name__ == "__main__":
    main()
