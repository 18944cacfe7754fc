"""Serving one model: ours, bare FastAPI and `mlflow models serve`, side by side, a worker each.

The three take turns, so that whatever else the machine does disturbs all alike. CPU is
that of all processes of a server. Then what only ours does: a new champion under load,
and 200 models in one process.
"""

import asyncio
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import psutil
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from labs.company import maintenance
from labs.deployment import aliases, registry
from labs.deployment.local import Server

ALONE_ROUNDS = 15
ALONE = 80  # requests of the one client in a round
CROWD_ROUNDS = 4
CROWD = 32  # clients
CROWD_SECONDS = 4.0  # of a round
SWITCH_SECONDS = 3.0  # of load before the new champion, and after
MANY = 200  # models
ENV = {**os.environ, "OMP_NUM_THREADS": "1", "MLFLOW_DISABLE_TELEMETRY": "true"}
ENV["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{ENV['PATH']}"  # mlflow calls uvicorn
BARE = """
import sys, mlflow, pandas as pd, uvicorn
from fastapi import FastAPI
pipeline = mlflow.sklearn.load_model(sys.argv[1])
app = FastAPI()

@app.post("/invocations")
def predict(body: dict):
    table = pd.DataFrame(body["dataframe_records"])
    return {"predictions": pipeline.predict(table).tolist()}

uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), log_level="warning", access_log=False)
"""


@dataclass(frozen=True)
class Load:
    """What clients saw: answers a second, seconds each waited, those that were not 200."""

    rate: float
    waits: list[float]
    versions: list[tuple[float, bytes]]
    failed: int

    @property
    def p99(self) -> float:
        return 1000 * sorted(self.waits)[int(0.99 * len(self.waits))]


class Client(asyncio.Protocol):
    """Sends one request after another over one connection, as fast as it is answered."""

    def __init__(self, request: bytes, load: Load, until: float, most: int):
        self.request, self.load, self.until, self.left = request, load, until, most
        self.ended = asyncio.get_running_loop().create_future()
        self.received = b""

    def connection_made(self, transport):
        self.transport = transport
        self.send()

    def send(self):
        self.sent, self.received = time.perf_counter(), b""
        self.transport.write(self.request)

    def data_received(self, data):
        self.received += data
        head, found, body = self.received.partition(b"\r\n\r\n")
        if not found or len(body) < int(field(head, b"content-length")):
            return
        now = time.perf_counter()
        self.load.waits.append(now - self.sent)
        self.load.versions.append((now, field(head, b"x-model-version")))
        if not head.startswith(b"HTTP/1.1 200"):
            self.ended.set_exception(RuntimeError(self.received.decode()))
            return
        self.left -= 1
        if self.left and now < self.until:
            self.send()
        else:
            self.transport.close()
            self.ended.set_result(None)

    def connection_lost(self, error):
        if not self.ended.done():
            self.ended.set_exception(error or ConnectionError("the server hung up"))


def field(head: bytes, name: bytes) -> bytes:
    _, found, rest = head.lower().partition(b"\r\n" + name + b": ")
    return rest.split(b"\r\n")[0] if found else b""


def load(port: int, path: str, body: bytes, clients: int, seconds: float, most: int) -> Load:
    """`clients` at once for `seconds`, or until each has sent `most` requests."""
    return asyncio.run(_load(port, path, body, clients, seconds, most))


async def _load(port, path, body, clients, seconds, most) -> Load:
    begun, seen = time.perf_counter(), Load(0, [], [], 0)
    head = f"POST {path} HTTP/1.1\r\nhost: here\r\ncontent-type: application/json\r\n"
    request = f"{head}content-length: {len(body)}\r\n\r\n".encode() + body
    loop = asyncio.get_running_loop()
    made = [
        loop.create_connection(
            lambda: Client(request, seen, begun + seconds, most), "127.0.0.1", port
        )
        for _ in range(clients)
    ]
    protocols = [protocol for _, protocol in await asyncio.gather(*made)]
    ended = await asyncio.gather(*(p.ended for p in protocols), return_exceptions=True)
    failed = sum(isinstance(end, Exception) for end in ended)
    spent = time.perf_counter() - begun
    return Load(len(seen.waits) / spent, seen.waits, seen.versions, failed)


def cpu_seconds(pid: int) -> float:
    """What a process and its children have used so far."""
    process = psutil.Process(pid)
    times = [p.cpu_times() for p in [process, *process.children(recursive=True)]]
    return sum(t.user + t.system for t in times)


@dataclass(frozen=True)
class Rival:
    """A running server: where to post, and which process to charge."""

    port: int
    path: str
    pid: int


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def started(stack: ExitStack, command: list[str], port: int) -> Rival:
    """Run a server, and wait until it listens."""
    process = subprocess.Popen(
        command, env=ENV, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    stack.callback(stop, process)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5)
        except urllib.error.HTTPError:
            return Rival(port, "/invocations", process.pid)
        except OSError:
            time.sleep(0.2)
    raise SystemExit(f"{' '.join(command[:4])} does not listen; run it by hand")


def stop(process: subprocess.Popen) -> None:
    for child in psutil.Process(process.pid).children(recursive=True):
        child.terminate()
    process.terminate()
    process.wait(30)


def register(folder: Path):
    """A registry with one model, and the body of a request for one row."""
    os.environ.update(ENV)
    client = registry.open_registry(folder)
    data = maintenance.machines(seed=1, rows=2000)
    rows, target = data[maintenance.READINGS], data[maintenance.LABEL]
    numbers = [name for name in rows if name != "variant"]
    steps = make_column_transformer((StandardScaler(), numbers), (OneHotEncoder(), ["variant"]))
    model = make_pipeline(steps, LogisticRegression()).fit(rows, target)
    words = {"owner": "bench", "intended_use": "measure", "dataset_name": "line 4"}
    logged = registry.log_model(model, data=rows, target=target, name="failures", **words)
    for _ in range(2):
        version = registry.register(logged, "failures")
    client.set_registered_model_alias("failures", "champion", "1")
    body = {"dataframe_records": rows.head(1).to_dict("records")}
    return client, logged, json.dumps(body).encode(), version


def compare(folder: Path, body: bytes) -> None:
    place = str(aliases.model_folder(folder, "failures", "1"))
    with ExitStack() as stack:
        server = stack.enter_context(Server(folder, ["failures"]))
        bare, mlflow = free_port(), free_port()
        serve = [sys.executable, "-m", "mlflow", "models", "serve", "--env-manager", "local"]
        serve += ["-m", place, "-p", str(mlflow), "-w", "1", "-h", "127.0.0.1"]
        rivals = {
            "ours": Rival(int(server.url.rsplit(":")[-1]), "/invocations", server.process.pid),
            "bare FastAPI": started(stack, [sys.executable, "-c", BARE, place, str(bare)], bare),
            "mlflow serve": started(stack, serve, mlflow),
        }
        alone, crowd = {name: [] for name in rivals}, {name: [] for name in rivals}
        for rival in rivals.values():  # first calls pay for lazy imports
            load(rival.port, rival.path, body, 4, 60, 10)
        for _ in range(ALONE_ROUNDS):
            for name, rival in rivals.items():
                alone[name].append(one_client(rival, body))
        for _ in range(CROWD_ROUNDS):
            for name, rival in rivals.items():
                crowd[name].append(load(rival.port, rival.path, body, CROWD, CROWD_SECONDS, 10**6))
        memory = {name: resident(rival.pid) for name, rival in rivals.items()}
    report(alone, crowd, memory)


def one_client(rival: Rival, body: bytes) -> tuple[float, float]:
    """Milliseconds a request of one client: CPU of the server, and median wait."""
    before = cpu_seconds(rival.pid)
    seen = load(rival.port, rival.path, body, 1, 60, ALONE)
    spent = cpu_seconds(rival.pid) - before
    return 1000 * spent / len(seen.waits), 1000 * statistics.median(seen.waits)


def resident(pid: int) -> float:
    process = psutil.Process(pid)
    return sum(p.memory_info().rss for p in [process, *process.children(recursive=True)]) / 1e6


def report(alone: dict, crowd: dict, memory: dict) -> None:
    """Numbers are medians of the rounds; so are ratios, of each round's own ratio."""
    cpu = {name: [spent for spent, _ in rounds] for name, rounds in alone.items()}
    wait = {name: [waited for _, waited in rounds] for name, rounds in alone.items()}
    rate = {name: [seen.rate for seen in rounds] for name, rounds in crowd.items()}
    p99 = {name: [seen.p99 for seen in rounds] for name, rounds in crowd.items()}
    for name in cpu:
        failed = sum(seen.failed for seen in crowd[name])
        print(
            f"  {name:12}  one client: {middle(cpu[name]):5.2f} ms CPU,"
            f" {middle(wait[name]):5.2f} ms a request;  {CROWD} clients:"
            f" {middle(rate[name]):5.0f} requests/s, p99 {middle(p99[name]):4.0f} ms,"
            f" {failed} failed;  {memory[name]:3.0f} MB"
        )
    for rival in ("bare FastAPI", "mlflow serve"):
        print(
            f"  ours against {rival}: one client {ratio(cpu, rival):.2f} x its CPU,"
            f" {ratio(wait, rival):.2f} x its wait; {CROWD} clients"
            f" {ratio(rate, rival):.1f} x its rate, {ratio(p99, rival):.2f} x its p99"
        )


middle = statistics.median


def ratio(rounds: dict[str, list[float]], rival: str) -> float:
    return middle(ours / its for ours, its in zip(rounds["ours"], rounds[rival], strict=True))


def switch(client, folder: Path, body: bytes, version) -> None:
    """A new champion under constant load: who fails, and when the new version answers."""
    with Server(folder, ["failures"]) as server:
        port = int(server.url.rsplit(":")[-1])
        moved = []

        async def moving() -> Load:
            running = asyncio.create_task(
                _load(port, "/invocations", body, 8, 2 * SWITCH_SECONDS, 10**6)
            )
            await asyncio.sleep(SWITCH_SECONDS)
            await asyncio.to_thread(
                client.set_registered_model_alias, "failures", "champion", version.version
            )
            moved.append(time.perf_counter())
            return await running

        seen = asyncio.run(moving())
    new = [at for at, number in seen.versions if number == b"2"]
    old = [at for at, number in seen.versions if number == b"1"]
    print(
        f"  a new champion under load: {len(seen.waits)} requests, {seen.failed} failed; it answers"
        f" {new[0] - moved[0]:.2f} s after the alias moved, the old one until"
        f" {old[-1] - moved[0]:.2f} s; slowest request {1000 * max(seen.waits):.0f} ms"
    )


def many(folder: Path, logged) -> None:
    """Memory and start time of a server for each further model."""
    client = registry.open_registry(folder)
    names = [f"model-{number:03}" for number in range(MANY)]
    for name in names:
        version = registry.register(logged, name)
        client.set_registered_model_alias(name, "champion", version.version)
    seconds, memory = {}, {}
    for models in (names[:1], names):
        begun = time.perf_counter()
        with Server(folder, models) as server:
            seconds[len(models)] = time.perf_counter() - begun
            memory[len(models)] = resident(server.process.pid)
    each = 1000 * (seconds[MANY] - seconds[1]) / (MANY - 1)
    size = 1000 * (memory[MANY] - memory[1]) / (MANY - 1)
    print(
        f"  {MANY} models: ready after {seconds[MANY]:.1f} s ({seconds[1]:.1f} s for one, and"
        f" {each:.0f} ms for each further), {memory[MANY]:.0f} MB ({memory[1]:.0f} MB, and"
        f" {size:.0f} kB for each further)"
    )


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve() / "registry"
        client, logged, body, version = register(folder)
        compare(folder, body)
        switch(client, folder, body, version)
        many(folder, logged)


if __name__ == "__main__":
    main()
