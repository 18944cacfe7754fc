"""A rehearsal: the demos of a talk in the kernels that run them before the room, offline."""

import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from queue import Empty
from typing import Any

import nbformat
from jupyter_client import KernelManager
from jupyter_client.kernelspec import KernelSpecManager
from nbformat import NotebookNode

from labs.kit import conditions
from labs.kit.normalise import normalise
from labs.kit.talk import copies, demos, kernel, offline, talks, timing

TOO_LONG = 3  # times the seconds that a demo may take: then it is stopped
LEAST = 10.0  # seconds before a demo is stopped, if it may take hardly any


@dataclass(frozen=True)
class Ran:
    """One demo: the seconds that the room waits, those of preparing it, and what went wrong."""

    demo: demos.Demo
    waited: float
    prepared: float
    problem: str = ""  # an error's sentence
    differs: str = ""  # what it says, and what the slide says


def run(talk: talks.Talk) -> Iterator[Ran]:
    """Run every demo of the talk, in order, as a room without a network would see it."""
    into = Path(tempfile.mkdtemp(prefix="mlops-labs-"))
    try:
        every = copies.write(talk, into)
        fixed = {**os.environ, **conditions.environment(into), **offline.variables()}
        with copies.kernels(fixed) as chosen:
            env = {**fixed, **chosen, kernel.OFFLINE: "1"}
            for lesson in copies.lessons(every):
                with _kernel(into, lesson, env) as client:
                    yield from _lesson(client, [one for one in every if one.lesson == lesson])
    finally:
        shutil.rmtree(into, ignore_errors=True)


@contextmanager
def _kernel(into: Path, lesson: str, env: dict[str, str]) -> Iterator[Any]:
    specs = KernelSpecManager(kernel_dirs=[str(into / ".labs" / "kernels")])
    manager = KernelManager(kernel_name=copies.kernel_name(lesson), kernel_spec_manager=specs)
    with open(into / ".labs" / "kernel.log", "w", encoding="utf-8") as log:
        manager.start_kernel(cwd=str(into), env=env, stdout=log, stderr=log)
        client = manager.client()
        client.start_channels()
        try:
            client.wait_for_ready(timeout=conditions.CELL_SECONDS)
            yield client
        finally:
            client.stop_channels()
            manager.shutdown_kernel(now=False)  # so that servers which a demo started end too


def _lesson(client: Any, every: list[demos.Demo]) -> Iterator[Ran]:
    begun, most = time.monotonic(), conditions.CELL_SECONDS * (1 + len(every[0].steps))
    ready = _execute(client, kernel.PREPARE, "", most)
    prepared, problem = time.monotonic() - begun, problem_in(ready)
    for demo in every:
        if problem:
            yield Ran(demo, 0.0, prepared, problem)
            continue
        begun, most = time.monotonic(), max(LEAST, TOO_LONG * timing.budget(demo))
        outputs = _execute(client, demo.cell.id, demo.cell.source, most)
        waited, failed = time.monotonic() - begun, problem_in(outputs)
        differs = "" if failed else difference(demo.cell, outputs)
        yield Ran(demo, waited, prepared if demo.first else 0.0, failed, differs)


def _execute(client: Any, name: str, source: str, seconds: float) -> list[NotebookNode]:
    """The outputs of a cell of that id, which is interrupted if it takes longer."""
    content = {"code": source or "pass", "silent": False, "store_history": True}
    content |= {"allow_stdin": False, "stop_on_error": True, "user_expressions": {}}
    message = client.session.msg("execute_request", content, metadata={"cellId": name})
    client.shell_channel.send(message)
    asked, outputs = message["header"]["msg_id"], []
    if not _collect(client, asked, outputs, seconds):
        client.parent.interrupt_kernel()  # as a presenter would
        if not _collect(client, asked, outputs, LEAST):
            return [_death("it cannot be interrupted")]
    return outputs


def _collect(client: Any, asked: str, outputs: list[NotebookNode], seconds: float) -> bool:
    """Add what the cell shows to `outputs`; whether it ended within so many seconds."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        try:
            told = client.get_iopub_msg(timeout=min(left, 0.5))
        except Empty:
            if not client.is_alive():
                outputs.append(_death("its kernel died"))
                return True
            continue
        if told["parent_header"].get("msg_id") != asked:
            continue
        if told["msg_type"] == "status" and told["content"]["execution_state"] == "idle":
            return True
        if told["msg_type"] in ("stream", "display_data", "execute_result", "error"):
            outputs.append(nbformat.v4.output_from_msg(told))
    return False


def _death(said: str) -> NotebookNode:
    return nbformat.v4.new_output("display_data", data={kernel.FAILED: said})


def problem_in(outputs: list[NotebookNode]) -> str:
    """What the kernel said went wrong; empty if nothing did."""
    found = [output.get("data", {}).get(kernel.FAILED) for output in outputs]
    return next(filter(None, found), "")


def difference(cell: NotebookNode, outputs: list[NotebookNode]) -> str:
    """The first line that the slide does not show; empty if all are as stored."""
    if "nbval-ignore-output" in cell.metadata.get("tags", []):
        return ""
    for new, old in zip(_lines(outputs), _lines(cell.outputs), strict=False):
        if new != old:
            return f"it says {new!r}, the slide {old!r}"
    return ""


def _lines(outputs: list[NotebookNode]) -> list[str]:
    """The text of outputs, in its normal form, and a line for the end."""
    cell = nbformat.v4.new_code_cell("", outputs=deepcopy(outputs), execution_count=1)
    (cell,) = normalise(nbformat.v4.new_notebook(cells=[cell])).cells
    texts = [one.get("text") or one.get("data", {}).get("text/plain", "") for one in cell.outputs]
    plain = re.sub(r"⟨([a-z-]+)-\d+⟩", r"⟨\1⟩", "\n".join(map(str, texts)))
    return [*(line.rstrip() for line in plain.splitlines() if line.strip()), "nothing more"]
