"""Shut a forked process in: namespaces of its own, Landlock, limits. Linux only.

Each means is tried; what the system refuses is left out, and `labs.kit.grading.tiers`
finds out by trying what the rest still lets through.
"""

import contextlib
import ctypes
import fcntl
import os
import resource
import signal
import socket
import struct
import time
from pathlib import Path

NEW = {"user": 0x10000000, "pid": 0x20000000, "net": 0x40000000, "mount": 0x20000}
NEW |= {"ipc": 0x8000000, "uts": 0x4000000}
PRIVATE, REC = 0x40000, 0x4000  # mount flags
NOSUID, NODEV = 2, 4
SIOCSIFFLAGS, UP_AND_RUNNING = 0x8914, 0x41
CAPABILITIES_V3 = 0x20080522
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
WATCH_SECONDS = 0.1  # between two looks at the processes of an answer
TOO_MUCH_MEMORY, TOO_MANY_PROCESSES = 250, 251  # exit codes of the watching process
_libc = ctypes.CDLL(None, use_errno=True)


def shut_in(limits: dict, read: list[str], scratch: str, own: bool) -> int | None:
    """Go on in a process that is shut in; the exit code for the one that watches it.

    Returns None in the process that is shut in. `limits` are those of
    `labs.kit.grading.limits`; `read` are the folders that may be read; with `own` it
    gets namespaces of its own.
    """
    owned = own and _own_namespaces()
    _libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    pid = os.fork()
    if pid:
        return _watch(pid, limits)
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if owned:
        _own_folders(scratch, limits["disk"])
        _loopback()
    _limit(limits)
    _landlock(read, scratch, owned)
    _drop_capabilities()
    return None


def _own_namespaces() -> bool:
    """Take part in no namespace of anybody else's; whether the system allows that."""
    user, group = os.getuid(), os.getgid()
    if _libc.unshare(sum(NEW.values())):
        return False
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{user} {user} 1"),
        ("gid_map", f"{group} {group} 1"),
    ):
        with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
            file.write(text)
    return True


def _own_folders(scratch: str, size: int) -> None:
    """An empty scratch folder in memory, and one for shared memory, that end with the process."""
    _mount("", "/", "", PRIVATE | REC, "")
    for place in (scratch, "/dev/shm"):
        _mount("tmpfs", place, "tmpfs", NOSUID | NODEV, f"size={size},mode=700")


def _mount(source: str, place: str, kind: str, flags: int, data: str) -> None:
    words = [word.encode() for word in (source, place, kind)]
    if _libc.mount(*words, flags, data.encode()):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), place)


def _loopback() -> None:
    """Switch on the loopback of this network, which nothing else is connected to."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh", b"lo", UP_AND_RUNNING))


def limit_only(limits: dict) -> None:
    """Set the limits that this system has, where there is nothing better."""
    with contextlib.suppress(OSError, ValueError):
        _limit(limits)


def _limit(limits: dict) -> None:
    """What the kernel itself counts, for each process of the answer."""
    held = _pages("self", 0)
    for what, most in (
        (resource.RLIMIT_AS, held + limits["memory"]),
        (resource.RLIMIT_CPU, int(limits["total_seconds"]) + 5),
        (resource.RLIMIT_FSIZE, limits["disk"]),
        (resource.RLIMIT_NOFILE, 256),
        (resource.RLIMIT_NPROC, 4 * limits["processes"]),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(what)[1]
        most = int(most) if hard == resource.RLIM_INFINITY else min(int(most), hard)
        resource.setrlimit(what, (most, most))


def _landlock(read: list[str], scratch: str, owned: bool) -> None:
    """Let the kernel refuse everything but reading `read`, and writing to `scratch`."""
    from py_landlock import Landlock, LandlockError

    rules = Landlock(strict=False)
    with contextlib.suppress(LandlockError, OSError):
        folders = [path for path in [*read, "/proc/self"] if os.path.isdir(path)]
        rules.allow_read(*folders).allow_execute(*folders)
        rules.allow_read_write(scratch, "/dev")
        if owned:
            rules.allow_all_network()  # it is this process's own
        rules.apply()


def _drop_capabilities() -> None:
    """Give up what the own namespace gave: to mount, to change its network."""
    _libc.prctl(38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS: Landlock or not
    head = struct.pack("Ii", CAPABILITIES_V3, 0)
    _libc.capset(head, bytes(24))


def _watch(pid: int, limits: dict) -> int:
    """Wait for the process `pid`; end it, and what it started, if they take too much."""
    end = os.pidfd_open(pid)
    code, deadline = None, time.monotonic() + limits["total_seconds"] + 10
    while code is None:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            code = os.waitstatus_to_exitcode(status)
        elif excess := _excess(pid, limits):
            code = excess
        elif time.monotonic() > deadline:
            code = -signal.SIGKILL
        else:
            _wait(end)
    _kill_all()
    return code if code >= 0 else 128 - code


def _wait(end: int) -> None:
    import select

    select.select([end], [], [], WATCH_SECONDS)


def _excess(pid: int, limits: dict) -> int:
    """The exit code that tells which limit the processes below this one break together."""
    family = _family()
    if len(family) > limits["processes"]:
        return TOO_MANY_PROCESSES
    most = 2 * limits["memory"]
    if sum(_pages(one, 1) - _pages(one, 2) for one in family) <= most:
        return 0  # a cheap bound: forks count what they share anew
    return TOO_MUCH_MEMORY if sum(map(_share, family)) > most else 0


def _family() -> list[int]:
    """All processes that descend from this one; orphans come to it."""
    parents: dict[int, list[int]] = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError, IndexError, ValueError):
            said = Path(f"/proc/{name}/stat").read_text(encoding="ascii", errors="replace")
            parents.setdefault(int(said.rpartition(")")[2].split()[1]), []).append(int(name))
    found, waiting = [], [os.getpid()]
    while waiting:
        below = parents.get(waiting.pop(), [])
        found += below
        waiting += below
    return found


def _pages(pid: int | str, field: int) -> int:
    """Bytes of memory of a process: 0 is its address space, 1 what it holds, 2 what it shares."""
    with contextlib.suppress(OSError, IndexError):
        said = Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()
        return int(said[field]) * resource.getpagesize()
    return 0


def _share(pid: int) -> int:
    """Bytes that a process holds; of what several share, its part."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines():
            if line.startswith("Pss_Anon:"):
                return int(line.split()[1]) * 1024
    return 0


def _kill_all() -> None:
    """End every process below this one, those that left its group too."""
    for _ in range(50):
        family = _family()
        for one in family:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(one, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        if not family:
            return
        time.sleep(0.01)
