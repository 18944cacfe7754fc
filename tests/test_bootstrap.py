"""`python3 labs` on a bare Python: whatever happens on the way, it ends well or says why."""

import copy
import errno
import io
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import psutil
import pytest
from tiny_kit import BOOTSTRAP, PYTHON, TinyKit, make_wheel, until

from labs import __main__ as main
from labs.kit import material
from labs.kit.bootstrap import explain
from labs.kit.installer import diagnose
from labs.kit.progress import Progress

EDITABLE = "Successfully installed tiny-kit-1"  # pip on the kit itself
MANY = 1000  # files of a package, so that installing it takes some time
LEARNER = {"jupyterlab": "1", "old": "1", "pages": "1"}


@pytest.fixture
def kit(tmp_path) -> TinyKit:
    """A fresh clone, in a folder whose name has a space and a letter beyond ASCII."""
    return TinyKit(tmp_path / "my klön", tmp_path / "wheels")


@pytest.fixture(scope="module")
def ready(tmp_path_factory) -> TinyKit:
    """A clone whose first command was given twice at once; tests may use it, not change it."""
    folder = tmp_path_factory.mktemp("ready")
    kit = TinyKit(folder / "klön one", folder / "wheels")
    both = [kit.begin("start", "--no-browser", stderr=subprocess.PIPE) for _ in range(2)]
    kit.both = [process.communicate(timeout=120) for process in both]
    assert [process.returncode for process in both] == [0, 0], kit.both
    return kit


@pytest.fixture
def lived_in(ready, tmp_path) -> TinyKit:
    """The clone of `ready` to do anything with: afterwards it is put back as it was."""
    folder = ready.root.parent
    kept = shutil.copytree(folder, tmp_path / "kept", symlinks=True)
    yield copy.copy(ready)
    shutil.rmtree(folder)
    kept.rename(folder)


def succeeds(done: subprocess.CompletedProcess) -> bool:
    assert done.returncode == 0, done.stderr
    return done.stdout.startswith("ran ")


def refuses(done: subprocess.CompletedProcess) -> str:
    """What the command says when it gives up; never a traceback."""
    assert done.returncode == 1
    assert "Traceback" not in done.stderr + done.stdout
    return done.stderr


def test_the_first_command_installs_the_learners_lock_and_hands_over(ready):
    assert [printed for printed, _ in ready.both] == ["ran ['start', '--no-browser']\n"] * 2
    assert ready.packages() == LEARNER


def test_two_at_once_make_one_environment(ready):
    assert sum("waiting" in told for _, told in ready.both) == 1
    assert ready.log.read_text().count("Successfully installed jupyterlab-1") == 1


def test_progress_is_shown_for_fetching_and_installing(ready):
    told = next(told for _, told in ready.both if "waiting" not in told)
    assert "Fetching packages: 3 of 3" in told
    assert "Installing packages: 3 of 3" in told
    assert "Environment ready" in told


def test_packages_get_byte_code(ready):
    assert list(ready.venv.glob("lib/python*/site-packages/pages/__pycache__/*.pyc"))


def test_the_second_command_does_not_call_pip(ready):
    """pip is taken away: whoever calls it fails."""
    pip = next(ready.venv.glob("lib/python*/site-packages/pip"))
    away = pip.rename(pip.with_name("taken-away"))
    try:
        done = ready.run("doctor")
    finally:
        away.rename(pip)
    assert done.stdout == "ran ['doctor']\n"
    assert done.stderr == ""


def test_the_exit_code_is_the_commands(ready):
    assert ready.run("fail").returncode == 3


def test_the_command_finds_the_environments_programs_first(ready):
    code = "import os\ndef main(): print(os.environ['PATH'].split(os.pathsep)[0])\n"
    cli = ready.root / "labs" / "cli.py"
    before = cli.read_text()
    cli.write_text(code)
    try:
        assert ready.run("start").stdout.strip() == str(ready.venv / "bin")
    finally:
        cli.write_text(before)


def test_it_starts_from_any_folder(ready, tmp_path):
    command = [PYTHON, str(ready.root / "labs"), "start"]
    done = subprocess.run(
        command, cwd=tmp_path, env=ready.variables(), capture_output=True, text=True
    )
    assert done.stdout == "ran ['start']\n"


def test_ctrl_c_in_the_command_leaves_no_traceback(ready):
    process = ready.begin("sleep")
    until(process, "ran ['sleep']")
    os.killpg(process.pid, signal.SIGINT)
    said = process.communicate(timeout=60)[0]
    assert process.returncode == 130
    assert "Stopped" in said and "Traceback" not in said


def test_the_environments_life(lived_in):
    """One clone through all that happens to it later: more groups, a new lock, a move."""
    kit = lived_in
    assert kit.log.read_text().count("Successfully installed jupyterlab-1 old-1 pages-1") == 1
    assert succeeds(kit.run("test"))
    assert kit.packages() == {**LEARNER, "checker": "1"}
    assert kit.log.read_text().count("Successfully installed checker-1") == 1
    assert kit.log.read_text().count(EDITABLE) == 1

    pyproject = kit.root / "pyproject.toml"
    pyproject.write_text(pyproject.read_text() + "# another\n")
    assert succeeds(kit.run("start"))
    assert kit.log.read_text().count(EDITABLE) == 2

    jupyterlab = make_wheel(kit.wheels, "jupyterlab", "2")
    kit.lock("default", jupyterlab, make_wheel(kit.wheels, "new", "1"))
    assert succeeds(kit.run("start"))
    assert kit.packages() == {"jupyterlab": "2", "new": "1", "pages": "1", "checker": "1"}

    kit.lock("default", jupyterlab, altered(kit))
    said = refuses(kit.run("start"))
    assert "its hash differs" in said and str(kit.log) in said

    kit.lock("default", jupyterlab)
    moved = kit.root.rename(kit.root.with_name("elsewhere"))
    kit.root, kit.venv = moved, moved / ".venv"
    done = kit.run("start")
    assert succeeds(done)
    assert "Making an environment" in done.stderr
    assert kit.packages() == {"jupyterlab": "2", "pages": "1"}


def altered(kit: TinyKit) -> str:
    """The pin of a package that is not what the lock says."""
    return make_wheel(kit.wheels, "altered", "1").split("sha256:")[0] + f"sha256:{'0' * 64}\n"


def test_a_first_run_that_was_killed_stopped_or_offline_is_taken_up_by_the_next(kit):
    """Killed while it makes the environment, then no network, then Ctrl-C while packages arrive."""
    process = kit.begin("start")
    until(process, "Making an environment")
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()

    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        index = f"http://127.0.0.1:{closed.getsockname()[1]}/simple"
        offline = {"PIP_NO_INDEX": "0", "PIP_FIND_LINKS": ""}
        said = refuses(kit.run("start", PIP_INDEX_URL=index, **offline))
    assert "The package index does not answer" in said

    with hanging_index() as index:
        process = kit.begin("start", **index.settings)
        index.wait()
        os.killpg(process.pid, signal.SIGINT)
        said = process.communicate(timeout=60)[0]
    assert process.returncode == 130
    assert "Stopped. Run the same command again" in said and "Traceback" not in said

    assert succeeds(kit.run("start"))
    assert kit.packages() == LEARNER


def test_what_cannot_be_installed_is_named_and_the_next_run_goes_on(lived_in):
    """No such build, packages that do not fit, a full disk: one after the other."""
    kit = lived_in
    pin = make_wheel(kit.wheels, "rare", "1")
    (kit.wheels / "rare-1-py3-none-any.whl").unlink()
    default = kit.root / "labs" / "locks" / "default.txt"
    whole = default.read_text()
    kit.lock("default", whole, pin)
    assert "rare==1: the package index has no build" in refuses(kit.run("start"))

    kit.lock("default", whole, make_wheel(kit.wheels, "needy", "1", needs="absent"))
    said = refuses(kit.run("start"))
    assert "needy 1 requires absent, which is not installed" in said

    kit.lock("default", whole)
    kit.log.unlink()
    kit.log.symlink_to("/dev/full")
    said = refuses(kit.run("start"))
    assert "the disk is full" in said

    kit.log.unlink()
    assert succeeds(kit.run("start"))
    assert kit.packages() == LEARNER


class hanging_index:
    """A package index that takes calls and never answers; `settings` make pip use it."""

    def __enter__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{self.socket.getsockname()[1]}/simple"
        self.settings = {"PIP_NO_INDEX": "0", "PIP_FIND_LINKS": "", "PIP_INDEX_URL": address}
        return self

    def wait(self):
        """Until pip has called."""
        self.call = self.socket.accept()[0]

    def __exit__(self, *error):
        self.call.close()
        self.socket.close()


def test_kill_while_packages_arrive_then_while_they_are_installed(lived_in):
    kit = lived_in
    kit.lock("book", make_wheel(kit.wheels, "late", "1"))
    with hanging_index() as index:
        process = kit.begin("start", **index.settings)
        index.wait()
        os.kill(process.pid, signal.SIGKILL)  # pip lives on, and keeps its lock
        process.wait()
        second = kit.begin("start")
        until(second, "Another command is setting up the environment; waiting.")
    assert "ran ['start']" in second.communicate(timeout=120)[0]
    assert kit.packages() == {"jupyterlab": "1", "old": "1", "late": "1"}

    kit.lock("book", make_wheel(kit.wheels, "big", "1", files=MANY))
    process = kit.begin("start")
    until(process, "Installing packages")
    pip = psutil.Process(process.pid).children()
    package = next(kit.venv.glob("lib/python*/site-packages")) / "big"
    while not package.is_dir():
        assert process.poll() is None
        time.sleep(0.001)
    os.killpg(process.pid, signal.SIGKILL)
    pip[0].kill()  # both, as when the power goes
    process.communicate()
    assert len(list(package.glob("*.py"))) < MANY
    assert succeeds(kit.run("start"))
    assert len(list(package.glob("*.py"))) == MANY


def test_somebody_elses_venv_is_refused_and_kept(kit):
    theirs = kit.venv / "bin" / "python"
    theirs.parent.mkdir(parents=True)
    theirs.write_text("theirs")
    said = refuses(kit.run("start"))
    assert "was not made by the labs" in said and "Rename or delete it" in said
    assert theirs.read_text() == "theirs" and not kit.stamp.exists()


def test_a_file_named_venv_is_refused(kit):
    kit.venv.write_text("a file")
    assert "was not made by the labs" in refuses(kit.run("start"))


def test_a_missing_lock_is_named(kit):
    (kit.root / "labs" / "locks" / "book.txt").unlink()
    assert "book.txt is missing. Restore it from git." in refuses(kit.run("start"))


def test_help_does_not_install_anything(kit):
    done = kit.run("--help")
    assert "python3 labs start" in done.stdout
    assert not kit.venv.exists()


def test_a_python_without_ensurepip_says_what_to_install(kit, tmp_path):
    """As on Debian without python3-venv: the same standard library, ensurepip left out."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    library = tmp_path / "home" / "lib" / version
    library.mkdir(parents=True)
    for path in Path(os.__file__).parent.iterdir():
        if path.name != "ensurepip":
            (library / path.name).symlink_to(path)
    said = refuses(kit.run("start", PYTHONHOME=str(tmp_path / "home")))
    assert f"sudo apt install {version}-venv" in said
    assert not kit.venv.exists()


def old_pythons() -> list[Path]:
    """Interpreters on this machine that the labs do not support."""
    places = [Path(folder) for folder in os.environ["PATH"].split(os.pathsep)]
    places += sorted(Path.home().glob(".pyenv/versions/*/bin"))
    names = ("python2.7", "python3.6", "python3.7", "python3.8", "python3.9", "python3.10")
    found = [place / name for place in places for name in names if (place / name).is_file()]
    return [python for python in found if _runs(python)]


def _runs(python: Path) -> bool:
    return subprocess.run([python, "-c", ""], capture_output=True).returncode == 0


def test_old_pythons_are_refused_by_name(kit, tmp_path):
    """One is told which other is here: not one whose name alone is, a version manager's."""
    for name, code in (("python3.12", 0), ("python3.13", 127)):
        (tmp_path / name).write_text(f"#!/bin/sh\nexit {code}\n")
        (tmp_path / name).chmod(0o755)
    env = {**os.environ, "PATH": str(tmp_path)}
    faked = "import sys, runpy; sys.version_info = (3, 10, 2); sys.argv = ['labs']; "
    commands = [[PYTHON, "-c", faked + "runpy.run_path('labs', run_name='__main__')"]]
    commands += [[str(python), "labs", "start"] for python in old_pythons()]
    for command in commands:
        done = subprocess.run(command, cwd=kit.root, env=env, capture_output=True, text=True)
        said = refuses(done)
        assert said.startswith("MLOps Labs needs Python 3.11, 3.12, 3.13 or 3.14.\nThis is Python ")
        assert said.endswith("Python 3.12 is here too.\nRun: python3.12 labs start\n")


def test_supported_versions_are_those_of_the_package():
    pyproject = tomllib.loads((material.root() / "pyproject.toml").read_text())
    oldest, newest = main.SUPPORTED[0], main.SUPPORTED[-1]
    wanted = f">={oldest[0]}.{oldest[1]},<{newest[0]}.{newest[1] + 1}"
    assert pyproject["project"]["requires-python"] == wanted


def test_the_bootstrap_needs_the_standard_library_alone():
    names = [f"labs.{n[:-3].replace('/', '.')}" for n in BOOTSTRAP if not n.endswith("__init__.py")]
    code = f"import sys; sys.path.insert(0, {str(material.root())!r}); import {', '.join(names)}\n"
    code += "loaded = {name.split('.')[0] for name, module in sys.modules.items() if module}\n"
    code += "print(loaded - sys.stdlib_module_names - {'__main__'})"
    done = subprocess.run([PYTHON, "-I", "-S", "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "{'labs'}", done.stderr


def test_what_a_failing_file_system_means(tmp_path):
    denied = PermissionError(errno.EACCES, "Permission denied", "/clone/.venv")
    assert "Clone the labs into a folder of your own" in explain(denied, tmp_path)
    full = OSError(errno.ENOSPC, "No space left on device")
    assert f"{tmp_path}: the disk is full" in explain(full, tmp_path)


@pytest.mark.parametrize(
    ("printed", "told"),
    [
        ("ERROR: Could not install: [Errno 28] No space left on device", "The disk is full"),
        ("SSLError(SSLCertVerificationError(1, '...'))", "a certificate that this machine"),
        ("ERROR: [Errno 13] Permission denied: '/x'", "permission denied"),
        ("first\nsecond\nthird\nfourth", "second\nthird\nfourth"),
    ],
)
def test_pips_words_become_a_cause(printed, told):
    assert told in diagnose(printed, Path("log"))


def test_a_terminal_gets_a_bar_in_one_line():
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    screen = Terminal()
    step = Progress("Fetching packages", 4, screen)
    step.at(2, "numpy")
    step.done()
    drawn = [line.rstrip() for line in screen.getvalue().split("\r")]
    assert drawn[1] == "Fetching packages [############------------] 2/4 numpy"
    assert drawn[-1] == "Fetching packages [########################] 4/4"
    assert screen.getvalue().count("\n") == 1
