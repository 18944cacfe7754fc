"""The process in which a stranger's cells run and their answers are called.

It holds the learner's notebook and nothing else: no check, no expected value, no seed of
the judge's. What it says to the judge is data, and may be a lie: the judge asks only what
an answer is, never whether it is right.
"""

import contextlib
import importlib
import json
import os
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from labs.kit.exercise import limits as exercise_limits
from labs.kit.exercise.shown import said, words
from labs.kit.grading import wire

METHODS = {
    "Model": ("predict",),
    "Registry": ("versions", "alias", "events", "predict"),
    "Service": ("get", "post"),
}
ROOM = 200_000  # bytes of a message beside the answer: what was printed
FOLDERS = ("HOME", "TMPDIR", "IPYTHONDIR", "MPLCONFIGDIR", "LABS_WORKSPACE")  # variables
SILENT = ("check", "hint", "solution", "show_exercises")  # of labs.kit.exercise, while graded


def prepare() -> None:
    """Make the shell that every fork will have of its own; for the grading server only."""
    _shell()


def become(request: Any, ready: Callable[[], None]) -> int:
    """Be the process of one submission, shut in; for a fork of the grading server only."""
    from labs.kit.grading import confine

    config = json.loads(request.argv[0])
    reading, writing = _channel()
    code = confine.shut_in(config["limits"], config["read"], config["scratch"], config["own"])
    if code is not None:
        os._exit(code)  # the one that watches
    os.environ.update(dict.fromkeys(FOLDERS, config["scratch"]))
    os.chdir(config["scratch"])
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed()  # the server drew for all of its forks
    ready()
    return serve(reading, writing, config["limits"])


def main() -> int:
    """Be the process of one submission where there is no fork server; its argument is JSON."""
    config = json.loads(sys.argv[1])
    reading, writing = _channel()
    from labs.kit.warm import preload

    preload.load(config["modules"])
    prepare()
    os.chdir(config["scratch"])
    limits = receive(reading)
    if limits is None:
        return 0  # nobody needed this process
    if sys.platform == "linux":
        from labs.kit.grading.confine import limit_only

        limit_only(limits)
    return serve(reading, writing, limits)


def _channel() -> tuple[BinaryIO, BinaryIO]:
    """Take 0 and 1 for the judge alone; what is printed goes where errors go."""
    reading, writing = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(2, 1)
    os.close(null)
    return os.fdopen(reading, "rb", buffering=0), os.fdopen(writing, "wb", buffering=0)


def serve(reading: BinaryIO, writing: BinaryIO, limits: dict) -> int:
    """Do what the judge asks until it asks no more."""
    learner = Learner(limits)
    while (question := receive(reading)) is not None:
        send(writing, _answered(learner, question))
    return 0


def receive(stream: BinaryIO) -> Any:
    """One message, or None at the end."""
    head = _exactly(stream, wire.HEAD.size)
    return None if head is None else wire.decode(head, _exactly(stream, wire.size(head)) or b"")


def _exactly(stream: BinaryIO, count: int) -> bytes | None:
    parts = bytearray()
    while len(parts) < count:
        part = stream.read(min(count - len(parts), 1 << 20))
        if not part:
            return None
        parts += part
    return bytes(parts)


def send(stream: BinaryIO, answer: Any) -> None:
    """Send one message, whole."""
    write(stream, wire.encode(answer))


def write(stream: BinaryIO, message: bytes) -> None:
    """Write all of `message`; a pipe takes it in parts."""
    left = memoryview(message)
    while left:
        left = left[stream.write(left) :]


def _answered(learner: "Learner", question: list) -> dict[str, Any]:
    """What `question` comes to: its value, or the error it ended in, and what was printed."""
    number, name, *given = question
    with exercise_limits.printing() if name in ("call", "use") else _as_it_is() as printed:
        try:
            answer = {"value": getattr(learner, name)(*given)}
            wire.encode(answer, int(learner.limits["answer"]) - ROOM)
        except exercise_limits.TooLong:
            answer = {"late": True}
        except wire.Unfit as error:
            answer = {"raised": ["ValueError"], "said": f"what came back: {error}"}
        except BaseException as error:
            answer = _told(error)
    return answer | {"to": number} | ({"printed": printed.text()} if printed else {})


@contextlib.contextmanager
def _as_it_is():
    yield None


def _told(error: BaseException) -> dict[str, Any]:
    """An error as data: its kind, those that it descends from, and what it says."""
    kinds = [kind.__name__ for kind in type(error).__mro__]
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    file = trace.tb_frame.f_code.co_filename if trace else ""
    is_kinds = Path(file).name == "kinds.py" and isinstance(error, AssertionError)
    return {"raised": kinds, "said": words(error), "of_kind": is_kinds}


class Learner:
    """What the judge may ask. `limits` are those of `labs.kit.grading.limits`."""

    def __init__(self, limits: dict):
        self.limits = limits
        self._shell = _shell()
        self._open: dict[str, tuple[contextlib.ExitStack, Any]] = {}

    def cell(self, source: str) -> dict[str, str] | None:
        """Run one cell; the kind of its error and what it says, if it raised."""
        with exercise_limits.seconds(self.limits["cell_seconds"]):
            result = self._shell.run_cell(source)
        sys.stdout.flush()
        error = result.error_before_exec or result.error_in_exec
        if isinstance(error, exercise_limits.TooLong):
            raise error
        return None if error is None else {"kind": type(error).__name__, "said": said(error)}

    def give(self, name: str, value: Any) -> None:
        """Set a name: a free text."""
        self._shell.user_ns[name] = value

    def get(self, name: str) -> dict[str, Any]:
        """Whether the answer is "missing", a "function", or a "value", and which."""
        value = self._shell.user_ns.get(name, ...)
        if value is ...:
            return {"is": "missing"}
        if isinstance(value, types.FunctionType):
            return {"is": "function"}
        return {"is": "value", "value": value}

    def call(self, name: str, args: list, named: dict) -> Any:
        """What a function of the learner's returns."""
        with exercise_limits.seconds(self.limits["call_seconds"]):
            return self._shell.user_ns[name](*args, **named)

    def open(self, kind: str, name: str) -> None:
        """Open an answer as a kind: Model, Registry, Service."""
        from labs.kit.exercise import kinds

        stack = contextlib.ExitStack()
        with exercise_limits.seconds(self.limits["call_seconds"]):
            opened = getattr(kinds, kind).of(self._shell.user_ns[name], name)
            self._open[name] = stack, stack.enter_context(opened)

    def use(self, name: str, kind: str, method: str, args: list, named: dict) -> Any:
        """What a method of an opened answer returns."""
        if method not in METHODS[kind]:
            raise ValueError(f"a {kind} has no {method}")
        with exercise_limits.seconds(self.limits["call_seconds"]):
            return getattr(self._open[name][1], method)(*args, **named)

    def close(self, name: str) -> None:
        """Let go of an opened answer."""
        if name in self._open:
            self._open.pop(name)[0].close()

    def memory(self) -> int:
        """The most that this process has held, in bytes."""
        if sys.platform == "win32":
            return 0
        import resource

        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most * (1 if sys.platform == "darwin" else 1024)


def _shell() -> Any:
    """The shell: as in a notebook, without history and colours; its `exit` ends nothing."""
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    if InteractiveShell.initialized():
        return InteractiveShell.instance()
    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "nocolor"
    if pyplot := sys.modules.get("matplotlib.pyplot"):
        pyplot.switch_backend("agg")
    InteractiveShell.ask_exit = lambda self: None
    shell = InteractiveShell.instance(config=config)
    shell.showtraceback = types.MethodType(_show_traceback, shell)
    shell.displayhook.write_output_prompt = lambda: None  # the feedback shows values alone
    exercise = importlib.import_module("labs.kit.exercise")
    for name in SILENT:
        setattr(exercise, name, _silent)
    return shell


def _show_traceback(shell: Any, *args: Any, **named: Any) -> None:
    """Print an error in a line: the feedback names the cell, and tracebacks name our files."""
    print(said(sys.exc_info()[1]), flush=True)


def _silent(*args: Any, **named: Any) -> None:
    """Stand in for `check` and `hint`, which have nothing to say at grading."""


if __name__ == "__main__":
    sys.exit(main())
