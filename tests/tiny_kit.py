"""A clone in miniature for the tests of the bootstrap: the real bootstrap, tiny packages.

Its wheels are made here, its index is a folder, and its command line prints what
it was called with; environment, pip, hashes, signals and locks are real.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from labs.kit import material

BOOTSTRAP = ("__main__.py", "__init__.py", "kit/__init__.py", "kit/errors.py", "kit/bootstrap.py")
BOOTSTRAP += ("kit/environment.py", "kit/installer.py", "kit/progress.py")
PYTHON = getattr(sys, "_base_executable", sys.executable)
PYPROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]

[project]
name = "tiny-kit"
version = "1"
"""
BACKEND = '''
"""Builds the tiny kit as an editable wheel: one path file."""
import os
import zipfile


def build_editable(folder, config_settings=None, metadata_directory=None):
    info = "tiny_kit-1.dist-info/"
    with zipfile.ZipFile(os.path.join(folder, "tiny_kit-1-py3-none-any.whl"), "w") as wheel:
        wheel.writestr("tiny_kit.pth", os.getcwd())
        wheel.writestr(info + "METADATA", "Metadata-Version: 2.1\\nName: tiny-kit\\nVersion: 1\\n")
        wheel.writestr(info + "WHEEL", "Wheel-Version: 1.0\\nTag: py3-none-any\\n")
        wheel.writestr(info + "RECORD", "")
    return "tiny_kit-1-py3-none-any.whl"
'''
CLI = """
import sys
import time


def main():
    print("ran", sys.argv[1:], flush=True)
    if "sleep" in sys.argv:
        time.sleep(60)
    return 3 if "fail" in sys.argv else 0
"""


def make_wheel(folder: Path, name: str, version: str, files: int = 1, needs: str = "") -> str:
    """A wheel of `files` modules in `folder`; the pin that a lock has for it."""
    info = f"{name}-{version}.dist-info"
    path = folder / f"{name}-{version}-py3-none-any.whl"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(
            f"{info}/METADATA", metadata + (f"Requires-Dist: {needs}\n" if needs else "")
        )
        wheel.writestr(f"{name}/__init__.py", f"version = {version!r}\n")
        for number in range(1, files):
            wheel.writestr(f"{name}/part_{number}.py", f"number = {number}\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    return f"{name}=={version} --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n"


class TinyKit:
    """One miniature clone in `root`, whose packages come from the folder `wheels`."""

    def __init__(self, root: Path, wheels: Path):
        self.root, self.wheels = root, wheels
        self.venv = root / ".venv"
        self.log = self.venv / "labs-install.log"
        self.stamp = self.venv / "labs-stamp.json"
        for name in BOOTSTRAP:
            (root / "labs" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(material.root() / "labs" / name, root / "labs" / name)
        (root / "labs" / "cli.py").write_text(CLI)
        (root / "backend.py").write_text(BACKEND)
        (root / "pyproject.toml").write_text(PYPROJECT)
        (root / "labs" / "locks").mkdir()
        wheels.mkdir(exist_ok=True)
        self.lock("default", make_wheel(wheels, "jupyterlab", "1"), make_wheel(wheels, "old", "1"))
        self.lock("book", make_wheel(wheels, "pages", "1"))
        self.lock("test", make_wheel(wheels, "checker", "1"))

    def lock(self, group: str, *pins: str) -> None:
        """Write one file of the lock."""
        (self.root / "labs" / "locks" / f"{group}.txt").write_text("".join(pins))

    def variables(self, **more: str) -> dict[str, str]:
        """The variables of a machine whose only package index is the folder of wheels."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("PIP_", "LABS_"))}
        pip = {"PIP_CONFIG_FILE": os.devnull, "PIP_FIND_LINKS": self.wheels.as_uri()}
        return {**kept, **pip, "PIP_NO_INDEX": "1", "PIP_NO_CACHE_DIR": "1", **more}

    def run(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess:
        """`python3 labs ARGUMENTS` to its end."""
        return subprocess.run(
            [PYTHON, "labs", *arguments],
            cwd=self.root,
            env=self.variables(**variables),
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=300,
        )

    def begin(
        self, *arguments: str, stderr: int = subprocess.STDOUT, **variables: str
    ) -> subprocess.Popen:
        """`python3 labs ARGUMENTS` in a process group of its own, both outputs in one pipe."""
        return subprocess.Popen(
            [PYTHON, "labs", *arguments],
            cwd=self.root,
            env=self.variables(PYTHONUNBUFFERED="1", **variables),
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            encoding="utf-8",
            start_new_session=True,
        )

    def packages(self) -> dict[str, str]:
        """Name and version of what is installed, pip's own packages and the kit left out."""
        found = {}
        for path in self.venv.glob("lib/python*/site-packages/*.dist-info"):
            name, version = path.name.removesuffix(".dist-info").rsplit("-", 1)
            found[name] = version
        return {n: v for n, v in found.items() if n not in ("pip", "setuptools", "tiny_kit")}


def until(process: subprocess.Popen, text: str) -> str:
    """Reads what the process prints until a line holds `text`; everything read."""
    read = ""
    for line in process.stdout:
        read += line
        if text in line:
            return read
    raise AssertionError(f"{text!r} never came:\n{read}")
