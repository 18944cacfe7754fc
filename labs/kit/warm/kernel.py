"""What a fork of the server becomes: an IPython kernel like any other."""

import logging
import multiprocessing
import os
import re
import sys
import threading
import typing
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from types import SimpleNamespace
from typing import Any

from labs.kit.warm import memory, program
from labs.kit.warm.protocol import Request

SETTING = re.compile(r"--IPKernelApp\.(\w+)=(.*)", re.DOTALL)
HISTORY = "--HistoryManager.hist_file="
OURS = ("__main__", "labs", "multiprocessing")  # the server's modules, no kernel's
NEW: dict[str, Any] = {}  # the modules of a kernel that has just begun, as ipykernel lists them
LOGGERS: dict[str, Any] = {}  # and its loggers


def become(request: Request, ready: Callable[[], None]) -> int:
    """Be the kernel that `request.argv` describes until it is shut down; its exit code.

    Calls `ready` once its sockets are bound. Runs in the forked child only: it
    changes this process for good.
    """
    import numpy
    from ipykernel.kernelapp import IPKernelApp

    sys.argv = [_launcher(), *request.argv]
    app = IPKernelApp.instance(parent_handle=os.getppid())
    if (config := settings(request.argv)) is not None:
        app.parse_command_line = partial(_take, app, config)
    with _as_new():
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


def settings(argv: list[str]) -> Any:
    """What `argv` configures, if it is but what Jupyter's programs say; None if it is more.

    That is `-f FILE`, and settings of the application and of its history. traitlets would
    build a parser of every option of every class for it, which takes a fifth of the time that
    a kernel takes to begin.
    """
    from ipykernel.kernelapp import IPKernelApp
    from traitlets.config import Config
    from traitlets.config.loader import DeferredConfigString

    config, known, left = Config(), IPKernelApp.class_traits(), list(argv)
    while left:
        one = left.pop(0)
        if one == "-f" and left:
            config.IPKernelApp.connection_file = left.pop(0)
        elif (found := SETTING.fullmatch(one)) and found[1] in known:
            config.IPKernelApp[found[1]] = known[found[1]].from_string(found[2])
        elif one.startswith(HISTORY):
            config.HistoryManager.hist_file = DeferredConfigString(one.removeprefix(HISTORY))
        else:
            return None
    return config


def _take(app: Any, config: Any, argv: list[str]) -> None:
    """Do what `parse_command_line` does with what it has found."""
    app.argv, app.cli_config, app.extra_args = argv, config, []
    app.update_config(config)


class _Sys:
    """`sys`, but for its `modules`."""

    def __init__(self, modules: dict[str, Any]):
        self.modules = modules

    def __getattr__(self, name: str) -> Any:
        return getattr(sys, name)


class _Loggers(dict):
    """A new kernel's loggers to one who lists them; one who asks for a name finds any."""

    def __init__(self, every: dict[str, Any]):
        super().__init__(LOGGERS)
        self.every = every

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name) or name in self.every

    def __missing__(self, name: str) -> Any:
        return self.every[name]


def note() -> None:
    """Take what is loaded now for what a new kernel has; for the server alone."""
    for name, module in sys.modules.items():
        if (file := getattr(module, "__file__", None)) and name.split(".")[0] not in OURS:
            NEW[memory.anew(name)] = SimpleNamespace(__file__=memory.anew(file))
    LOGGERS.update(logging.root.manager.loggerDict)


@contextmanager
def _as_new() -> Iterator[None]:
    """Let a kernel find no more modules and loggers than one of its own while it begins.

    It lists the files of all modules for the debugger, which steps over them, and switches
    every logger on. The libraries of the course are the learner's, not the kernel's; and
    looking at thousands of modules and loggers would copy their pages into each fork, which
    is a third of the time that a kernel takes to begin.
    """
    from ipykernel import ipkernel

    manager = logging.root.manager
    every, few = manager.loggerDict, _Loggers(manager.loggerDict)
    ipkernel.sys, manager.loggerDict = _Sys(NEW), few
    try:
        yield
    finally:
        ipkernel.sys, manager.loggerDict = sys, every
        every.update(few)


def prepare() -> None:
    """Do in the server, once, what would touch thousands of pages in each fork.

    A first look at whether a text is a mapping asks every class that is one, as each record
    of a log does; the first at the annotations of a class tells all that descend from it.
    """
    for one in ("", 0, []):
        isinstance(one, Mapping)
    getattr(typing.Generic, "__annotations__", None)  # which zmq's sockets are
    memory.gather_names()


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
