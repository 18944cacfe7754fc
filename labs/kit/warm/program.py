"""A Python program as a fork: what `python -m MODULE` does, without the seconds of imports."""

import os
import runpy
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import IO, Any

from labs.kit.warm import client, policy
from labs.kit.warm.protocol import Request

FORMS = ("-m", "-c")  # a module by its name, and source; nothing else is a program here


def become(request: Request, ready: Callable[[], None]) -> int:
    """Be the program that `request.argv` names; its exit code. For the forked child only."""
    form, what, *arguments = request.argv
    ready()
    sys.path.insert(0, request.cwd if form == "-m" else "")
    try:
        if form == "-m":
            sys.argv = [what, *arguments]  # runpy puts the file's name first
            sys.modules.pop(what, None)  # it runs anew, as the program
            runpy.run_module(what, run_name="__main__", alter_sys=True)
        else:
            sys.argv = ["-c", *arguments]
            main = sys.modules["__main__"] = type(sys)("__main__")
            exec(compile(what, "<string>", "exec"), main.__dict__)
    except SystemExit as leaving:
        if leaving.code is not None and not isinstance(leaving.code, int):
            print(leaving.code, file=sys.stderr)
        raise
    except KeyboardInterrupt as error:
        _tell(error)
        _end_by_ctrl_c()
    except BaseException as error:
        _tell(error)
        return 1
    return 0


def _tell(error: BaseException) -> None:
    """Print the traceback that the program would have by itself: none of our frames is in it."""
    trace = error.__traceback__
    while trace and trace.tb_frame.f_code.co_filename in (__file__, runpy.__file__):
        trace = trace.tb_next
    traceback.print_exception(type(error), error, trace)


def _end_by_ctrl_c() -> None:
    """End as an interpreter does, so that who waits sees the signal."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGINT)


class Program(client.Fork):
    """A program that runs; like a `subprocess.Popen`, as far as it is used here."""

    def __init__(self, fork: client.Fork, stdin: IO[bytes] | None):
        super().__init__(fork.connection)
        self.stdin = stdin


def begin(
    command: Sequence[str],
    *,
    stdin: Any = None,
    stdout: Any = None,
    stderr: Any = None,
    env: dict[str, str] | None = None,
    cwd: str | os.PathLike | None = None,
) -> subprocess.Popen | Program:
    """Start a program as `subprocess.Popen` does, as a fork where there can be one.

    `stdin` may be PIPE, the others files, and `stderr` STDOUT. A fork needs a server
    (LABS_FORK_SERVER), a command `python -m ...` or `python -c ...` of this interpreter, and
    an environment like the server's; else the program is a new process, which is as good
    and takes longer to begin.
    """
    given = {"stdin": stdin, "stdout": stdout, "stderr": stderr}
    variables = dict(os.environ if env is None else env)
    address = variables.get(policy.SERVER)
    if address and command[0] == sys.executable and command[1] in FORMS:
        place = os.path.abspath(cwd or os.getcwd())
        request = Request([str(one) for one in command[1:]], place, variables, policy.umask())
        try:
            return _forked(address, request, **given)
        except client.NoFork:
            pass
    return subprocess.Popen(command, env=env, cwd=cwd, **given)


def _forked(address: str, request: Request, stdin: Any, stdout: Any, stderr: Any) -> Program:
    out = 1 if stdout is None else stdout.fileno()
    errors = {None: 2, subprocess.STDOUT: out}
    err = errors[stderr] if stderr in errors else stderr.fileno()
    if stdin != subprocess.PIPE:
        fork = client.ask(address, request, (0 if stdin is None else stdin.fileno(), out, err))
        return _ready(Program(fork, None))
    reading, writing = os.pipe()
    try:
        fork = client.ask(address, request, (reading, out, err))
    except client.NoFork:
        os.close(writing)
        raise
    finally:
        os.close(reading)
    return _ready(Program(fork, os.fdopen(writing, "wb", buffering=0)))


def _ready(program: Program) -> Program:
    try:
        program.await_ready()
    except client.NoFork:
        if program.stdin:
            program.stdin.close()
        raise
    return program
