"""`labs doctor`: a healthy machine, and every failure it knows, each a real one."""

import json
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import labs
from labs.kit import doctor, material, pins

# where not even the superuser may write, on Linux and on macOS
FORBIDDEN = next(path for path in (Path("/proc"), Path("/System")) if path.is_dir())


def problem(check: Callable[[], str]) -> doctor.Problem:
    """What the check finds wrong."""
    with pytest.raises(doctor.Problem) as caught:
        check()
    assert caught.value.remedy
    return caught.value


def test_a_healthy_machine_has_no_problem(tmp_path, capsys):
    assert doctor.main(tmp_path / "new" / "workspace") == 0
    said = capsys.readouterr().out
    assert said.count("\nok ") == 8 and said.startswith("ok ")
    assert said.endswith("\nEverything works.\n")
    assert list(tmp_path.iterdir()) == [], "nothing is left behind"


def test_a_problem_is_one_line_and_what_to_do(tmp_path, capsys, monkeypatch):
    """The other checks still run, and the exit code is 1."""
    for name in ("kernel", "store"):
        monkeypatch.setattr(doctor, name, lambda *_: "not looked at here")
    file = tmp_path / "a-file"
    file.write_text("mine")
    assert doctor.main(file) == 1
    lines = capsys.readouterr().out.splitlines()
    place = lines.index(f"PROBLEM  workspace: {file} is a file, not a folder")
    assert lines[place + 1].startswith(f"         What to do: Rename {file}, or choose another")
    assert any(line.startswith("ok       book") for line in lines)
    assert lines[-1] == "1 problem(s) found."


def test_a_check_that_breaks_is_a_problem_too(tmp_path, monkeypatch):
    """A lock with a line that is no pin, as after a bad merge."""
    for name in ("kernel", "store"):
        monkeypatch.setattr(doctor, name, lambda *_: "not looked at here")
    for group in pins.GROUPS:
        (tmp_path / f"{group}.txt").write_text("<<<<<<< ours\n")
    monkeypatch.setattr(pins, "FOLDER", tmp_path)
    found = {check.name: check for check in doctor.run(tmp_path)}
    assert "'<<<<<<< ours' is not a pinned package" in found["packages"].text
    assert not found["packages"].ok and found["book"].ok


def test_an_old_python():
    found = problem(lambda: doctor.python((3, 10, 2)))
    assert "3.10.2" in found.text and "3.11, 3.12, 3.13 or 3.14" in found.remedy


def test_a_python_of_32_bits():
    assert "32-bit" in problem(lambda: doctor.python(bits=32)).text


@pytest.fixture
def one_package(tmp_path, monkeypatch) -> Path:
    """A folder on Python's path; the lock asks for `surely-absent` 2 and nothing else."""
    locks = tmp_path / "locks"
    pin = pins.Pin("surely-absent", "2", "", ("sha256:" + "0" * 64,))
    pins.write({"default": [pin], "book": [], "test": []}, locks)
    monkeypatch.setattr(pins, "FOLDER", locks)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def install(folder: Path, version: str) -> None:
    info = folder / f"surely_absent-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: surely-absent\nVersion: {version}\n"
    )


def test_a_missing_package(one_package):
    found = problem(doctor.packages)
    assert found.text == "surely-absent 2 is missing"
    assert "python3 labs start" in found.remedy


def test_a_package_of_another_version(one_package):
    install(one_package, "1")
    assert problem(doctor.packages).text == "surely-absent is 1 instead of 2"


def test_a_package_as_in_the_lock(one_package):
    install(one_package, "2")
    assert doctor.packages() == "1 installed as in the lock"


def test_a_package_for_another_platform_may_be_missing(one_package):
    marked = pins.Pin("surely-absent", "2", "sys_platform == 'nowhere'", ("sha256:" + "0" * 64,))
    pins.write({"default": [marked], "book": [], "test": []}, pins.FOLDER)
    assert doctor.packages() == "0 installed as in the lock"


@pytest.fixture
def other_root(tmp_path, monkeypatch) -> Path:
    """Material elsewhere: the manifest alone, without lessons and book."""
    (tmp_path / "exercises").mkdir()
    manifest = material.root() / "exercises" / "course.toml"
    (tmp_path / "exercises" / "course.toml").write_bytes(manifest.read_bytes())
    monkeypatch.setattr(labs, "__file__", str(tmp_path / "labs" / "__init__.py"))
    return tmp_path


def test_missing_lessons(other_root):
    found = problem(doctor.material)
    assert "notebooks/foundations/welcome.ipynb" in found.text
    assert str(other_root) in found.text


def test_a_broken_manifest(other_root):
    (other_root / "exercises" / "course.toml").write_text("title = ")
    assert "not valid TOML" in problem(doctor.material).text


def test_missing_book_pages(other_root):
    assert f"{other_root / 'book' / '_config.yml'} is missing" in problem(doctor.book).text


def test_a_missing_builder_of_the_book():
    found = problem(lambda: doctor.book(modules=("jupyter_book", "surely_absent")))
    assert found.text == "surely_absent not installed"


def test_a_workspace_below_a_file(tmp_path):
    (tmp_path / "file").write_text("")
    found = problem(lambda: doctor.writable(tmp_path / "file" / "workspace"))
    assert found.text == f"{tmp_path / 'file'} is a file, not a folder"


def test_a_workspace_where_nobody_may_write():
    found = problem(lambda: doctor.writable(FORBIDDEN / "workspace"))
    assert found.text.startswith(f"{FORBIDDEN} cannot be written: ")
    assert "labs start --workspace FOLDER" in found.remedy


FULL_DISK = """
import resource, sys
from pathlib import Path
from labs.kit import doctor
resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024))
try:
    getattr(doctor, sys.argv[1])(Path(sys.argv[2]))
except doctor.Problem as problem:
    print(problem.text, problem.remedy, sep="\\n")
"""


def on_a_full_disk(check: str, folder: Path) -> list[str]:
    """Text and remedy of a check in a process whose files cannot grow beyond 1 kB."""
    command = [sys.executable, "-c", FULL_DISK, check, str(folder)]
    return subprocess.run(command, capture_output=True, text=True).stdout.splitlines()


def test_a_workspace_on_a_full_disk(tmp_path):
    text, remedy = on_a_full_disk("writable", tmp_path)
    assert text == f"{tmp_path} cannot be written: File too large"
    assert remedy.startswith("Make room")


def test_a_store_on_a_full_disk(tmp_path):
    text, remedy = on_a_full_disk("store", tmp_path)
    assert text.startswith(f"cannot be made in {tmp_path}: ")
    assert "local disk with room" in remedy


def test_a_store_where_nobody_may_write():
    found = problem(lambda: doctor.store(FORBIDDEN / "workspace"))
    assert f"no folder for it in {FORBIDDEN}" in found.text


def test_a_store_that_takes_too_long(tmp_path):
    assert "took more than" in problem(lambda: doctor.store(tmp_path, seconds=0.01)).text


def test_too_little_space(tmp_path):
    """No disk has an exabyte."""
    found = problem(lambda: doctor.disk(tmp_path, least=10**18))
    assert found.text.endswith(f"free at {tmp_path}; the lessons need 1000000000 GB")


@pytest.fixture
def occupied():
    """Two ports in a row, both listened to."""
    while True:
        with socket.create_server(("127.0.0.1", 0)) as first:
            number = first.getsockname()[1]
            try:
                second = socket.create_server(("127.0.0.1", number + 1))
            except OSError:
                continue
            with second:
                yield number
                return


def test_a_port_in_use_is_no_problem_while_the_next_is_free(occupied):
    ports = range(occupied, occupied + 40)
    said = doctor.port(ports)
    assert said.startswith(f"{occupied} is in use; Lab takes ")
    assert int(said.split()[-1]) > occupied + 1


def test_no_free_port(occupied):
    found = problem(lambda: doctor.port(range(occupied, occupied + 2)))
    assert found.text == f"no port from {occupied} to {occupied + 1} is free on this machine"
    assert "--port" in found.remedy


@pytest.fixture
def kernelspec(tmp_path, monkeypatch) -> Callable[[str], Path]:
    """Writes a kernel `python3` that runs the given code, where Jupyter looks first."""
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))

    def write(*command: str) -> Path:
        folder = tmp_path / "kernels" / "python3"
        folder.mkdir(parents=True)
        spec = {"argv": list(command), "display_name": "Python", "language": "python"}
        (folder / "kernel.json").write_text(json.dumps(spec))
        return folder

    return write


def test_a_kernel_whose_python_is_gone(kernelspec):
    folder = kernelspec("/nowhere/python", "-m", "ipykernel_launcher", "-f", "{connection_file}")
    found = problem(doctor.kernel)
    assert str(folder) in found.text and "/nowhere/python" in found.text
    assert "jupyter kernelspec remove python3" in found.remedy


def test_a_kernel_that_dies(kernelspec):
    kernelspec(sys.executable, "-c", "raise ImportError('no ipykernel here')")
    assert "does not start: ImportError: no ipykernel here" in problem(doctor.kernel).text


def test_a_kernel_that_never_answers(kernelspec):
    kernelspec(sys.executable, "-c", "import time; time.sleep(60)")
    assert "does not start" in problem(lambda: doctor.kernel(seconds=2)).text


def test_a_kernel_that_cannot_compute(kernelspec):
    """It answers, but computes nothing: a Python whose startup file went wrong."""
    code = "from IPython.core.interactiveshell import InteractiveShell as Shell\n"
    code += "Shell.user_expressions = lambda self, expressions: {}\n"
    code += "from ipykernel.kernelapp import launch_new_instance; launch_new_instance()"
    kernelspec(sys.executable, "-c", code, "-f", "{connection_file}")
    assert "says 1 + 1 = nothing" in problem(doctor.kernel).text


def test_the_exit_code_reaches_the_shell(tmp_path):
    (tmp_path / "file").write_text("")
    command = [sys.executable, "-m", "labs", "doctor", "--workspace", str(tmp_path / "file")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1 and "PROBLEM  workspace" in done.stdout
