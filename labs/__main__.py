"""`python3 labs COMMAND` in a clone, `python -m labs COMMAND` in an environment.

Every Python since 2.7 must be able to read this file, so that an unsuitable one
is refused by name. In a clone the environment is made first, from the lock.
"""

import os
import sys

SUPPORTED = ((3, 11), (3, 12), (3, 13), (3, 14))  # as `requires-python` in pyproject.toml
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

if not __package__:  # run as a folder, whose modules must not shadow the standard library
    sys.path[0] = ROOT


def named(version):
    """`3.11` for (3, 11)."""
    return ".".join(str(part) for part in version)


def runs(program):
    """Whether a Python of that name is installed; a name alone may be a version manager's."""
    from subprocess import call

    with open(os.devnull, "w") as nowhere:
        try:
            return call([program, "-c", ""], stdout=nowhere, stderr=nowhere) == 0
        except OSError:
            return False


def refusal():
    """Why this Python cannot run the labs, and which one to use instead."""
    names = [named(version) for version in SUPPORTED]
    wanted = ", ".join(names[:-1]) + " or " + names[-1]
    lines = [
        "MLOps Labs needs Python " + wanted + ".",
        "This is Python " + named(sys.version_info[:3]) + ": " + sys.executable,
    ]
    found = [name for name in names if runs("python" + name)]
    if found:
        lines.append("Python " + found[-1] + " is here too.")
        lines.append("Run: python" + found[-1] + " labs start")
    else:
        lines.append("Install one of them, for example from https://www.python.org/downloads/,")
        lines.append("and run: python" + names[1] + " labs start  (on Windows: py labs start)")
    return "\n".join(lines) + "\n"


def inside():
    """Whether this interpreter has the kit's packages, so that no environment is to be made."""
    from importlib.util import find_spec

    return bool(__package__) and find_spec("jupyterlab") is not None


def main():
    """Run the command, in the environment that is here or in one made for it; the exit code."""
    if sys.version_info[:2] not in SUPPORTED:
        sys.stderr.write(refusal())
        return 1
    try:
        if inside():
            from labs.cli import main as run
        else:
            from labs.kit.bootstrap import main as run
        return run()
    except KeyboardInterrupt:
        sys.stderr.write("\nStopped. Run the same command again to go on.\n")
        return 130


if __name__ == "__main__":
    sys.exit(main())
