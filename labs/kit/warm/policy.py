"""When a kernel may be warm, and what is said when it is not."""

import contextlib
import hashlib
import json
import os
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from labs.kit.errors import UserError

PROVISIONER = "labs-warm"  # the name under which pyproject.toml registers it
SELECT = "JUPYTER_DEFAULT_PROVISIONER_NAME"  # environment: Jupyter's own switch
SERVER = "LABS_FORK_SERVER"  # environment: the socket of the fork server to use
KERNELS = "LABS_KERNELS"  # environment: "cold" for a kernel started the usual way
LOG = "LABS_KERNEL_LOG"  # environment: a file that counts warm and cold starts

# Read when an interpreter or a library starts, so a fork cannot have other values.
FIXED = ("PYTHON", "OMP_", "OPENBLAS_", "MKL_", "BLIS_", "NUMEXPR_", "GOMP_", "LC_")
FIXED += ("LANG", "TZ", "LD_", "MALLOC_", "ARROW_", "MPLCONFIGDIR", "MATPLOTLIBRC", "SKLEARN_")
FIXED += ("PYDEVD_", "IPYTHONDIR", "HOME", "XDG_", "MLFLOW_DISABLE_", "MLFLOW_LOGGING_LEVEL")
SECRET = ("TOKEN", "PASSWORD", "SECRET", "KEY", "CREDENTIAL", "URI")  # read at each use, too
NEEDED = ("PATH", "PWD", "TMPDIR", "USER", "LOGNAME")  # what the server may have besides


def is_fixed(name: str) -> bool:
    """Whether the environment variable `name` is read once, at a start or an import."""
    return name.startswith(FIXED) and not any(word in name for word in SECRET)


def servers_environment(env: dict[str, str]) -> dict[str, str]:
    """What of `env` a fork server gets: no token, no password, nothing of one lesson."""
    return {name: value for name, value in env.items() if is_fixed(name) or name in NEEDED}


def difference(wanted: dict[str, str], begun: dict[str, str], now: dict[str, str]) -> str:
    """Why a kernel with the environment `wanted` cannot be forked; empty if it can.

    `begun` is the environment the server was started with, `now` what imports have
    made of it; either value will do, since a client may have imported the same.
    """
    for name in sorted(name for name in {*wanted, *begun} if is_fixed(name)):
        value = wanted.get(name)
        if value not in (begun.get(name), now.get(name)):
            return f"{name} is {value!r} here and {begun.get(name)!r} in the fork server"
    return ""


def umask() -> int:
    """This process's umask, which can be asked for in no other way without changing it."""
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("Umask:"):
            return int(line.split()[1], 8)
    return 0o022


def stamp(paths: Iterable[str]) -> str:
    """A hash of when `paths` were changed last: a server that began before is stale."""
    digest = hashlib.sha256()
    for path in paths:
        with contextlib.suppress(FileNotFoundError):
            found = os.stat(path)
            digest.update(f"{path}\0{found.st_mtime_ns}\0{found.st_size}\0".encode())
    return digest.hexdigest()


def platform_reason(platform: str = sys.platform) -> str:
    """Why kernels cannot be forked on `platform`; empty where they can."""
    if platform == "linux":
        return ""
    return f"on {platform} a process with loaded libraries cannot be forked safely"


def must_be_warm() -> bool:
    """Whether a kernel that starts cold without being asked to is an error: in CI it is."""
    return os.environ.get("CI", "").lower() in ("1", "true", "yes")


def note(warm: bool, reason: str = "") -> None:
    """Count one start in the log that the environment names, if it names one."""
    if path := os.environ.get(LOG):
        line = json.dumps({"warm": warm, "reason": reason}) + "\n"
        with open(path, "a", encoding="utf-8") as log:  # one short write: lines stay whole
            log.write(line)


def note_cold(reason: str) -> str:
    """Count a kernel that starts cold, and the sentence to log; in CI it raises UserError."""
    note(False, reason)
    if must_be_warm():
        raise UserError(
            f"A warm kernel was asked for, and it would start cold: {reason}. In CI that is "
            "an error. Mend it, or ask for cold kernels: labs test --cold"
        )
    return f"This kernel starts cold: {reason}."


def summary(log: Path) -> str:
    """How many kernels were warm and how many cold, and why; empty if none was started."""
    try:
        starts = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    except FileNotFoundError:
        return ""
    reasons = Counter(start["reason"] for start in starts if not start["warm"])
    lines = [f"{sum(start['warm'] for start in starts)} warm, {reasons.total()} cold"]
    lines += [f"  {count} cold: {reason}" for reason, count in reasons.most_common()]
    return "\n".join(lines) if starts else ""
