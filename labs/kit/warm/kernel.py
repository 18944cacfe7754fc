"""What a fork of the server becomes: an IPython kernel like any other."""

import os
import sys
from collections.abc import Callable

from labs.kit.warm.protocol import Request


def become(request: Request, ready: Callable[[], None]) -> int:
    """Be the kernel that `request.argv` describes until it is shut down; its exit code.

    Calls `ready` once its sockets are bound. Runs in the forked child only: it
    changes this process for good.
    """
    import numpy
    from ipykernel.kernelapp import IPKernelApp

    numpy.random.seed()  # each fork its own numbers; `random` sees to itself
    sys.argv = [_launcher(), *request.argv]
    app = IPKernelApp.instance(parent_handle=os.getppid())
    app.initialize(request.argv)
    ready()
    app.start()
    return 0


def _launcher() -> str:
    """The path that `python -m ipykernel_launcher` would have as its first argument."""
    from importlib.util import find_spec

    return find_spec("ipykernel_launcher").origin
