"""nbval's kernel, but one that says at once when it has died and leaves no history."""

import time
from queue import Empty

import nbval.kernel
import nbval.plugin

from labs.kit.warm.ready import Prompt

SLICE = 0.2  # seconds between two looks at whether the kernel still lives


class KernelDied(RuntimeError):
    """A cell took its kernel down; nbval alone would wait out the cell's whole time."""

    def __init__(self):
        super().__init__(
            "This cell took the kernel down (it ended without an answer). Look for os._exit, "
            "a crash in a compiled library, or too little memory."
        )


class WatchedKernel(nbval.plugin.RunningKernel):
    """Hears of a dead kernel between messages."""

    def get_message(self, stream: str, timeout: float | None = None) -> dict:
        """The next message; raises Empty after `timeout`, KernelDied if none can come."""
        # Not the base's way: it lays out each message, pictures too, for a log nobody reads.
        get = {"iopub": self.kc.get_iopub_msg, "shell": self.kc.get_shell_msg}[stream]
        deadline = float("inf") if timeout is None else time.monotonic() + timeout
        while True:
            left = deadline - time.monotonic()
            try:
                return get(timeout=min(SLICE, max(left, 0)))
            except Empty:
                if left <= SLICE:
                    raise
                if not self.is_alive():
                    break
        try:
            return get(timeout=0)  # what it said last
        except Empty:
            raise KernelDied from None

    def _ensure_iopub_up(self) -> None:
        """Ask until the kernel is heard to publish, unless its client has just heard it."""
        if not isinstance(self.kc, Prompt):
            super()._ensure_iopub_up()


def install() -> None:
    """Have nbval use this kernel, and keep IPython's history in memory."""
    if nbval.plugin.RunningKernel is WatchedKernel:
        return
    start = nbval.kernel.start_new_kernel

    def without_history(*args, **kwargs):
        arguments = ["--HistoryManager.hist_file=:memory:", "--IPKernelApp.log_level=40"]
        return start(*args, extra_arguments=arguments, **kwargs)

    nbval.kernel.start_new_kernel = without_history
    nbval.plugin.RunningKernel = WatchedKernel
