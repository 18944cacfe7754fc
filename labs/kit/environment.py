"""The kit's own Python environment, `.venv`, kept equal to the lock.

A stamp says what is in it. It is written after each step, in one move, so that
a process which is stopped or killed at any time leaves an environment that the
next one completes.
"""

import hashlib
import importlib.util
import itertools
import json
import os
import re
import shutil
import sys
import sysconfig
import time
from contextlib import contextmanager
from pathlib import Path

from labs.kit import installer
from labs.kit.errors import UserError
from labs.kit.progress import Progress

NEEDED = 2 * 10**9  # bytes for packages, their byte code and what is unpacked meanwhile
PIN = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==", re.MULTILINE)
INSTALL = ["install", "--no-deps", "--no-compile", "--no-user", "--no-warn-script-location"]


class Environment:
    """The environment of the clone at `root`."""

    def __init__(self, root: Path):
        self.root = root
        self.folder = root / ".venv"
        scripts = "Scripts" if os.name == "nt" else "bin"
        self.scripts = self.folder / scripts
        self.python = self.scripts / ("python.exe" if os.name == "nt" else "python")
        self.mark = self.folder / "labs.lock"  # says who made it, and who works on it
        self.stamp = self.folder / "labs-stamp.json"
        self.log = self.folder / "labs-install.log"

    def exists(self) -> bool:
        """Whether the labs have begun to make it."""
        return self.mark.is_file()

    def variables(self) -> dict[str, str]:
        """The environment variables of a process in it, as after activating it."""
        variables = {k: v for k, v in os.environ.items() if k != "PYTHONHOME"}
        variables["VIRTUAL_ENV"] = str(self.folder)
        variables["PATH"] = f"{self.scripts}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
        return variables

    def ensure(self, groups: tuple[str, ...]) -> None:
        """Make the environment hold these groups of the lock; returns at once if it does."""
        wanted = self._wanted(groups)
        if self._holds(wanted):
            return
        self._refuse_another()
        self.folder.mkdir(exist_ok=True)
        with self._alone() as handle:
            if not self._holds(wanted):
                begun = time.monotonic()
                self._complete(wanted, handle)
                print(f"Environment ready ({time.monotonic() - begun:.0f} s).", file=sys.stderr)

    def _wanted(self, groups: tuple[str, ...]) -> dict:
        """The stamp of an environment that needs no work."""
        return {
            "python": f"{sys.version_info.major}.{sys.version_info.minor}",
            "folder": str(self.root),
            "project": _digest(self.root / "pyproject.toml"),
            "locks": {group: _digest(self._lock(group)) for group in groups},
        }

    def _lock(self, group: str) -> Path:
        return self.root / "labs" / "locks" / f"{group}.txt"

    def _read(self) -> dict:
        try:
            return json.loads(self.stamp.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}

    def _holds(self, wanted: dict) -> bool:
        """Whether the stamp names everything that is wanted, and the interpreter is there."""
        found = self._read()
        same = all(found.get(key) == wanted[key] for key in ("python", "folder", "project"))
        return same and wanted["locks"].items() <= found["locks"].items() and self.python.exists()

    def _write(self, stamp: dict) -> None:
        """Replace the stamp in one move."""
        draft = self.stamp.with_suffix(".new")
        draft.write_text(json.dumps(stamp, indent=1), encoding="utf-8")
        os.replace(draft, self.stamp)

    def _refuse_another(self) -> None:
        """Raises UserError if `.venv` is somebody else's, or none can be made."""
        taken = self.folder.is_file() or (self.folder.is_dir() and any(self.folder.iterdir()))
        if taken and not self.exists():
            raise UserError(
                f"{self.folder} was not made by the labs, so it stays as it is.\n"
                "Rename or delete it, then run the same command again."
            )
        if (
            importlib.util.find_spec("ensurepip") is None
            or importlib.util.find_spec("venv") is None
        ):
            version = f"{sys.version_info.major}.{sys.version_info.minor}"
            raise UserError(
                f"This Python ({sys.executable}) cannot make environments: ensurepip is missing.\n"
                f"On Debian or Ubuntu: sudo apt install python{version}-venv\n"
                "Then run the same command again."
            )

    @contextmanager
    def _alone(self):
        """The open lock file, while no other process works on the environment."""
        with open(self.mark, "a") as handle:
            if not _lock_file(handle, wait=False):
                print("Another command is setting up the environment; waiting.", file=sys.stderr)
                _lock_file(handle, wait=True)
            yield handle.fileno()

    def _complete(self, wanted: dict, handle: int) -> None:
        """Do the steps that the stamp does not name."""
        found = self._read()
        usable = all(found.get(key) == wanted[key] for key in ("python", "folder"))
        if not usable or not self.python.exists():
            found = self._make(wanted, handle)
        digests = {group: _digest(self._lock(group)) for group in found["locks"]} | wanted["locks"]
        stale = [group for group in digests if found["locks"].get(group) != digests[group]]
        packages = {name for group in stale for name in self._names(group)} | set(found["packages"])
        fresh = {group: digest for group, digest in digests.items() if group not in stale}
        linked = found.get("linked", "")  # the pyproject.toml that the kit itself is installed by
        unfinished = {**wanted, "project": "", "linked": linked, "locks": fresh}
        unfinished["packages"] = sorted(packages)
        self._write(unfinished)
        if stale:
            self._install(stale, handle)
            self._compile(handle)
            self._write({**unfinished, "locks": digests})
        if linked != wanted["project"]:
            self._pip([*INSTALL, "--no-index", "--no-build-isolation", "--editable", "."], handle)
        kept = {name for group in digests for name in self._names(group)}
        if dropped := sorted(packages - kept):
            self._pip(["uninstall", "--yes", *dropped], handle)
        self._pip(["check"], handle)
        done = {"linked": wanted["project"], "locks": digests, "packages": sorted(kept)}
        self._write({**wanted, **done})

    def _make(self, wanted: dict, handle: int) -> dict:
        """An empty environment in place of what is there; its stamp."""
        free = shutil.disk_usage(self.folder).free
        if free < NEEDED:
            raise UserError(
                f"{self.folder}: the environment needs {NEEDED / 1e9:.0f} GB, "
                f"{free / 1e9:.1f} GB are free.\nMake room, then run the same command again."
            )
        print("Making an environment in .venv", file=sys.stderr, flush=True)
        for path in self.folder.iterdir():
            if path != self.mark:
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        python = getattr(sys, "_base_executable", sys.executable)  # ours may just be deleted
        installer.run([python, "-I", "-m", "venv", str(self.folder)], self.log, handle)
        stamp = {**wanted, "project": "", "locks": {}, "packages": []}
        self._write(stamp)
        return stamp

    def _names(self, group: str) -> list[str]:
        return PIN.findall(self._lock(group).read_text(encoding="utf-8"))

    def _packages(self) -> Path:
        base = str(self.folder)
        variables = {"base": base, "platbase": base, "installed_base": base}
        return Path(sysconfig.get_path("purelib", "venv", variables))

    def _count(self) -> int:
        return sum(1 for _ in self._packages().glob("*.dist-info"))

    def _install(self, groups: list[str], handle: int) -> None:
        """Install the locks of these groups, wheels only, each checked against its hash."""
        _forget_half_installed(self._packages())
        files = [word for group in groups for word in ("-r", str(self._lock(group)))]
        options = [
            "--retries",
            "3",
            "--progress-bar",
            "off",
            "--require-hashes",
            "--only-binary",
            ":all:",
        ]
        command = self._command([*INSTALL, *options, *files])
        total = sum(len(self._names(group)) for group in groups)
        installer.install(command, total, self._count, self.log, handle)

    def _compile(self, handle: int) -> None:
        """Byte code for all packages, on all cores; pip would use one."""
        step = Progress("Compiling packages", sum(1 for _ in self._packages().rglob("*.py")))
        count = itertools.count(1)

        def at_line(line: str) -> None:
            if line.startswith("Compiling"):
                step.at(next(count))

        command = [str(self.python), "-I", "-m", "compileall", "-j", "0", str(self._packages())]
        installer.follow(command, None, handle, at_line)
        step.done()  # files that are not meant for this Python fail, which does no harm

    def _pip(self, arguments: list[str], handle: int) -> None:
        installer.run(self._command(arguments), self.log, handle, folder=self.root)

    def _command(self, arguments: list[str]) -> list[str]:
        """pip in the environment, deaf to PYTHON* variables but not to the user's pip settings."""
        pip = ["-I", "-X", "utf8", "-m", "pip", "--disable-pip-version-check", "--no-input"]
        return [str(self.python), *pip, *arguments]


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError:
        raise UserError(f"{path} is missing. Restore it from git.") from None


def _forget_half_installed(packages: Path) -> None:
    """Remove what a killed pip left, so that the next one installs those packages again.

    pip writes the file INSTALLER when all files of a package are in place, and
    sets aside the folders that it replaces under names that begin with `~`.
    """
    for path in packages.glob("*.dist-info"):
        if not (path / "INSTALLER").is_file():
            shutil.rmtree(path)
    for path in packages.glob("~*"):
        shutil.rmtree(path, ignore_errors=True)


def _lock_file(handle, wait: bool) -> bool:
    """Whether this process now holds the lock on an open file; the system ends it with us."""
    if os.name == "nt":
        import msvcrt

        while True:
            try:
                handle.seek(0)
                msvcrt.locking(handle.fileno(), msvcrt.LK_NBLCK, 1)
                return True
            except OSError:
                if not wait:
                    return False
                time.sleep(installer.TICK)
    import fcntl

    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        return True
    except BlockingIOError:
        return False
