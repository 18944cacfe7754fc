"""Run inside a kernel: everything that one kernel could have otherwise than another.

`fingerprint()` is a dictionary of groups, each a dictionary of names and texts.
Addresses and temporary names are replaced by what they are.
It imports nothing that IPython has not imported, so that it can be taken first of all.
"""

import os
import re
import sys


def fingerprint():
    """What can be seen of this kernel before anybody has imported a library."""
    groups = (
        interpreter,
        hooks,
        environment,
        process,
        signals,
        limits,
        threads,
        descriptors,
        ipython,
        formatters,
        application,
        warning_filters,
        loggers,
        memory,
        locales,
        standard_library,
        main_module,
        builtin_names,
        modules,
    )
    return {group.__name__: {str(k): plain(v) for k, v in group().items()} for group in groups}


def libraries():
    """What can be seen of the libraries that lessons configure; they must be imported."""
    return {group.__name__: {str(k): plain(v) for k, v in group().items()} for group in LIBRARIES}


def read(path):
    with open(path) as file:
        return file.read()


def status():
    return dict(line.split(":\t", 1) for line in read("/proc/self/status").splitlines())


def plain(value):
    """The text of `value` without addresses, process numbers and temporary names."""
    text = value if isinstance(value, str) else repr(value)
    text = re.sub(r"0x[0-9a-f]+", "ADDRESS", text)
    text = re.sub(r"[^\s'\"=]*kernel-?[0-9a-f-]{10,}\.json|/\S*/tmp\w+\.json", "CONNECTION", text)
    return re.sub(r"(pipe|socket):\[\d+\]", r"\1", text)


def named(thing):
    """Where a function or class comes from and what it is called."""
    owner = getattr(thing, "__self__", None)
    thing = getattr(thing, "__func__", thing)
    module = getattr(thing, "__module__", None) or type(thing).__module__
    name = getattr(thing, "__qualname__", None) or type(thing).__qualname__
    return f"{module}.{name}" + (f" of {type(owner).__name__}" if owner is not None else "")


def interpreter():
    names = "path flags argv orig_argv executable prefix base_prefix version warnoptions _xoptions"
    names += " dont_write_bytecode pycache_prefix float_repr_style platform byteorder maxsize"
    names += " hash_info meta_path path_hooks platlibdir"
    values = {name: getattr(sys, name, None) for name in names.split()}
    values["meta_path"] = [named(finder) for finder in sys.meta_path]
    values["path_hooks"] = [named(hook) for hook in sys.path_hooks]
    for name in ("recursionlimit", "switchinterval", "dlopenflags", "int_max_str_digits"):
        values[name] = getattr(sys, f"get{name}", getattr(sys, f"get_{name}", None))()
    values["coroutine depth"] = sys.get_coroutine_origin_tracking_depth()
    for name in ("stdin", "stdout", "stderr", "__stdin__", "__stdout__", "__stderr__"):
        stream = getattr(sys, name)
        kind = type(stream).__qualname__, getattr(stream, "encoding", ""), stream.errors
        values[name] = (*kind, getattr(stream, "mode", ""), getattr(stream, "line_buffering", ""))
    return values


def hooks():
    import threading

    names = "displayhook excepthook unraisablehook breakpointhook __displayhook__ __excepthook__"
    values = {name: named(getattr(sys, name)) for name in names.split()}
    values |= {"trace": sys.gettrace(), "profile": sys.getprofile()}
    values["async generators"] = sys.get_asyncgen_hooks()
    values["threads"] = named(threading.excepthook), threading.stack_size()
    values["debugger"] = os.environ.get("PYTHONBREAKPOINT"), hasattr(sys, "last_traceback")
    if monitoring := getattr(sys, "monitoring", None):
        values["monitoring"] = [monitoring.get_tool(number) for number in range(6)]
    return values


def environment():
    return os.environ


def process():
    known = status()
    names = "Umask Uid Gid Groups NoNewPrivs Seccomp Cpus_allowed_list CoreDumping THP_enabled"
    values = {name: known.get(name, "").strip() for name in names.split()}
    values |= {"folder": os.getcwd(), "nice": os.nice(0)}
    values["leads its group"] = os.getpgrp() == os.getpid()
    values["leads its session"] = os.getsid(0) == os.getpid()
    values["oom"] = read("/proc/self/oom_score_adj").strip()
    values["name"] = read("/proc/self/comm").strip()
    values["command"] = read("/proc/self/cmdline").split("\0")[1:4]
    values["terminal"] = os.path.exists("/dev/tty") and can_open("/dev/tty")
    values["dies with its parent"] = death_signal()
    values["parent"] = read(f"/proc/{os.getppid()}/cmdline").split("\0")[1:3]
    return values


def can_open(path):
    try:
        os.close(os.open(path, os.O_RDWR))
    except OSError as error:
        return error.strerror
    return True


def death_signal():
    import ctypes

    number = ctypes.c_int()
    ctypes.CDLL(None).prctl(2, ctypes.byref(number))
    return number.value


def signals():
    import faulthandler
    import signal

    known = status()
    values = {}
    for number in sorted(signal.valid_signals()):
        handler = signal.getsignal(number)
        values[number] = named(handler) if callable(handler) else handler
    masks = {name: known[name].strip() for name in ("SigBlk", "SigIgn", "SigCgt")}
    wakeup = signal.set_wakeup_fd(-1)
    signal.set_wakeup_fd(wakeup, warn_on_full_buffer=False)
    timers = [signal.getitimer(which) for which in (signal.ITIMER_REAL, signal.ITIMER_PROF)]
    more = {"faulthandler": faulthandler.is_enabled(), "wakes": wakeup >= 0, "timers": timers}
    return values | masks | more


def limits():
    import resource

    names = [name for name in dir(resource) if name.startswith("RLIMIT_")]
    return {name: resource.getrlimit(getattr(resource, name)) for name in names}


def threads():
    import threading

    alive = threading.enumerate()
    tasks = [f"/proc/self/task/{task}/comm" for task in os.listdir("/proc/self/task")]
    return {
        "names": sorted(numberless(thread.name) for thread in alive),
        "daemons": sorted(numberless(thread.name) for thread in alive if thread.daemon),
        "in the main one": threading.main_thread() is threading.current_thread(),
        "of the process": sorted(read(task).strip() for task in tasks),
        "main's number": threading.main_thread().native_id == os.getpid(),
    }


def numberless(text):
    return re.sub(r"\d+", "N", text)


def descriptors():
    kinds = []
    for name in os.listdir("/proc/self/fd"):
        try:
            target = plain(os.readlink(f"/proc/self/fd/{name}"))
            place = name if int(name) < 3 else "other"
            shared = "inherited" if os.get_inheritable(int(name)) else "closed on exec"
        except OSError:
            continue  # the listing's own
        kinds.append(f"{place}: {target}, {shared}")
    return {kind: kinds.count(kind) for kind in kinds}


def ipython():
    shell = get_ipython()  # noqa: F821
    values = {
        "class": named(type(shell)),
        "config": sorted(shell.config.items()),
        "events": {
            name: [named(f) for f in found] for name, found in shell.events.callbacks.items()
        },
        "clean-ups": [named(f) for f in shell.input_transformers_cleanup],
        "transformers": [named(f) for f in shell.input_transformers_post],
        "lines": [named(f) for f in shell.input_transformer_manager.line_transforms],
        "tokens": [named(f) for f in shell.input_transformer_manager.token_transformers],
        "tree transformers": [named(type(f)) for f in shell.ast_transformers],
        "exceptions": shell.custom_exceptions,
        "extensions": sorted(shell.extension_manager.loaded),
        "history": shell.history_manager.hist_file.removeprefix(os.path.expanduser("~")),
        "session": shell.history_manager.session_number > 0,
        "profile": shell.profile,
        "colours": shell.colors,
        "autoawait": (shell.autoawait, named(shell.loop_runner)),
        "count": shell.execution_count,
        "aliases": sorted(name for name, _ in shell.alias_manager.aliases),
        "hidden": sorted(name for name in shell.user_ns_hidden),
        "completer": {
            name: getattr(shell.Completer, name)
            for name in sorted(shell.Completer.trait_names())
            if name in ("use_jedi", "greedy", "evaluation", "omit__names", "limit_to__all__")
        },
        "matchers": [named(f) for f in shell.Completer.matchers],
        "pylab": (shell.active_eventloop, getattr(shell, "pylab_gui_select", None)),
        "debugger": (shell.call_pdb, named(shell.debugger_cls)),
        "traceback": (type(shell.InteractiveTB).__name__, shell.InteractiveTB.mode),
    }
    hooks = {name: named(getattr(shell.hooks, name)) for name in sorted(shell.hooks)}
    magics = shell.magics_manager.magics
    return values | {"hooks": hooks, **{f"magics: {kind}": sorted(magics[kind]) for kind in magics}}


def formatters():
    shell = get_ipython()  # noqa: F821
    values = {"active": shell.display_formatter.active_types}
    for kind, formatter in shell.display_formatter.formatters.items():
        types = {f"{one.__module__}.{one.__name__}" for one in formatter.type_printers}
        values[kind] = formatter.enabled, sorted(types)
        values[f"{kind}: later"] = sorted(map(".".join, formatter.deferred_printers))
    return values


def application():
    from ipykernel.kernelapp import IPKernelApp

    app = IPKernelApp.instance()
    kernel = app.kernel
    config = {name: dict(section) for name, section in app.config.items()}
    return {
        "class": named(type(app)),
        "kernel": named(type(kernel)),
        "config": config,
        "argv": app.argv,
        "extra": app.extra_args,
        "level": app.log_level,
        "messages": sorted(kernel.shell_handlers),
        "control": sorted(kernel.control_handlers),
        "comm targets": {k: named(v) for k, v in kernel.comm_manager.targets.items()},
        "trio": app.trio_loop,
        "matplotlib": (app.matplotlib, app.pylab, app.gui),
        "parent": (bool(app.parent_handle), bool(app.interrupt), type(app.poller).__name__),
        "folder": app.connection_dir == os.path.dirname(app.abs_connection_file),
        "transport": (app.transport, app.ip),
        "subshells": kernel._supports_kernel_subshells,
        "quiet": app.quiet,
        "streams": (named(type(sys.stdout)), sys.stdout.echo is not None),
    }


def warning_filters():
    import warnings

    filters = [repr(one) for one in warnings.filters]
    return {"in order": filters, "all": sorted(filters), "shows": named(warnings.showwarning)}


def loggers():
    import logging

    root = logging.getLogger()
    values = {"": logger(root), "disabled": root.manager.disable, "class": logging.getLoggerClass()}
    values["raises"] = logging.raiseExceptions, logging._srcfile is not None
    values["captures warnings"] = logging._warnings_showwarning is not None
    for name, one in root.manager.loggerDict.items():
        if isinstance(one, logging.Logger) and logger(one) != (0, [], [], True, False):
            values[name] = logger(one)
    return values


def logger(one):
    handlers = [(named(type(h)), h.level, named(type(h.formatter))) for h in one.handlers]
    return one.level, handlers, [named(f) for f in one.filters], one.propagate, one.disabled


def memory():
    import gc

    return {
        "enabled": gc.isenabled(),
        "thresholds": gc.get_threshold(),
        "debug": gc.get_debug(),
        "callbacks": [named(one) for one in gc.callbacks],
        "frozen": gc.get_freeze_count() > 0,
        "garbage": len(gc.garbage),
    }


def locales():
    import codecs
    import locale

    values = {
        "preferred": locale.getpreferredencoding(False),
        "now": locale.setlocale(locale.LC_ALL),
    }
    values["convention"] = locale.localeconv()
    values["files"] = sys.getfilesystemencoding(), sys.getfilesystemencodeerrors()
    values["default"] = sys.getdefaultencoding()
    names = ("strict", "ignore", "replace", "surrogateescape", "backslashreplace")
    return values | {name: named(codecs.lookup_error(name)) for name in names}


def standard_library():
    import asyncio
    import atexit
    import concurrent.futures.thread
    import decimal
    import getpass
    import multiprocessing
    import multiprocessing.process
    import pdb
    import socket
    import subprocess
    import tempfile
    import time
    import urllib.request

    values = {
        "asyncio policy": named(type(asyncio.get_event_loop_policy())),
        "asyncio loop": named(type(asyncio.get_running_loop())),
        "asyncio debug": asyncio.get_running_loop().get_debug(),
        "at exit": atexit._ncallbacks(),
        "pools' threads": len(concurrent.futures.thread._threads_queues),
        "decimal": decimal.getcontext(),
        "decimal default": decimal.DefaultContext,
        "password": named(getpass.getpass),
        "input": named(input),
        "print": named(print),
        "pdb": named(pdb.set_trace),
        "start method": multiprocessing.get_start_method(allow_none=True),
        "process": (
            multiprocessing.current_process().name,
            multiprocessing.parent_process(),
            len(multiprocessing.active_children()),
            sorted(set(multiprocessing.current_process()._config) - {"authkey"}),
            next(iter(multiprocessing.process._children), None),
        ),
        "socket timeout": socket.getdefaulttimeout(),
        "children": len(subprocess._active),
        "temporary folder": tempfile.tempdir,
        "zone": (time.tzname, time.timezone),
        "opener": urllib.request._opener,
        "running": time.process_time() < 60,
    }
    return values


def main_module():
    main = sys.modules["__main__"]
    own = {name: value for name, value in vars(main).items() if name.startswith("__")}
    own.pop("__builtins__", None)
    values = {name: own[name] for name in sorted(own)}
    values["is the user's"] = vars(main) is get_ipython().user_ns  # noqa: F821
    values["class"] = named(type(main))
    values["others"] = sorted(name for name in sys.modules if name.startswith("__m"))
    return values


def builtin_names():
    import builtins

    return {"names": sorted(vars(builtins)), "name": builtins.__name__}


def modules():
    return {
        "count": len(sys.modules),
        "none": sorted(k for k, v in sys.modules.items() if v is None),
    }


def matplotlib_state():
    import matplotlib.pyplot as plt

    values = {f"rc: {name}": value for name, value in sorted(plt.rcParams.items())}
    values["backend"] = plt.get_backend(), named(plt._get_backend_mod().FigureCanvas)
    values["interactive"] = plt.isinteractive(), len(plt.get_fignums())
    values["hook"] = named(plt._get_backend_mod().show)
    values["fonts"] = len(plt.matplotlib.font_manager.fontManager.ttflist)
    values["cycle"] = sorted(plt.style.library) == sorted(plt.style.available)
    return values


def pandas_options():
    import warnings

    import pandas
    from pandas._config import config

    with warnings.catch_warnings(action="ignore"):  # some names are deprecated
        names = sorted(config._registered_options)
        values = {name: pandas.get_option(name) for name in names}
    return values | {"numexpr": pandas.core.computation.expressions._evaluate.__name__}


def numpy_options():
    import numpy

    values = {**numpy.get_printoptions(), "errors": numpy.geterr(), "caller": numpy.geterrcall()}
    return values | {"buffer": numpy.getbufsize(), "bits": numpy.random.get_state()[0]}


def sklearn_options():
    import sklearn
    from threadpoolctl import threadpool_info

    pools = {f"{one['internal_api']} threads": one["num_threads"] for one in threadpool_info()}
    return sklearn.get_config() | pools


def mlflow_state():
    import mlflow
    from mlflow.environment_variables import _EnvironmentVariable

    variables = vars(mlflow.environment_variables).values()
    known = {one.name: one.get() for one in variables if isinstance(one, _EnvironmentVariable)}
    values = {
        "address": mlflow.get_tracking_uri().removeprefix(os.getcwd()),
        "registry": mlflow.get_registry_uri().removeprefix(os.getcwd()),
        "set": mlflow.is_tracking_uri_set(),
        "run": mlflow.active_run(),
        "model": mlflow.get_active_model_id(),
        "telemetry": mlflow.telemetry.get_telemetry_client(),
    }
    return known | values


def joblib_state():
    import joblib

    return {
        "cpus": joblib.cpu_count(),
        "backend": named(type(joblib.parallel.get_active_backend()[0])),
    }


def widgets_state():
    import ipywidgets

    values = {"front end": ipywidgets.widgets.widget._instances}
    from comm import get_comm_manager

    return values | {"manager": named(type(get_comm_manager())), "open": get_comm_manager().comms}


def model_servers():
    from labs.deployment import local

    return {"begun by": named(local.begin)}


LIBRARIES = (
    model_servers,
    matplotlib_state,
    pandas_options,
    numpy_options,
    sklearn_options,
    mlflow_state,
    joblib_state,
    widgets_state,
)
