"""How a fork server is begun, and how one that already runs is found again."""

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import labs
from labs.kit import manifest, material
from labs.kit.warm import client, policy, preload, protocol

KERNELS = "labs.kit.warm.children:become"
TESTS = "labs.kit.warm.command:become"
PROGRAMS = ("labs.deployment.server", "uvicorn.lifespan.on", "uvicorn.loops.auto")
RUNNERS = ("pytest", "nbval.plugin", "papermill", "labs.kit.nbval_kernel")
RUNNERS += ("labs.kit.verify", "labs.kit.rules", "labs.kit.spread", "_pytest.assertion.rewrite")
RUNNERS += ("labs.kit.execute", "labs.kit.warm.provisioner", "IPython", "psutil", "unittest")
IDLE_SECONDS = 15 * 60  # a resident server ends after this long without a child
PACKAGE = Path(labs.__file__).resolve().parent
SOCKET = "fork.sock"
PID = "fork.pid"
LONGEST = 40  # characters: a socket's address has at most 107, of which we add up to 60
LOG = "fork.log"


def modules(function: str = KERNELS) -> list[str]:
    """What a server imports whose forks run `function`."""
    if function == TESTS:
        return list(RUNNERS)
    root = material.root()
    notebooks = [root / one.path for one in manifest.read().notebooks]
    return [*preload.LATE, *PROGRAMS, *preload.imported_by(notebooks)]


@contextmanager
def session(env: dict[str, str]) -> Iterator[str]:
    """A fork server for the time of the block; its address. `env` is its kernels' environment.

    It ends with this process, however that ends.
    """
    place = _short(tempfile.gettempdir())
    with tempfile.TemporaryDirectory(prefix="labs-fork-", dir=place) as name:
        process, lifeline = _begin(Path(name), env, idle=None)
        try:
            yield str(Path(name) / SOCKET)
        finally:
            os.close(lifeline)
            process.terminate()  # it may still be importing
            process.wait(10)


def resident(env: dict[str, str], function: str = KERNELS, idle: float = IDLE_SECONDS) -> str:
    """The address of a server that stays when this process ends; it is begun if there is none.

    There is one for each state of the kit: lock, sources, interpreter and fixed
    environment. One of an earlier state is told to end with its last child.
    """
    family = _runtime_folder() / hashlib.sha256(f"{PACKAGE}{function}".encode()).hexdigest()[:8]
    folder = family / key(env)
    family.mkdir(mode=0o700, parents=True, exist_ok=True)
    address = folder / SOCKET
    with open(family / "begin.lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two terminals may ask at once
        if not answers(str(address)):
            _retire(family)
            folder.mkdir(mode=0o700)
            _begin(folder, env, idle, function)
    return str(address)


def _retire(family: Path) -> None:
    """Tell every server of the family to end when its last child does; forget dead ones."""
    for folder in filter(Path.is_dir, family.iterdir()):
        if answers(str(folder / SOCKET)):
            with contextlib.suppress(OSError, ValueError):
                os.kill(int((folder / PID).read_text(encoding="ascii")), signal.SIGUSR1)
        else:
            shutil.rmtree(folder, ignore_errors=True)


def answers(address: str) -> bool:
    """Whether a server listens at `address`."""
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(address)
        except OSError:
            return False
    return True


def key(env: dict[str, str]) -> str:
    """What a resident server is known by: all that its forks' behaviour depends on."""
    digest = hashlib.sha256(sys.executable.encode())
    for name, value in sorted(policy.servers_environment(env).items()):
        digest.update(f"{name}={value}\0".encode())
    digest.update(policy.stamp(map(str, sources())).encode())
    return digest.hexdigest()[:16]


def sources() -> list[Path]:
    """The files and folders whose change makes a running server stale."""
    installed = Path(sysconfig.get_path("purelib"))  # its time changes with each package
    return [installed, *sorted(PACKAGE.rglob("*.py")), *sorted((PACKAGE / "locks").glob("*.txt"))]


def _runtime_folder() -> Path:
    base = os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()
    return _short(base) / f"labs-fork-{os.getuid()}"


def _short(folder: str) -> Path:
    """`folder`, or /tmp where it is so long that Unix sockets under it have no address."""
    return Path(folder if len(folder) < LONGEST else "/tmp")


def _begin(
    folder: Path, env: dict[str, str], idle: float | None, function: str = KERNELS
) -> tuple[subprocess.Popen, int]:
    """Start a server for kernels or tests, with all that its forks need."""
    return begin(folder, env, function, modules(function), sources(), idle)


def begin(
    folder: Path,
    env: dict[str, str],
    function: str,
    imports: list[str],
    watched: list[Path],
    idle: float | None = None,
    within: tuple[str, ...] = (),
) -> tuple[subprocess.Popen, int]:
    """Start a server that listens at once and serves when it has imported.

    It is stale once one of `watched` has changed. `within` is a command, such as a
    sandbox's, in which it runs. Returns its process and the descriptor that keeps a
    server without `idle` alive.
    """
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(folder / SOCKET))
    listener.listen(64)
    reading, writing = os.pipe()
    inherited = [listener.fileno(), *([reading] if idle is None else [])]
    config = {
        "path": str(folder / SOCKET),
        "listener": listener.fileno(),
        "lifeline": reading if idle is None else None,
        "idle": idle,
        "function": function,
        "modules": imports,
        "sources": [str(path) for path in watched],
    }
    server = [sys.executable, "-m", "labs.kit.warm.forkserver", json.dumps(config)]
    with open(folder / LOG, "w", encoding="utf-8") as log:
        process = subprocess.Popen(
            [*within, *server],
            env=policy.servers_environment(env),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            pass_fds=inherited,
            start_new_session=True,  # Ctrl-C is for the one who asked for it
        )
    (folder / PID).write_text(str(process.pid), encoding="ascii")
    listener.close()
    os.close(reading)
    if idle is not None:
        os.close(writing)
    return process, writing


def until_ready(address: str) -> bool:
    """Wait until the server at `address` has imported; whether it has, and serves now."""
    odd = protocol.Request([], "/", {"PYTHONHASHSEED": "none that there is"})  # it is refused
    with contextlib.suppress(client.NoFork):
        fork = client.ask(address, odd, (0, 1, 2))
        with contextlib.suppress(client.NoFork):
            fork.await_ready()
        return bool(fork.refused)
    return False


def why_it_ended(address: str) -> str:
    """The last line a server wrote before it ended, if it is known."""
    with contextlib.suppress(OSError):
        lines = (Path(address).parent / LOG).read_text(encoding="utf-8").splitlines()
        return lines[-1] if lines else ""
    return ""
