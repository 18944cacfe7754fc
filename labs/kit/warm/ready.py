"""A kernel client that knows at once when a warm kernel is ready.

Jupyter's own client ends its wait with 0.2 s of silence on the output channel. Here
it ends with the message that says the kernel is idle: after that nothing follows.
"""

import time
from functools import cache
from queue import Empty

from jupyter_client.client import KernelClient
from jupyter_client.utils import ensure_async, run_sync

REPLY_SECONDS = 1.0
IDLE_SECONDS = 0.1  # a subscription takes a moment; then the question is asked again


class Prompt:
    """Mixed into a client class: waits for the answer and the idle message, no longer."""

    async def _async_wait_for_ready(self, timeout: float | None = None) -> None:
        deadline = time.monotonic() + (float("inf") if timeout is None else timeout)
        while not await self._answers_and_idles():
            if not await self._async_is_alive():
                raise RuntimeError("Kernel died before replying to kernel_info")
            if time.monotonic() > deadline:
                raise RuntimeError(f"Kernel didn't respond in {timeout} seconds")

    async def _answers_and_idles(self) -> bool:
        asked = self.kernel_info()
        try:
            reply = await _message(self.shell_channel, asked, "kernel_info_reply", REPLY_SECONDS)
            await _message(self.iopub_channel, asked, "status", IDLE_SECONDS)
        except Empty:
            return False
        self._handle_kernel_info_reply(reply)
        return True


async def _message(channel, asked: str, kind: str, seconds: float) -> dict:
    """The message of this kind that answers `asked`; of `status`, the one that says idle."""
    while True:
        message = await ensure_async(channel.get_msg(timeout=seconds))
        answered = message["parent_header"].get("msg_id") == asked and message["msg_type"] == kind
        if answered and (kind != "status" or message["content"]["execution_state"] == "idle"):
            return message


@cache
def prompt(factory: type[KernelClient]) -> type[KernelClient]:
    """The client class `factory` with a prompt wait."""
    if issubclass(factory, Prompt):
        return factory
    wait = Prompt._async_wait_for_ready
    blocking = not _is_async(factory)
    body = {"wait_for_ready": run_sync(wait) if blocking else wait}
    return type(f"Prompt{factory.__name__}", (Prompt, factory), body)


def _is_async(factory: type[KernelClient]) -> bool:
    import inspect

    return inspect.iscoroutinefunction(factory.wait_for_ready)
