"""From a clone and a bare Python to a running command: make `.venv`, then hand over to it.

Standard library only, like `environment`, `installer` and `progress`, which it
uses: they run before anything is installed.
"""

import errno
import os
import sys
from pathlib import Path

from labs.kit.environment import Environment
from labs.kit.errors import UserError

ROOT = Path(__file__).resolve().parents[2]
EVERYTHING = ("default", "book", "test")
GROUPS = dict.fromkeys(("test", "refresh", "lock", "bench", "new"), EVERYTHING)
LEARNER = ("default", "book")
USAGE = """\
usage: python3 labs COMMAND

  python3 labs start    open the lessons in JupyterLab
  python3 labs test     run every test

The first command makes an environment in .venv: about 1.2 GB and two minutes,
once. After that, python3 labs --help lists every command.
"""


def main(arguments: list[str] | None = None) -> int:
    """Bring the environment up to date and run the command in it; its exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    environment = Environment(ROOT)
    if not environment.exists() and (not arguments or arguments[0].startswith("-")):
        print(USAGE, end="")
        return 0 if arguments else 2
    groups = GROUPS.get(arguments[0] if arguments else "", LEARNER)
    try:
        environment.ensure(groups)
        return hand_over(environment, arguments)
    except UserError as error:
        print(error, file=sys.stderr)
    except OSError as error:
        print(explain(error, environment.folder), file=sys.stderr)
    return 1


def explain(error: OSError, folder: Path) -> str:
    """What a failing file system means for the user."""
    where = error.filename or folder
    if error.errno == errno.ENOSPC:
        return f"{where}: the disk is full. Make room (about 2 GB) and run the same command again."
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        if os.name == "nt":  # there an open file cannot be replaced
            return f"{where} is in use or protected. Close JupyterLab, then run the command again."
        return f"{where}: writing is not allowed here. Clone the labs into a folder of your own."
    return f"{where}: {error.strerror or error}. Put that right and run the same command again."


def hand_over(environment: Environment, arguments: list[str]) -> int:
    """Replace this process by the command in the environment; on Windows, wait for it."""
    command = [str(environment.python), "-P", "-m", "labs", *arguments]
    variables = environment.variables()
    sys.stdout.flush()
    sys.stderr.flush()
    if os.name != "nt":
        os.execve(command[0], command, variables)
    import signal
    import subprocess

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the command's to answer
    return subprocess.call(command, env=variables)
