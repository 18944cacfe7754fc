"""A server as a process of its own on this machine, started and stopped from Python."""

import json
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import pandas as pd

START_SECONDS = 120  # a slow machine needs 10 to import everything; 200 models 10 more
STOP_SECONDS = 40  # the server itself gives requests 30 to end
HOST = "127.0.0.1"
begin: Callable[..., Any] = subprocess.Popen  # who has processes in reserve puts its own here


class ServerError(RuntimeError):
    """The server could not start, or refused a request; the text says why."""


class Server:
    """A running server of the registry in the folder `registry`.

    `models` are names, or "all"; port 0 is any that is free. It ends with `stop()`, at the
    end of a `with` block, or with the process that started it, even if that is killed. With
    `alone` it is a new interpreter even where a fork of another would do: what it takes is
    then all its own.
    """

    def __init__(
        self,
        registry: Path | str,
        models: Collection[str] | str = "all",
        port: int = 0,
        alone: bool = False,
        **options,
    ):
        names = models if isinstance(models, str) else ",".join(models)
        command = [sys.executable, "-m", "labs.deployment.server", "--until-stdin-closes"]
        command += ["--registry", str(registry), "--models", names, "--host", HOST]
        command += ["--port", str(port)]
        for name, value in options.items():
            command += [f"--{name.replace('_', '-')}", str(value)]
        self._folder = tempfile.TemporaryDirectory(prefix="server-", ignore_cleanup_errors=True)
        self._log = Path(self._folder.name) / "log.txt"
        with open(self._log, "wb") as log:
            start = subprocess.Popen if alone else begin
            self.process = start(
                command, stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT
            )
        try:
            self.url = self._wait_for_address()
            self._wait_until_ready()
        except BaseException:
            self.kill()
            raise

    def predict(self, name: str, table: pd.DataFrame, key: str | None = None) -> list:
        """The predictions of the model `name` for a table; `key` is the caller's in a canary."""
        body = json.dumps({"dataframe_split": json.loads(table.to_json(orient="split"))}).encode()
        headers = {"content-type": "application/json"}
        if key is not None:
            headers["x-request-key"] = key
        request = urllib.request.Request(f"{self.url}/models/{name}/invocations", body, headers)
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return json.load(response)["predictions"]
        except urllib.error.HTTPError as error:
            raise ServerError(f"{name}: {json.load(error)['message']}") from None

    def get(self, path: str) -> Any:
        """What the server says at /ready, /version or another path of its own, as JSON."""
        return json.loads(_get(self.url + path))

    def wait_for(self, name: str, version: int | str, seconds: float = 30.0) -> None:
        """Wait until `version` of the model `name` is live; a new champion takes under a second.

        Raises ServerError if it is not after `seconds`.
        """
        deadline = time.monotonic() + seconds
        while (live := self.get("/version")["models"].get(name, {})).get("version") != str(version):
            if time.monotonic() > deadline:
                raise ServerError(
                    f"{name}: version {version} is not live after {seconds:g} s, "
                    f"version {live.get('version')} is ({live.get('problem') or 'no problem'})"
                )
            time.sleep(0.05)

    @property
    def log(self) -> str:
        """What the server has printed."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def stop(self) -> int:
        """Let it answer what it has begun, and end; its exit code."""
        if self.process.stdin and not self.process.stdin.closed:
            self.process.stdin.close()
        try:
            return self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            return self.kill()

    def kill(self) -> int:
        """End it at once, whatever it is doing; its exit code."""
        self.process.kill()
        if self.process.stdin:
            self.process.stdin.close()
        return self.process.wait()

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_) -> None:
        self.stop()

    def _wait_for_address(self) -> str:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            for line in self.log.splitlines():
                if line.startswith("serving on "):
                    return line.removeprefix("serving on ")
            self._require_running()
            time.sleep(0.05)
        raise ServerError(f"no server after {START_SECONDS} s; it printed:\n{self.log}")

    def _wait_until_ready(self) -> None:
        deadline, state = time.monotonic() + START_SECONDS, None
        while time.monotonic() < deadline:
            self._require_running()
            try:
                state = self.get("/ready")
                if state["ready"]:
                    return
                if state["looked"]:
                    words = "; ".join(f"{name}: {why}" for name, why in state["problems"].items())
                    raise ServerError(f"the server cannot get ready: {words}")
            except OSError:  # it does not listen yet
                pass
            time.sleep(0.05)
        raise ServerError(f"not ready after {START_SECONDS} s; it says: {state}")

    def _require_running(self) -> None:
        if self.process.poll() is not None:
            raise ServerError(f"the server ended at once; it printed:\n{self.log}")


def _get(url: str) -> str:
    """The body of an answer, whatever its status."""
    try:
        with urllib.request.urlopen(url, timeout=10) as response:
            return response.read().decode()
    except urllib.error.HTTPError as error:
        return error.read().decode()
