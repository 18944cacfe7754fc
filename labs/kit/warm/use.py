"""Which kernels a run of the lessons uses, as environment variables for its processes."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from importlib.metadata import entry_points

from labs.kit.warm import policy, starting

COLD = {policy.SELECT: "local-provisioner", policy.SERVER: "", policy.KERNELS: ""}


@contextmanager
def kernels(env: dict[str, str], cold: bool = False, stays: bool = False) -> Iterator[dict]:
    """The variables that select warm kernels, or cold ones, for the time of the block.

    `env` is what all kernels share. With `stays` the fork server is one that outlives
    this process, so that the next run finds it ready. Where kernels cannot be forked,
    they are cold, and it is said; in CI that raises UserError.
    """
    if cold:
        yield COLD
    elif reason := cannot_be_warm():
        print(policy.note_cold(reason).replace("This kernel starts", "Kernels start"), flush=True)
        yield COLD
    elif stays:
        yield _warm(starting.resident(env))
    else:
        with starting.session(env) as address:
            yield _warm(address)


@contextmanager
def for_jupyterlab(env: dict[str, str]) -> Iterator[dict]:
    """The variables with which JupyterLab's kernels are warm, for the time of the block.

    Where they cannot be, it is said, and kernels start the usual way: a learner
    waits some seconds more. Where `env` asks for cold ones, nothing is imported ahead.
    """
    with ExitStack() as stack:
        cold = env.get(policy.KERNELS) == "cold"
        reason = "" if cold else cannot_be_warm()
        if not (cold or reason):
            try:
                address = stack.enter_context(starting.session(env))
            except OSError as error:
                reason = f"no fork server could be started ({error})"
        if reason:
            print(f"Kernels start the usual way, in some seconds: {reason}.", flush=True)
        yield COLD if cold or reason else _warm(address)


def test_server() -> str:
    """The address of a resident server whose forks run pytest; empty where there can be none."""
    if cannot_be_warm() or policy.must_be_warm():
        return ""
    return starting.resident(dict(os.environ), starting.TESTS)


def _warm(address: str) -> dict[str, str]:
    return {policy.SELECT: policy.PROVISIONER, policy.SERVER: address, policy.KERNELS: ""}


def cannot_be_warm() -> str:
    """Why no kernel of this environment can be warm; empty if they can."""
    if reason := policy.platform_reason():
        return reason
    if not _is_registered():
        return "this environment was made before warm kernels; renew it with python3 labs test"
    return ""


@cache  # it reads the description of every installed package
def _is_registered() -> bool:
    group = entry_points(group="jupyter_client.kernel_provisioners")
    return policy.PROVISIONER in group.names
