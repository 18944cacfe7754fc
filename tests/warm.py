"""Kernels for the tests of warm kernels: which server they come from, and how they are started."""

import json
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from unittest import mock

import nbformat
import papermill
import psutil
from jupyter_client.manager import start_new_kernel
from jupyter_client.provisioning import KernelProvisionerFactory

from labs.kit.execute import environment, execute
from labs.kit.warm import policy, preload, starting

OF_A_KERNEL = ("IPython", "debugpy", "ipykernel", "tornado", "zmq")
IPYTHON = [
    "numpy.random",
    "psutil",
    "sqlite3",
    *(name for name in preload.LATE if name.split(".")[0] in OF_A_KERNEL),
]
OURS = (policy.SELECT, policy.SERVER, policy.KERNELS, policy.LOG)


@contextmanager
def variables(values: dict[str, str]) -> Iterator[Callable[[], list[str]]]:
    """Let this process have exactly `values` of ours, and `values` besides, for the block.

    Yields what lists the kernels started since: "warm", or the reason of a cold one.
    One that Jupyter's own provisioner started is not listed.
    """
    before = dict(os.environ)
    imported = [name for name in before if name.startswith(("KMP_", "MLFLOW_"))]  # by other tests
    for name in [*OURS, *imported]:
        os.environ.pop(name, None)
    KernelProvisionerFactory.clear_instance()  # it reads the variable once
    with tempfile.TemporaryDirectory() as folder:
        log = Path(values.get(policy.LOG, f"{folder}/kernels.log"))
        os.environ.update({policy.LOG: str(log), **values})
        try:
            yield lambda: _started(log)
        finally:
            os.environ.clear()
            os.environ.update(before)
            KernelProvisionerFactory.clear_instance()


def _started(log: Path) -> list[str]:
    lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
    return ["warm" if one["warm"] else one["reason"] for one in map(json.loads, lines)]


def warm(address: str) -> dict[str, str]:
    """The variables by which kernels come from the fork server at `address`."""
    return {policy.SELECT: policy.PROVISIONER, policy.SERVER: address}


def fixed(folder: Path) -> dict[str, str]:
    """The environment that a server and its kernels share; nothing of ours in it."""
    kept = {name: value for name, value in os.environ.items() if name not in OURS}
    return {**kept, **environment(folder)}


def notebook_of(*sources):
    """A notebook whose code cells are `sources`."""
    new = nbformat.v4
    cells = [new.new_code_cell(text, id=f"cell-{i}") for i, text in enumerate(sources, 1)]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return new.new_notebook(cells=cells, metadata={"kernelspec": kernel})


def by_nbclient(notebook, folder):
    """The outputs of each cell, run as `labs refresh` does."""
    return [cell.outputs for cell in execute(notebook, "begin", environment(folder)).cells]


def by_papermill(notebook, folder):
    """The outputs of each cell, run as papermill does."""
    nbformat.write(notebook, folder / "begin.ipynb")
    done = papermill.execute_notebook(
        str(folder / "begin.ipynb"),
        None,
        kernel_name="python3",
        cwd=str(folder),
        progress_bar=False,
        request_save_on_cell_execute=False,
        autosave_cell_every=0,
        shutdown_kernel="immediate",
    )
    return [cell.outputs for cell in done.cells]


def by_nbval(notebook, folder):
    """The outputs of each cell, run in the kernel that nbval starts."""
    import nbval.kernel
    import nbval.plugin

    from labs.kit import nbval_kernel

    nbval_kernel.install()
    kernel = nbval.plugin.RunningKernel("python3", str(folder))
    try:
        return [_outputs(kernel, cell.source) for cell in notebook.cells]
    finally:
        kernel.stop()


def _outputs(kernel, source):
    asked = kernel.execute_cell_input(source, allow_stdin=False)
    found = []
    while True:
        message = kernel.get_message("iopub", timeout=60)
        if message["parent_header"].get("msg_id") != asked:
            continue
        if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
            kernel.await_reply(asked)
            return found
        if message["msg_type"] in ("stream", "display_data", "execute_result", "error"):
            found.append(nbformat.v4.output_from_msg(message))


class Kernel:
    """A kernel and its client, as any Jupyter program has them."""

    def __init__(self, **arguments):
        arguments.setdefault("kernel_name", "python3")
        self.manager, self.client = start_new_kernel(**arguments)

    @property
    def pid(self) -> int:
        return self.manager.provisioner.pid

    def run(self, source: str) -> str:
        """What a cell prints; raises AssertionError if it fails."""
        printed = []
        reply = self.reply(source, printed.append)
        assert reply["status"] == "ok", f"{reply['ename']}: {reply['evalue']}"
        return "".join(m["content"].get("text", "") for m in printed)

    def reply(self, source: str, hear=lambda message: None) -> dict:
        """What the kernel answers when a cell has ended.

        Any kernel aborts what it is asked right after an error: that is asked again.
        """
        done = {"status": "aborted"}
        while done["status"] == "aborted":
            done = self.client.execute_interactive(
                source, allow_stdin=False, output_hook=hear, timeout=60
            )["content"]
        return done

    def begin(self, source: str) -> str:
        """Begin a cell, and the first thing it prints."""
        self.client.execute(source)
        while True:
            message = self.client.get_iopub_msg(timeout=60)
            if message["msg_type"] == "stream":
                return message["content"]["text"].strip()

    def end(self, now: bool = True) -> None:
        """Shut it down, politely unless `now`."""
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=now)


@contextmanager
def kernel(**arguments) -> Iterator[Kernel]:
    """A kernel for the time of the block."""
    one = Kernel(**arguments)
    try:
        yield one
    finally:
        one.end()


@contextmanager
def server(folder: Path, modules: Iterable[str] = (), **more: str) -> Iterator[str]:
    """The address of a server that has imported `modules`, or what the lessons import.

    An edit of the kit while the tests run does not make it stale.
    """
    names = list(modules) or starting.modules()
    with (
        mock.patch.object(starting, "modules", lambda *_: names),
        mock.patch.object(starting, "sources", lambda: []),
    ):
        session = starting.session({**fixed(folder), **more})
        address = session.__enter__()
    try:
        yield address
    finally:
        session.__exit__(None, None, None)


def light_server(folder: Path, *modules: str, **more: str) -> AbstractContextManager[str]:
    """One that has imported IPython and `modules` alone: it serves soon."""
    return server(folder, [*IPYTHON, *modules], **more)


def pid_of_server(address: str) -> int:
    """The process of the server at `address`."""
    return int(Path(address).with_name(starting.PID).read_text())


def comes_true(condition: Callable[[], bool], seconds: float = 30) -> bool:
    """Whether `condition` holds within `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def has_ended(pid: int) -> bool:
    """Whether the process ends; one that nobody has reaped has ended."""

    def gone() -> bool:
        try:
            return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return True

    return comes_true(gone)
