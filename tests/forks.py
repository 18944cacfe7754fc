"""Servers and scripts of tests as forks, where `labs test` keeps a fork server for its kernels.

Each is a process of its own that serves, is killed and ends like any other; what it does not
do is import MLflow and scikit-learn for five seconds. Without a fork server, and for lessons
in cold kernels, the same programs are new interpreters.
"""

import os
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

import pytest

from labs.deployment import local
from labs.kit.conditions import environment
from labs.kit.warm import program

FIXED = environment(Path(tempfile.gettempdir()))  # what the fork server was begun with
del FIXED["LABS_WORKSPACE"]


@pytest.fixture(scope="module", autouse=True)
def servers_are_forks():
    """For a module that imports this: its model servers are forks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(local, "begin", begin)
        yield


def begin(command, stdout=None, text=False, env=None, **given):
    """Like `subprocess.Popen`; `stdout` may be PIPE, to be read from."""
    start = partial(program.begin, [*map(str, command)], env={**(env or os.environ), **FIXED})
    if stdout != subprocess.PIPE:
        return start(stdout=stdout, **given)
    reading, writing = os.pipe()
    with open(writing, "wb") as out:
        process = start(stdout=out, **given)
    process.stdout = os.fdopen(reading, "r" if text else "rb")
    return process


def python(code, *arguments, **given):
    """How `python -c code` ends and what it prints, as `subprocess.run` tells it."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        status = begin(command, stdout=out, stderr=err, **given).wait()
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read().decode())
    return subprocess.CompletedProcess(command, status, *texts)
