"""How a fork server is begun, and how one that already runs is found again."""

import contextlib
import fcntl
import hashlib
import json
import os
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
from labs.kit.warm import policy, preload

KERNEL = "labs.kit.warm.kernel:become"
IDLE_SECONDS = 30 * 60  # a resident server ends after this long without a kernel
SOCKET = "fork.sock"
LOG = "fork.log"


def modules() -> list[str]:
    """What a server for the course's kernels imports."""
    root = material.root()
    lessons = [root / lesson.path for lesson in manifest.read().lessons]
    return [*preload.LATE, *preload.imported_by(lessons)]


@contextmanager
def session(env: dict[str, str]) -> Iterator[str]:
    """A fork server for the time of the block; its address. `env` is its kernels' environment.

    It ends with this process, however that ends.
    """
    with tempfile.TemporaryDirectory(prefix="labs-fork-") as name:
        process, lifeline = _begin(Path(name), env, idle=None)
        try:
            yield str(Path(name) / SOCKET)
        finally:
            os.close(lifeline)
            process.wait(10)


def resident(env: dict[str, str], idle: float = IDLE_SECONDS) -> str:
    """The address of a server that stays when this process ends; it is begun if there is none.

    There is one for each state of the kit: lock, sources, interpreter and fixed
    environment. One that no longer fits is not found, and ends when it is idle.
    """
    folder = _runtime_folder() / key(env)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    address = folder / SOCKET
    with open(folder / "begin.lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two terminals may ask at once
        if not answers(str(address)):
            address.unlink(missing_ok=True)
            _begin(folder, env, idle)
    return str(address)


def answers(address: str) -> bool:
    """Whether a server listens at `address`."""
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(address)
        except OSError:
            return False
    return True


def key(env: dict[str, str]) -> str:
    """What a resident server is known by: all that its kernels' behaviour depends on."""
    digest = hashlib.sha256(sys.executable.encode())
    for name, value in sorted(policy.servers_environment(env).items()):
        digest.update(f"{name}={value}\0".encode())
    for path in sources():
        with contextlib.suppress(FileNotFoundError):
            found = path.stat()
            digest.update(f"{path}\0{found.st_mtime_ns}\0{found.st_size}\0".encode())
    return digest.hexdigest()[:16]


def sources() -> list[Path]:
    """The files and folders whose change makes a running server stale."""
    package = Path(labs.__file__).parent
    installed = Path(sysconfig.get_path("purelib"))  # its time changes with each package
    return [installed, *sorted(package.rglob("*.py")), *sorted((package / "locks").glob("*.txt"))]


def _runtime_folder() -> Path:
    base = os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()
    return Path(base) / f"labs-fork-{os.getuid()}"


def _begin(folder: Path, env: dict[str, str], idle: float | None) -> tuple[subprocess.Popen, int]:
    """Start a server that listens at once and serves when it has imported.

    Returns its process and the descriptor that keeps a server without `idle` alive.
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
        "function": KERNEL,
        "modules": modules(),
    }
    with open(folder / LOG, "w", encoding="utf-8") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "labs.kit.warm.forkserver", json.dumps(config)],
            env=policy.servers_environment(env),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            pass_fds=inherited,
            start_new_session=True,  # Ctrl-C is for the one who asked for it
        )
    listener.close()
    os.close(reading)
    if idle is not None:
        os.close(writing)
    return process, writing


def why_it_ended(address: str) -> str:
    """The last line a server wrote before it ended, if it is known."""
    with contextlib.suppress(OSError):
        lines = (Path(address).parent / LOG).read_text(encoding="utf-8").splitlines()
        return lines[-1] if lines else ""
    return ""
