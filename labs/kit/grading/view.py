"""What a process that runs strangers' code may see of the file system, and nothing else."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

import platformdirs

import labs

PACKAGE = Path(labs.__file__).resolve().parent
MATERIAL = PACKAGE / "_material"  # of an installed kit: it holds solutions and checks
SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/opt")
SETTINGS = ("ld.so.cache", "localtime", "passwd", "group", "hosts", "nsswitch.conf", "mime.types")
SETTINGS += ("fonts", "ssl", "alternatives")
CACHE = "/labs-cache"  # where a sandbox finds the empty MLflow database


@dataclass(frozen=True)
class View:
    """Folders that may be read, and the one that may be written: a new one each time."""

    read: tuple[Path, ...]
    scratch: str


def view() -> View:
    """The system, this Python with its packages, and labs without lessons and exercises."""
    interpreter = Path(os.path.realpath(sys.executable)).parent
    python = {Path(sys.prefix), Path(sys.base_prefix), interpreter}
    found = sorted({*python, *(path.resolve() for path in python), PACKAGE})
    read = tuple(path for path in found if not _is_within(path, found) and not _in_system(path))
    is_free = not any(path.is_relative_to("/tmp") for path in read)
    return View(read, "/tmp" if is_free else "/scratch")


def _is_within(path: Path, others: list[Path]) -> bool:
    return any(path != other and path.is_relative_to(other) for other in others)


def _in_system(path: Path) -> bool:
    return any(path.is_relative_to(folder) for folder in ("/usr", "/opt"))


def readable(seen: View) -> tuple[str, ...]:
    """The folders that Landlock lets be read: of labs, its parts without lessons and exercises."""
    parts = [path for path in PACKAGE.iterdir() if path.is_dir() and path != MATERIAL]
    folders = [path for path in seen.read if path != PACKAGE]
    system = [*SYSTEM, "/sys/devices/system/cpu", CACHE]
    settings = [f"/etc/{name}" for name in SETTINGS]
    return tuple(map(str, [*system, *settings, *folders, *parts]))


def bubble(bwrap: Path, seen: View) -> tuple[str, ...]:
    """The command in which a process sees `seen`, no network and no other process."""
    words = [str(bwrap), "--die-with-parent", "--new-session"]
    words += [f"--unshare-{what}" for what in ("user", "pid", "net", "ipc", "uts")]
    words += ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--dir", seen.scratch]
    for folder in SYSTEM:
        if Path(folder).is_symlink():
            words += ["--symlink", os.readlink(folder), folder]
        elif Path(folder).is_dir():
            words += ["--ro-bind", folder, folder]
    for name in SETTINGS:
        words += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
    for path in seen.read:
        words += ["--ro-bind", str(path), str(path)]
    if MATERIAL.is_dir():
        words += ["--tmpfs", str(MATERIAL), "--remount-ro", str(MATERIAL)]
    cache = platformdirs.user_cache_dir("mlops-labs", appauthor=False)
    words += ["--ro-bind-try", cache, f"{CACHE}/mlops-labs", "--chdir", "/"]
    return tuple(words)


def environment(scratch: str) -> dict[str, str]:
    """The variables of a process that runs answers: nothing of the mentor's."""
    from labs.kit.conditions import environment as fixed

    return {
        **fixed(Path(scratch)),
        "PATH": "/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "HOME": scratch,
        "TMPDIR": scratch,
        "USER": "learner",
        "LOGNAME": "learner",
        "XDG_CACHE_HOME": CACHE,
        "MPLCONFIGDIR": scratch,
        "IPYTHONDIR": scratch,
        "PYTHONDONTWRITEBYTECODE": "1",
    }
