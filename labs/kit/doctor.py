"""`labs doctor`: checks the machine, and says what to do about each problem.

Each check is a function that returns what it found, or raises Problem. What
they need beyond the standard library they import themselves, so that the
doctor can speak where packages are missing.
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

OLDEST, NEWEST = (3, 11), (3, 14)
LOCKS = Path(__file__).resolve().parents[1] / "locks"
FREE = 10**9  # bytes: a workspace with every lesson's registry and files
PORTS = range(8888, 8939)  # those that `labs start` tries
KERNEL_SECONDS = 60  # a slow laptop needs about 10 the first time
STORE_SECONDS = 120  # a slow laptop needs about 20
NAMED = 4  # packages listed before "and N more"
MAKE_STORE = """
import sys
from mlflow import MlflowClient
MlflowClient(tracking_uri="sqlite:///" + sys.argv[1]).search_experiments()
"""


class Problem(Exception):
    """What is wrong, and what to do about it."""

    def __init__(self, text: str, remedy: str):
        super().__init__(text)
        self.text, self.remedy = text, remedy


@dataclass(frozen=True)
class Check:
    """One finding; `remedy` is '' if all is well."""

    name: str
    text: str
    remedy: str = ""

    @property
    def ok(self) -> bool:
        """Whether there is nothing to do."""
        return not self.remedy


def main(workspace: Path) -> int:
    """Check everything and print one line a check; 1 if there is a problem, else 0."""
    problems = 0
    for check in run(workspace):
        problems += not check.ok
        print(f"{'ok' if check.ok else 'PROBLEM':8} {check.name}: {check.text}", flush=True)
        if not check.ok:
            print(f"{'':8} What to do: {check.remedy}", flush=True)
    print(f"\n{problems} problem(s) found." if problems else "\nEverything works.")
    return 1 if problems else 0


def run(workspace: Path):
    """Every check in turn, as they are done: each is a Check."""
    checks: dict[str, Callable[[], str]] = {
        "Python": python,
        "packages": packages,
        "material": material,
        "workspace": lambda: writable(workspace),
        "disk": lambda: disk(workspace),
        "port": port,
        "kernel": kernel,
        "MLflow store": lambda: store(workspace),
        "book": book,
    }
    for name, check in checks.items():
        try:
            yield Check(name, check())
        except Problem as problem:
            yield Check(name, problem.text, problem.remedy)
        except Exception as error:  # the doctor must get through to its last check
            said = f"{type(error).__name__}: {error}"
            yield Check(name, said, f"{reinstall()} If it stays, report it with this line.")


def reinstall() -> str:
    """How to get the packages right, in a clone and in an installed kit."""
    from labs.kit import material as where

    if where.is_clone():
        return f"Delete {where.root() / '.venv'} and run: python3 labs start."
    lock = LOCKS / "default.txt"
    return f"Run: {sys.executable} -m pip install --require-hashes -r {lock}."


def python(version: tuple = tuple(sys.version_info), bits: int = sys.maxsize.bit_length() + 1):
    """The running Python: 3.11 to 3.14, 64 bit."""
    said = ".".join(str(part) for part in version[:3])
    if not OLDEST <= tuple(version[:2]) <= NEWEST:
        raise Problem(
            f"{said} at {sys.executable} is not supported",
            "Install Python 3.11, 3.12, 3.13 or 3.14 and run: python3.12 labs start.",
        )
    if bits != 64:
        raise Problem(
            f"{said} is a {bits}-bit Python", "Install the 64-bit Python of that version."
        )
    return f"{said} at {sys.executable}"


def packages(folder: Path | None = None) -> str:
    """What is installed, against the lock: nothing needed is missing, nothing differs."""
    from labs.kit import material as where
    from labs.kit import pins

    lock = pins.read(folder)
    needed = ("default", "book") if where.is_clone() else ("default",)
    right, wrong = 0, []
    for group, group_pins in lock.items():
        for pin in group_pins:
            found = _version(pin.name) if pin.applies() else None
            right += found == pin.version
            if found and found != pin.version:
                wrong.append(f"{pin.name} is {found} instead of {pin.version}")
            elif not found and pin.applies() and group in needed:
                wrong.append(f"{pin.name} {pin.version} is missing")
    if wrong:
        more = f" and {len(wrong) - NAMED} more" if len(wrong) > NAMED else ""
        raise Problem("; ".join(wrong[:NAMED]) + more, reinstall())
    return f"{right} installed as in the lock"


def _version(name: str) -> str | None:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(name)
    except PackageNotFoundError:
        return None


def material() -> str:
    """The lessons that the manifest names are there."""
    from labs.kit import manifest
    from labs.kit import material as where
    from labs.kit.errors import UserError

    try:
        course = manifest.read()
    except UserError as error:
        raise Problem(str(error), "Mend the manifest, or restore it from git.") from None
    missing = [str(one.path) for one in course.lessons if not (where.root() / one.path).is_file()]
    if missing:
        raise Problem(f"{', '.join(missing)} missing in {where.root()}", _restore())
    return f"{len(course.lessons)} lessons in {where.root()}"


def _restore() -> str:
    from labs.kit import material as where

    return "Restore it with git." if where.is_clone() else "Install the kit again with pip."


def _ground(folder: Path) -> Path:
    """The nearest folder above, or `folder` itself, that exists."""
    return next(path for path in (folder, *folder.parents) if path.exists())


def writable(workspace: Path) -> str:
    """A file can be written where the workspace is, or will be."""
    ground = _ground(workspace)
    if not ground.is_dir():
        raise Problem(f"{ground} is a file, not a folder", f"Rename {ground}, or {_elsewhere()}")
    try:
        with tempfile.NamedTemporaryFile(dir=ground, prefix=".labs-doctor-") as file:
            file.write(b"x" * 4096)
            file.flush()
    except OSError as error:
        raise Problem(
            f"{ground} cannot be written: {error.strerror}",
            f"Make room or allow yourself to write there, or {_elsewhere()}",
        ) from None
    return f"{workspace} can be written"


def _elsewhere() -> str:
    return "choose another folder: labs start --workspace FOLDER."


def disk(workspace: Path, least: int = FREE) -> str:
    """Enough free space where the workspace is."""
    ground = _ground(workspace)
    free = shutil.disk_usage(ground).free
    if free < least:
        raise Problem(
            f"{free / 1e9:.1f} GB free at {ground}; the lessons need {least / 1e9:.0f} GB",
            f"Make room, or {_elsewhere()}",
        )
    return f"{free / 1e9:.1f} GB free at {ground}"


def port(ports: range = PORTS) -> str:
    """A port for JupyterLab: the usual one, or the next that is free."""
    for number in ports:
        if _free(number):
            usual = number == ports[0]
            return f"{number} is free" if usual else f"{ports[0]} is in use; Lab takes {number}"
    raise Problem(
        f"no port from {ports[0]} to {ports[-1]} is free on this machine",
        "Stop other servers (jupyter server list shows Jupyter's), "
        "or choose one: labs start --port 9500.",
    )


def _free(number: int) -> bool:
    with socket.socket() as probe:
        if os.name != "nt":  # as servers do; there it would allow a second listener
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", number))
        except OSError:
            return False
    return True


def kernel(seconds: float = KERNEL_SECONDS) -> str:
    """A kernel starts and adds 1 and 1."""
    from jupyter_client.kernelspec import KernelSpecManager
    from jupyter_client.manager import start_new_kernel

    from labs.kit.warm import policy

    where = KernelSpecManager().find_kernel_specs().get("python3", "nowhere")
    with tempfile.TemporaryFile() as said:
        try:
            manager, client = start_new_kernel(
                startup_timeout=seconds,
                kernel_name="python3",
                stderr=said,
                stdout=said,
                env={**os.environ, policy.KERNELS: "cold"},  # what every other kernel rests on
            )
        except Exception as error:
            said.seek(0)
            raise Problem(
                f"the kernel of {where} does not start: {_last(said.read()) or error}",
                f"If {where} is not in {sys.prefix}, delete it: jupyter kernelspec remove python3. "
                f"Otherwise: {reinstall()}",
            ) from None
        try:
            answer = _ask(client, seconds)
        finally:
            client.stop_channels()
            manager.shutdown_kernel(now=True)
    if answer != "2":
        raise Problem(f"the kernel of {where} says 1 + 1 = {answer}", reinstall())
    return "starts, and 1 + 1 = 2"


def _ask(client, seconds: float) -> str:
    """What the kernel makes of 1 + 1; 'nothing' if it does not answer in time."""
    try:
        reply = client.execute_interactive(
            "", user_expressions={"sum": "1 + 1"}, timeout=seconds, output_hook=lambda message: None
        )
    except TimeoutError:
        return "nothing"
    return (
        reply["content"]
        .get("user_expressions", {})
        .get("sum", {})
        .get("data", {})
        .get("text/plain", "nothing")
    )


def _last(output: bytes) -> str:
    """The last line of what a program printed."""
    lines = [line for line in output.decode("utf-8", errors="replace").splitlines() if line.strip()]
    return lines[-1].strip() if lines else ""


def store(workspace: Path, seconds: float = STORE_SECONDS) -> str:
    """MLflow can make its database where the workspace is."""
    ground = _ground(workspace)
    remedy = f"Put the workspace on a local disk with room: {_elsewhere()} Or: {reinstall()}"
    try:
        with tempfile.TemporaryDirectory(dir=ground, prefix=".labs-doctor-") as folder:
            done = subprocess.run(
                [sys.executable, "-c", MAKE_STORE, str(Path(folder, "mlflow.db").as_posix())],
                capture_output=True,
                timeout=seconds,
                env={**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"},
            )
    except OSError as error:
        raise Problem(f"no folder for it in {ground}: {error.strerror}", remedy) from None
    except subprocess.TimeoutExpired:
        raise Problem(f"making one took more than {seconds:.0f} s in {ground}", remedy) from None
    if done.returncode:
        raise Problem(f"cannot be made in {ground}: {_last(done.stderr)}", remedy)
    return "can be made"


def book(modules: tuple[str, ...] = ("jupyter_book", "sphinx-mathjax-offline")) -> str:
    """What the book is built from: its pages, its builder and MathJax."""
    from importlib.util import find_spec

    from labs.kit import material as where

    config = where.root() / "book" / "_config.yml"
    if not config.is_file():
        raise Problem(f"{config} is missing", _restore())
    missing = [name for name in modules if find_spec(name) is None]
    if missing and where.is_clone():
        raise Problem(f"{', '.join(missing)} not installed", reinstall())
    if missing:
        return f"{', '.join(missing)} not installed; reading the book needs {LOCKS / 'book.txt'}"
    return "can be built"
