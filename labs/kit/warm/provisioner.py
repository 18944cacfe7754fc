"""The plug: with it papermill, nbclient, nbval, nbconvert and JupyterLab use warm kernels.

Jupyter chooses it by the environment variable JUPYTER_DEFAULT_PROVISIONER_NAME.
Anything unexpected starts the kernel the usual way, and says so.
"""

import asyncio
import logging
import os
import sys
from pathlib import Path
from typing import Any

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.provisioning import LocalProvisioner

from labs.kit.warm import client, policy, starting
from labs.kit.warm.protocol import Request
from labs.kit.warm.ready import prompt

UNDERSTOOD = {"env", "cwd", "stdin", "stdout", "stderr", "extra_arguments", "kernel_id"}
UNDERSTOOD |= {"independent"}
LAUNCH = "-m ipykernel_launcher"

log = logging.getLogger(__name__)  # the provisioner's own is silent outside an application


class WarmProvisioner(LocalProvisioner):
    """Starts a kernel as a fork of the server that LABS_FORK_SERVER names."""

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """Fork a kernel, or start one the usual way and log why; see the base class."""
        env = dict(kwargs.get("env") or os.environ)
        if env.get(policy.KERNELS) == "cold":  # asked for: nothing to complain of
            policy.note(False, "asked for")
            return await super().launch_kernel(cmd, **kwargs)
        reason = unsuitable(cmd, env, kwargs)
        if not reason:
            try:
                return await self._fork(cmd, env, kwargs)
            except client.NoFork as error:
                reason = str(error)
        log.warning(policy.note_cold(reason))
        return await super().launch_kernel(cmd, **kwargs)

    async def _fork(self, cmd: list[str], env: dict, kwargs: dict) -> KernelConnectionInfo:
        folder = os.path.abspath(kwargs.get("cwd") or os.getcwd())
        arguments = cmd[cmd.index("-m") + 2 :]
        request = Request(
            arguments, folder, {**env, "JPY_PARENT_PID": str(os.getpid())}, policy.umask()
        )
        reading, writing = os.pipe()
        os.close(writing)  # a kernel's standard input is at its end
        try:
            out, err = (
                _descriptor(kwargs.get(name), n) for name, n in (("stdout", 1), ("stderr", 2))
            )
            fork = client.ask(env[policy.SERVER], request, (reading, out, err))
        finally:
            os.close(reading)
        try:
            await client.until_ready(fork)
        except client.NoFork as error:
            why = starting.why_it_ended(env[policy.SERVER])
            raise client.NoFork(f"{error}{f'; its last words: {why}' if why else ''}") from None
        self.process, self.pid, self.pgid, self.cwd = fork, fork.pid, fork.pid, folder
        if self.parent:
            self.parent.client_factory = prompt(self.parent.client_factory)
        policy.note(True)
        return self.connection_info

    async def wait(self) -> int | None:
        """Wait until the kernel has ended; a fork's end is heard of at once."""
        if not isinstance(self.process, client.Fork):
            return await super().wait()
        pause = 0.001
        while self.process.poll() is None:
            await asyncio.sleep(pause)
            pause = min(2 * pause, 0.1)
        code, self.process = self.process.returncode, None
        return code

    async def kill(self, restart: bool = False) -> None:
        """Kill the kernel, and stay until a fork is gone: its ports are then free."""
        await super().kill(restart)
        fork = self.process
        for _ in range(500):
            if not isinstance(fork, client.Fork) or fork.poll() is not None:
                return
            await asyncio.sleep(0.002)


def unsuitable(cmd: list[str], env: dict[str, str], kwargs: dict[str, Any]) -> str:
    """Why this kernel cannot be a fork; empty if it can."""
    if reason := policy.platform_reason():
        return reason
    if not env.get(policy.SERVER):
        return f"{policy.SERVER} names no fork server"
    if Path(cmd[0]).absolute() != Path(sys.executable).absolute():
        return f"its interpreter is {cmd[0]}, not {sys.executable}"
    if LAUNCH not in " ".join(cmd[1:4]):
        return f"its command is not IPython's: {' '.join(cmd[1:4])}"
    options = cmd[1 : cmd.index("-m")]
    if set(options) - {"-Xfrozen_modules=off"}:  # only a debugger inside Python's own needs it
        return f"its interpreter has the options {' '.join(options)}"
    if kwargs.get("independent"):
        return "it shall outlive the program that starts it"
    if unknown := sorted(set(kwargs) - UNDERSTOOD):
        return f"it is started with {', '.join(unknown)}"
    if any(isinstance(kwargs.get(name), int) for name in ("stdin", "stdout", "stderr")):
        return "its streams are pipes"
    return ""


def _descriptor(stream: Any, default: int) -> int:
    return default if stream is None else stream.fileno()
