"""The fork server that stays: found again, replaced when stale, gone when idle."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import pytest

from labs.kit import material
from labs.kit.warm import client, command, starting
from labs.kit.warm.protocol import Request

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere kernels start cold")


@pytest.fixture
def source(tmp_path, monkeypatch):
    """A file that the server's forks depend on; servers of this test are its own and quick."""
    path = tmp_path / "source.py"
    path.write_text("one = 1\n")
    monkeypatch.setattr(starting, "sources", lambda: [path])
    monkeypatch.setattr(starting, "modules", lambda function: ["pytest"])
    monkeypatch.setattr(starting, "PACKAGE", tmp_path)
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="labs-") as place:  # short, and our own
        monkeypatch.setenv("XDG_RUNTIME_DIR", place)
        yield path
        for folder in starting._runtime_folder().glob("*/*/"):
            if starting.answers(str(folder / starting.SOCKET)):
                os.kill(pid_of(folder / starting.SOCKET), signal.SIGKILL)


def pid_of(address) -> int:
    return int((Path(address).parent / starting.PID).read_text())


def begin(idle=60.0) -> str:
    return starting.resident(dict(os.environ), starting.TESTS, idle)


def has_ended(pid: int) -> bool:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.05)
    return False


def test_the_second_run_finds_the_first_ones_server(source):
    first = begin()
    assert begin() == first
    assert os.stat(Path(first).parent).st_mode & 0o077 == 0, "it is for nobody else"


def test_a_changed_source_means_a_new_server_and_the_old_one_ends(source):
    first = begin()
    assert version_from(first) == 0
    old = pid_of(first)
    source.write_text("one = 1 + 1\n")
    second = begin()
    assert second != first
    assert has_ended(old) and not Path(first).exists()
    assert psutil.pid_exists(pid_of(second))


def test_a_stale_server_refuses_and_says_why(source):
    address = begin()
    assert version_from(address) == 0
    source.write_text("one = 1 + 1\n")
    with pytest.raises(client.NoFork, match="changed since the fork server began"):
        client.ask(address, request("--version"), (0, 1, 2)).await_ready()


def test_a_killed_server_is_replaced(source):
    address = begin()
    os.kill(pid_of(address), signal.SIGKILL)
    assert has_ended(pid_of(address))
    before = pid_of(address)
    assert begin() == address and pid_of(address) != before
    assert version_from(address) == 0


def test_an_idle_server_ends_and_leaves_no_socket(source):
    address = begin(idle=0.5)
    assert has_ended(pid_of(address))
    assert not Path(address).exists()


def request(*arguments) -> Request:
    return Request(list(arguments), str(material.root()), dict(os.environ))


def version_from(address: str) -> int:
    return client.ask(address, request("--version"), (0, 1, 2)).wait(60)


def test_pytest_runs_in_a_fork_and_its_exit_code_comes_back(source, tmp_path):
    (tmp_path / "test_it.py").write_text("def test_it():\n    assert 1 + 1 == 3\n")
    arguments = ["-q", "-n0", "-c", os.devnull, str(tmp_path / "test_it.py")]
    output = tmp_path / "output"
    with open(output, "w") as file:
        fork = client.ask(begin(), request(*arguments), (0, file.fileno(), file.fileno()))
        assert fork.wait(60) == 1
    assert "1 failed" in output.read_text()


def test_a_run_that_is_told_to_end_ends_pytest_too(source, tmp_path):
    began = tmp_path / "began"
    (tmp_path / "test_slow.py").write_text(
        f"import os, pathlib, time\n\ndef test_slow():\n"
        f"    pathlib.Path({str(began)!r}).write_text(str(os.getpid()))\n    time.sleep(300)\n"
    )
    arguments = ["-q", "-n0", "-c", os.devnull, str(tmp_path / "test_slow.py")]
    code = (
        "import os, sys; from pathlib import Path; from labs.kit.warm import command; "
        f"sys.exit(command.run({begin()!r}, {arguments!r}, Path('.'), dict(os.environ)))"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not (began.exists() and began.read_text()):
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.05)
    process.terminate()
    assert process.wait(30) == pytest.ExitCode.INTERRUPTED
    assert has_ended(int(began.read_text()))


def test_where_no_server_answers_the_usual_way_is_open(tmp_path):
    with pytest.raises(client.NoFork, match="no fork server answers"):
        command.run(str(tmp_path / "none.sock"), [], tmp_path, dict(os.environ))
