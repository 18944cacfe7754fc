"""Kernels for the tests of warm kernels: which server they come from, and how they are started."""

import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import nbformat
import papermill
from jupyter_client.provisioning import KernelProvisionerFactory

from labs.kit.execute import environment, execute
from labs.kit.warm import policy

OURS = (policy.SELECT, policy.SERVER, policy.KERNELS, policy.LOG)


@contextmanager
def variables(values: dict[str, str]) -> Iterator[Callable[[], list[str]]]:
    """Let this process have exactly `values` of ours, and `values` besides, for the block.

    Yields what lists the kernels started since: "warm", or the reason of a cold one.
    One that Jupyter's own provisioner started is not listed.
    """
    before = dict(os.environ)
    for name in OURS:
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
