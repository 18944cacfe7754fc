"""`labs start` with a real JupyterLab: address, second start, busy port, Ctrl-C."""

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import psutil
import pytest
from tornado.websocket import websocket_connect

from labs.cli import main
from labs.kit import manifest, server
from labs.kit.server import find
from labs.kit.warm import policy

COLD = {policy.KERNELS: "cold"}  # for a JupyterLab whose kernels nobody will use


class Started:
    """A `labs start` in a process of its own, and the lines it has printed.

    Its book is the one that all tests share: a start builds a book that is not there.
    """

    def __init__(self, folder, *options, **variables):
        command = [sys.executable, "-m", "labs.cli", "start", "--no-browser"]
        self.process = subprocess.Popen(
            [*command, "--workspace", str(folder), *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, **variables},
        )
        self.lines: list[str] = []

    def address(self):
        for line in self.process.stdout:
            self.lines.append(line)
            if "/lab/tree/" in line:
                return line.strip()
        pytest.fail("no address in:\n" + "".join(self.lines))

    def stop(self, how=signal.SIGINT):
        self.process.send_signal(how)
        self.lines += self.process.stdout.readlines()
        return self.process.wait(30)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "my labs ä"


def test_start_serves_the_welcome_page_and_a_second_start_finds_it(folder):
    first = Started(folder)
    address = first.address()
    welcome = manifest.read().workspace_path(manifest.read().lessons[0])
    assert re.search(rf"/lab/tree/{welcome.as_posix()}\?token=\w+$", address)
    with urllib.request.urlopen(address) as page:
        assert page.status == 200
    second = Started(folder)
    assert second.address() == address
    assert second.process.wait(30) == 0
    assert "already runs" in "".join(second.lines)
    assert first.stop() == 0
    assert "Traceback" not in "".join(first.lines)
    assert find(folder) is None


def test_a_proxy_and_a_jupyter_password_are_no_obstacle_and_labs_stop_ends_it(folder, tmp_path):
    config = tmp_path / "config"
    config.mkdir()
    password = {"PasswordIdentityProvider": {"hashed_password": "argon2:nobody-knows"}}
    (config / "jupyter_server_config.json").write_text(json.dumps(password))
    proxy = "http://127.0.0.1:9"
    proxies = {"http_proxy": proxy, "HTTP_PROXY": proxy}
    started = Started(folder, **COLD, **proxies, JUPYTER_CONFIG_DIR=str(config))
    with urllib.request.urlopen(started.address()) as page:
        assert page.status == 200
    assert main(["stop", "--workspace", str(folder)]) == 0
    assert started.process.wait(30) == 0
    assert main(["stop", "--workspace", str(folder)]) == 1
    assert servers_of(folder) == []


def test_a_busy_port_is_passed_over_and_the_labs_command_works_in_the_terminal(folder):
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        assert not server.port_is_free(port)
        started = Started(folder, "--port", str(port), **COLD)
        address = started.address()
    assert f"Port {port} is in use, so JupyterLab took" in "".join(started.lines)
    assert f":{port}/" not in address
    said = said_in_a_terminal(address)
    started.stop(signal.SIGTERM)
    assert find(folder) is None
    assert str(Path(sys.executable).parent / "labs") in said


def said_in_a_terminal(address):
    """Where JupyterLab's terminal finds the command `labs`."""
    base, token = re.match(r"(http.*?)lab/tree/.*token=(\w+)", address).groups()
    headers = {"Authorization": f"token {token}"}
    request = urllib.request.Request(f"{base}api/terminals", b"", headers)
    with urllib.request.urlopen(request) as answer:
        name = json.load(answer)["name"]
    address = base.replace("http", "ws", 1) + f"terminals/websocket/{name}?token={token}"
    return asyncio.run(typed(address, "command -v labs && echo found-$((1+1))\r", "found-2"))


async def typed(address, line, until):
    """What a terminal shows after `line`, up to `until`."""
    connection = await websocket_connect(address)
    await connection.write_message(json.dumps(["stdin", line]))
    said = ""
    while until not in said:
        message = json.loads(await asyncio.wait_for(connection.read_message(), 30))
        said += message[1] if message[0] == "stdout" else ""
    return said


def test_two_starts_at_once_share_one_server(folder):
    started = [Started(folder, **COLD), Started(folder, **COLD)]
    assert started[0].address() == started[1].address()
    owner = next(s for s in started if s.process.poll() is None or "Leave" in "".join(s.lines))
    for one in started:
        if one.process.poll() is None:
            one.stop()
    assert owner and find(folder) is None


def servers_of(folder):
    """The processes that serve `folder`, found in the system's own list."""
    asked = f"--ServerApp.root_dir={folder}"
    found = psutil.process_iter(["cmdline", "status"])
    live = [one for one in found if one.info["status"] != psutil.STATUS_ZOMBIE]
    return [one for one in live if asked in (one.info["cmdline"] or [])]


@pytest.mark.parametrize("moment", ["jupyter.log", "start.lock"])
def test_ctrl_c_while_it_starts_leaves_nothing_behind(folder, moment):
    started = Started(folder)
    while not (folder / ".labs" / moment).exists():
        time.sleep(0.001)
    started.process.send_signal(signal.SIGINT)
    rest = started.process.communicate(timeout=60)[0]
    assert "Traceback" not in rest
    assert servers_of(folder) == []


def test_a_server_that_cannot_start_shows_its_last_words(folder, monkeypatch):
    from labs.kit.errors import UserError

    monkeypatch.setattr(server, "LAB_SETTINGS", {})
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(folder / "config"))
    monkeypatch.setenv(policy.KERNELS, "cold")
    (folder / "config").mkdir(parents=True)
    (folder / "config" / "jupyter_server_config.py").write_text("raise SystemExit('no way')")
    with pytest.raises(UserError, match=r"JupyterLab did not start[\s\S]*labs doctor"):
        server.start(folder, browser=False)
