"""From the first command to the welcome page: in a fresh clone, and again."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from labs.kit import material


def seconds_to_address(clone: Path, workspace: Path) -> float:
    """Wall seconds until `labs start` prints where the welcome page is."""
    command = ["python3", "labs", "start", "--no-browser", "--workspace", str(workspace)]
    env = {key: value for key, value in os.environ.items() if key != "VIRTUAL_ENV"}
    path = [p for p in env["PATH"].split(os.pathsep) if Path(p) != Path(sys.executable).parent]
    env["PATH"] = os.pathsep.join(path)
    begun = time.perf_counter()
    with subprocess.Popen(
        command, cwd=clone, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        for line in process.stdout:
            if "/lab/tree/" in line:
                spent = time.perf_counter() - begun
                process.send_signal(signal.SIGINT)
                process.stdout.read()
                return spent
    raise SystemExit("labs start ended without an address; run it by hand")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        clone, workspace = Path(folder) / "clone", Path(folder) / "workspace"
        subprocess.run(["git", "clone", "-q", str(material.root()), str(clone)], check=True)
        cold = seconds_to_address(clone, workspace)
        warm = min(seconds_to_address(clone, workspace) for _ in range(3))
    print(f"  cold, everything to install: {cold:6.1f} s")
    print(f"  warm, best of three:         {warm:6.1f} s")
    print(f"  cold / warm: {cold / warm:.0f}")


if __name__ == "__main__":
    main()
