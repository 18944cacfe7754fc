"""A program that is a fork ends, prints and dies as one in an interpreter of its own."""

import os
import signal
import subprocess
import sys
import tempfile

import psutil
import pytest
import warm

from labs.kit.conditions import environment
from labs.kit.warm import policy, program

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing is forked")


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    with warm.light_server(tmp_path_factory.mktemp("server")) as address:
        yield address


@pytest.fixture
def forked(address, tmp_path):
    """This process's environment is one in which programs are forks."""
    with warm.variables({**environment(tmp_path), **warm.warm(address)}):
        yield address


def done(command, begin=program.begin, **given):
    """The exit code of a program, and what it printed to both streams."""
    with tempfile.TemporaryFile() as out:
        process = begin([sys.executable, *command], stdout=out, stderr=subprocess.STDOUT, **given)
        code = process.wait()
        out.seek(0)
        return type(process), code, out.read().decode()


WAYS_TO_END = {
    "prints": "print('a'); import sys; print('b', file=sys.stderr)",
    "exits": "import sys; sys.exit(7)",
    "exits with a word": "import sys; sys.exit('no such file')",
    "raises": "def f():\n    return 1 / 0\nf()",
    "is not Python": "1 +",
    "is interrupted": "raise KeyboardInterrupt",
    "kills itself": "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
    "leaves at once": "import os; os._exit(4)",
    "has something to do at its end": "import atexit; atexit.register(print, 'last words')",
    "waits for its threads": "import threading, time\n"
    "threading.Thread(target=lambda: (time.sleep(0.1), print('done'))).start()",
    "asks what it is": "import sys; print(__name__, sys.argv, sys.path[0] == '')",
}


@pytest.mark.parametrize("way", WAYS_TO_END)
def test_source_ends_and_prints_as_in_an_interpreter_of_its_own(forked, way):
    command = ["-c", WAYS_TO_END[way], "one", "2"]
    kind, *found = done(command)
    assert kind is program.Program
    plain = dict(os.environ, PYTHONUNBUFFERED="1") if way == "prints" else None
    assert found == [*done(command, subprocess.Popen, env=plain)][1:]


def test_a_module_runs_as_the_program(forked, tmp_path):
    (tmp_path / "tool.py").write_text(
        "import sys\nprint(__name__, __file__, sys.argv, sys.path[0])\n"
    )
    command = ["-m", "tool", "--flag"]
    kind, *found = done(command, cwd=tmp_path)
    assert kind is program.Program
    assert found == [*done(command, subprocess.Popen, cwd=tmp_path)][1:]


def test_it_reads_what_is_written_to_it_and_sees_the_end(forked):
    code = "import sys; print(sys.stdin.readline().strip() * 2); print(sys.stdin.read() == '')"
    with tempfile.TemporaryFile() as out:
        process = program.begin(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=out, stderr=out
        )
        process.stdin.write(b"ab\n")
        process.stdin.close()
        assert process.wait(30) == 0
        out.seek(0)
        assert out.read() == b"abab\nTrue\n"


def test_it_is_a_process_that_takes_signals_and_is_waited_for(forked):
    process = program.begin([sys.executable, "-c", "import time; time.sleep(600)"])
    assert process.poll() is None and psutil.pid_exists(process.pid)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.05)
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == -signal.SIGTERM == process.returncode


def test_it_ends_with_the_one_who_began_it(forked):
    parent = (
        "import sys, time; from labs.kit.warm import program\n"
        "one = program.begin([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "print(type(one).__name__, one.pid, flush=True); time.sleep(600)"
    )
    process = subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE, text=True)
    kind, pid = process.stdout.readline().split()
    assert kind == "Program" and psutil.pid_exists(int(pid))
    process.kill()
    process.communicate()
    assert warm.has_ended(int(pid))


@pytest.mark.parametrize(
    "unfit", [{policy.SERVER: ""}, {policy.SERVER: "/nowhere"}, {"PYTHONHASHSEED": "5"}]
)
def test_what_cannot_be_a_fork_is_a_new_process(forked, unfit):
    kind, *found = done(["-c", "print(6 * 7)"], env={**os.environ, **unfit})
    assert (kind, found) == (subprocess.Popen, [0, "42\n"])


def test_another_program_is_a_new_process(forked):
    process = program.begin(["/bin/sh", "-c", "exit 3"])
    assert isinstance(process, subprocess.Popen) and process.wait() == 3
