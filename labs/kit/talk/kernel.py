"""An IPython extension: what a demo needs runs by itself, and its stored output is the fallback.

The environment variable LABS_DEMOS names a file that `labs.kit.talk.live` writes: the code
cells of one lesson in order. When the presenter runs a demo, the cells before it that have
not run in this kernel run first, unseen. So every demo can be run at any time, in any
order, and after every restart. If one fails, its last verified output appears instead.
"""

import json
import os
import time
from pathlib import Path
from typing import Any

PLAN = "LABS_DEMOS"  # environment variable
OFFLINE = "LABS_DEMOS_OFFLINE"  # environment variable: cut this kernel off from the network
PREPARE = "prepare"  # id of the cell that runs what the first demo needs
FAILED = "application/vnd.labs.failed+json"  # in an output: what a preflight reads


class Demos:
    """The demos of one lesson in one kernel."""

    def __init__(self, shell: Any, plan: dict):
        self.shell = shell
        self.cells: dict[str, dict] = {cell["id"]: cell for cell in plan["cells"]}
        self.verified = plan["verified"]
        self.done: set[str] = set()
        self.failed: dict[str, str] = {}  # in this kernel: not tried again before its restart
        self.busy = False
        self.ours = False  # whether the cell that runs is one of `cells`
        self.problem = ""

    def before(self, info: Any) -> None:
        """Run what the cell needs and nothing has run yet."""
        if self.busy:
            return
        self.ours = info.cell_id in (PREPARE, *self.cells)
        if not self.ours:
            return
        self.busy, self.problem, begun = True, "", time.monotonic()
        try:
            self.prepare(info.cell_id)
        finally:
            self.busy = False
        if info.cell_id == PREPARE:
            self.problem = next(iter(self.failed.values()), "")
        if info.cell_id == PREPARE and not self.problem:
            print(f"Ready for the first demo, in {time.monotonic() - begun:.1f} s.")

    def prepare(self, wanted: str) -> None:
        """Run the cells before `wanted`, or before the first demo, that have not run."""
        from IPython.utils.capture import capture_output

        for name, cell in self.cells.items():
            if name == wanted or (wanted == PREPARE and cell["demo"]):
                return
            if name in self.done or name in self.failed:
                continue
            with capture_output():
                ran = self.shell.run_cell(cell["source"], silent=True)
            self.note(name, ran.error_before_exec or ran.error_in_exec)

    def note(self, name: str, error: BaseException | None) -> None:
        """Keep whether the cell of that id has run."""
        if error:
            self.failed[name] = f"the step {name} failed with {said(error)}"
        else:
            self.failed.pop(name, None)
            self.done.add(name)

    def after(self, result: Any) -> None:
        """Note that a demo has run, or show what it was to show."""
        if self.busy or not self.ours:
            return
        name, error = result.info.cell_id, result.error_before_exec or result.error_in_exec
        if name != PREPARE:
            before = next(iter(self.failed.values()), "") if name not in self.failed else ""
            self.note(name, error)
            self.problem = f"it failed with {said(error)}" if error else ""
            if error and before:
                self.problem += f"; before it, {before}"
        if self.problem:
            self.fall_back(self.cells.get(name, {}).get("outputs", []))

    def fall_back(self, outputs: list[dict]) -> None:
        """Say what failed, and show the stored outputs of the demo."""
        from html import escape

        from IPython.display import publish_display_data

        advice = "To try again, press Run afresh, or 0 twice and Shift+Enter."
        text = f"This step did not work: {self.problem}. {advice}"
        if outputs:
            text += f" This is what it showed when it was verified on {self.verified}:"
        box = "border-left: 4px solid #b35900; padding: 0 0.8em"
        html = f'<p role="alert" style="{box}">{escape(text)}</p>'
        publish_display_data({"text/html": html, "text/plain": text, FAILED: self.problem})
        for output in outputs:
            if output["output_type"] == "stream":
                print(output["text"], end="")
            elif "data" in output:
                publish_display_data(output["data"], output.get("metadata", {}))

    def quiet(self, shell: Any, kind: type, error: BaseException, trace: Any, **more: Any) -> list:
        """In place of a demo's traceback, nothing: `after` says it in a sentence."""
        if not self.ours:
            shell.showtraceback((kind, error, trace))
        return [said(error)]


def said(error: BaseException) -> str:
    """The error's name and the first line of what it says."""
    lines = f"{error}".strip().splitlines()
    return f"{type(error).__name__}{f': {lines[0]}' if lines else ''}".rstrip(".")


def load_ipython_extension(shell: Any) -> None:
    """Watch over the demos that the environment names, if it names any."""
    if not (named := os.environ.get(PLAN)):
        return
    if os.environ.get(OFFLINE):
        from labs.kit.talk import offline

        offline.cut_off()
    demos = Demos(shell, json.loads(Path(named).read_text(encoding="utf-8")))
    shell.set_custom_exc((BaseException,), demos.quiet)
    shell.events.register("pre_run_cell", demos.before)
    shell.events.register("post_run_cell", demos.after)
