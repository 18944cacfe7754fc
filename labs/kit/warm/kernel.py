"""What a fork of the server becomes: an IPython kernel like any other."""

import multiprocessing
import os
import sys
import threading
from collections.abc import Callable

from labs.kit.warm import program
from labs.kit.warm.protocol import Request


def become(request: Request, ready: Callable[[], None]) -> int:
    """Be the kernel that `request.argv` describes until it is shut down; its exit code.

    Calls `ready` once its sockets are bound. Runs in the forked child only: it
    changes this process for good.
    """
    import numpy
    from ipykernel.kernelapp import IPKernelApp

    sys.argv = [_launcher(), *request.argv]
    app = IPKernelApp.instance(parent_handle=os.getppid())
    app.initialize(request.argv)
    plain = app.shell.display_formatter.formatters["text/plain"]
    plain.type_printers.pop(numpy.float64, None)  # IPython adds it if it finds numpy imported
    if widgets := sys.modules.get("ipywidgets"):
        widgets.register_comm_target()  # its import does so where a kernel runs already
    if local := sys.modules.get("labs.deployment.local"):
        local.begin = program.begin  # a server for models need not import for seconds
    ready()
    app.start()
    return 0


def renew() -> None:
    """Give this fork what the server drew at random, or noted of itself, when it imported."""
    import numpy

    numpy.random.seed()  # `random` and `tempfile` see to themselves
    if faker := sys.modules.get("faker.generator"):
        faker.random.seed()
    multiprocessing.current_process().authkey = os.urandom(32)
    threading.main_thread()._set_native_id()  # before Python 3.13 it stays the server's


def _launcher() -> str:
    """The path that `python -m ipykernel_launcher` would have as its first argument."""
    from importlib.util import find_spec

    return find_spec("ipykernel_launcher").origin
