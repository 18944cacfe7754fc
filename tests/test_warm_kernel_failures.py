"""Warm kernels when something dies or does not fit: seen at once, said clearly, no orphan."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import psutil
import pytest
import warm
from nbclient.exceptions import DeadKernelError

from labs.kit import manifest, material
from labs.kit.errors import UserError
from labs.kit.execute import CELL_SECONDS, environment, execute
from labs.kit.normalise import dumps, normalise, parse
from labs.kit.verify import RELEASE
from labs.kit.warm import policy, starting, use

pytest_plugins = ["warm_server"]
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere kernels are cold")

AT_ONCE = 30  # seconds; a kernel not seen to be dead is waited for for CELL_SECONDS
DEADLY = {
    "exits": "import os\nos._exit(3)",
    "crashes": "import ctypes\nctypes.string_at(0)",
    "is killed": "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)",
}


@pytest.fixture(scope="module")
def light(tmp_path_factory):
    with warm.light_server(tmp_path_factory.mktemp("server")) as address:
        yield address


@pytest.fixture
def all_warm(light, tmp_path):
    with warm.variables({**environment(tmp_path), **warm.warm(light), "CI": ""}) as started:
        yield
        assert set(started()) == {"warm"}


@pytest.fixture
def at_once():
    assert AT_ONCE < CELL_SECONDS
    began = time.monotonic()
    yield
    assert time.monotonic() - began < AT_ONCE


@pytest.mark.parametrize("manner", DEADLY)
def test_a_kernel_that_dies_is_named(all_warm, at_once, tmp_path, manner):
    with pytest.raises(UserError, match=r"begin: cell 2 \(cell-2\) took the kernel down"):
        execute(warm.notebook_of("x = 1", DEADLY[manner]), "begin", environment(tmp_path))


@pytest.mark.parametrize("manner", DEADLY)
def test_papermill_sees_that_a_kernel_died(all_warm, at_once, tmp_path, manner):
    with pytest.raises(DeadKernelError):
        warm.by_papermill(warm.notebook_of("x = 1", DEADLY[manner]), tmp_path)


def test_nbval_names_the_cells_that_killed_their_kernels(all_warm, at_once, tmp_path):
    names = [f"{manner.replace(' ', '-')}.ipynb" for manner in DEADLY]
    for name, deadly in zip(names, DEADLY.values(), strict=True):
        notebook = warm.notebook_of("x = 1", deadly, "x")
        for number, cell in enumerate(notebook.cells, 1):
            cell.execution_count = number
        nbformat.write(notebook, tmp_path / name)
    runner = [sys.executable, "-m", "pytest", "-q", "-p", "labs.kit.pytest_lessons"]
    options = ["--nbval", "--nbval-current-env", "--nbval-cell-timeout", str(CELL_SECONDS)]
    done = subprocess.run(
        [*runner, *options, "-p", "no:cacheprovider", *names],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    for name in names:
        assert f"{name}::Cell 1" in done.stdout, done.stdout + done.stderr
    assert done.stdout.count("This cell took the kernel down") == len(names)


CLIENT = """
import os, sys, time
from pathlib import Path
sys.path.insert(0, {tests!r})
import warm
from labs.kit.execute import environment
from labs.kit.warm import starting

folder = Path({folder!r})
starting.modules, starting.sources = (lambda *_: warm.IPYTHON), (lambda: [])
starting.PACKAGE = folder
env = warm.fixed(folder)
{begin}
with warm.variables({{**environment(folder), **warm.warm(address)}}):
    pids = [warm.pid_of_server(address)]
    for _ in range(2):
        one = warm.Kernel()
        pids.append(one.pid)
        pids.append(one.run("import subprocess; print(subprocess.Popen(['sleep', '600']).pid)"))
    print(address, *map(int, pids), flush=True)
    time.sleep(600)
"""
SESSION = "session = starting.session(env); address = session.__enter__()"
RESIDENT = "address = starting.resident(env)"


def client_with_kernels(tmp_path, begin):
    """A process with a server, two kernels and a child of each; its address and their numbers."""
    tests = str(Path(__file__).parent)
    code = CLIENT.format(tests=tests, folder=str(tmp_path), begin=begin)
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    address, *pids = process.stdout.readline().split()
    return process, address, list(map(int, pids))


@pytest.fixture
def own_runtime_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setattr(starting, "modules", lambda *_: warm.IPYTHON)
    monkeypatch.setattr(starting, "sources", lambda: [])
    monkeypatch.setattr(starting, "PACKAGE", tmp_path)


def test_a_killed_client_leaves_no_orphan(own_runtime_folder, tmp_path):
    process, _, pids = client_with_kernels(tmp_path, SESSION)
    assert len(pids) == 5 and all(map(psutil.pid_exists, pids))
    process.kill()
    assert all(map(warm.has_ended, pids)), "the server, its kernels and their children"


def test_a_killed_client_of_a_resident_server_leaves_that_alone(own_runtime_folder, tmp_path):
    process, address, (server, *kernels) = client_with_kernels(tmp_path, RESIDENT)
    try:
        process.kill()
        assert all(map(warm.has_ended, kernels))
        assert psutil.pid_exists(server) and starting.answers(address)
        assert starting.resident(warm.fixed(tmp_path)) == address
    finally:
        os.kill(server, signal.SIGKILL)


def test_a_killed_server_takes_its_kernels_along(own_runtime_folder, at_once, tmp_path):
    """The cell is named, its kernel is dead, and the next run has a new server."""
    lines = (
        "import os, signal",
        "os.kill(os.getppid(), signal.SIGKILL)",
        "import time; time.sleep(60)",
    )
    notebook = warm.notebook_of("import os; print(os.getpid())", "\n".join(lines))
    env = {**environment(tmp_path), "CI": ""}
    with warm.light_server(tmp_path) as address, warm.variables({**env, **warm.warm(address)}):
        with pytest.raises(UserError, match=r"begin: cell 2 \(cell-2\) took the kernel down"):
            execute(notebook, "begin", env)
        assert warm.has_ended(int(notebook.cells[0].outputs[0].text))
    with warm.light_server(tmp_path) as address:
        assert kernels_of({**env, **warm.warm(address)}) == ["warm"]


def test_a_killed_resident_server_is_begun_again(own_runtime_folder, tmp_path):
    first = starting.resident(warm.fixed(tmp_path))
    pid = warm.pid_of_server(first)
    env = {**environment(tmp_path), **warm.warm(first), "CI": ""}
    assert kernels_of(env) == ["warm"]
    os.kill(pid, signal.SIGKILL)
    assert warm.has_ended(pid)
    assert kernels_of(env)[0].startswith(f"no fork server answers at {first}")
    second = starting.resident(warm.fixed(tmp_path))
    try:
        assert kernels_of({**env, **warm.warm(second)}) == ["warm"]
    finally:
        os.kill(warm.pid_of_server(second), signal.SIGKILL)


def kernels_of(env, **arguments):
    """How a kernel of this environment starts; it works, however it does."""
    with warm.variables(env) as started, warm.kernel(**arguments) as one:
        assert one.run("print(6 * 7)") == "42\n"
        return started()


STRANGE = {
    "starts a thread": (
        "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()",
        "an import started a thread",
    ),
    "opens a file": ("kept = open(__file__)", "an import left files open: .*strange.py"),
    "listens": ("import socket\nkept = socket.create_server(('', 0))", "left files open: .*socket"),
    "ends the process": ("import os\nos._exit(5)", "the fork ended while it began"),
}


@pytest.fixture
def strange_module(tmp_path, monkeypatch):
    """A library that the server imports, and that does what a test writes into it."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return tmp_path / "strange.py"


@pytest.mark.parametrize("does", STRANGE)
def test_a_server_that_cannot_fork_safely_says_why(strange_module, tmp_path, does):
    source, reason = STRANGE[does]
    strange_module.write_text(source + "\n")
    with warm.light_server(tmp_path, "strange") as address:
        env = {**environment(tmp_path), **warm.warm(address), "CI": ""}
        (said,) = kernels_of(env)
    assert re.search(reason, said), said


def test_a_server_is_waited_for_until_it_has_imported(strange_module, tmp_path):
    strange_module.write_text(
        "import pathlib, time\ntime.sleep(1)\npathlib.Path(__file__ + '.done').touch()\n"
    )
    with warm.light_server(tmp_path, "strange") as address:
        assert starting.until_ready(address)
        assert strange_module.with_name("strange.py.done").exists()
        assert kernels_of({**environment(tmp_path), **warm.warm(address), "CI": ""}) == ["warm"]
    assert not starting.until_ready(address), "one that is gone is not waited for"


def test_a_module_that_fails_is_passed_over(strange_module, tmp_path):
    strange_module.write_text("raise ValueError('not today')\n")
    with warm.light_server(tmp_path, "strange", "no.such.module", "json") as address:
        env = {**environment(tmp_path), **warm.warm(address), "CI": ""}
        assert kernels_of(env) == ["warm"]


def kernelspec(folder, *command):
    """The arguments that start a kernel of this command."""
    place = folder / "kernels" / "other"
    place.mkdir(parents=True)
    spec = {"argv": [*command], "display_name": "Other", "language": "other"}
    (place / "kernel.json").write_text(json.dumps(spec))
    return {"kernel_name": "other"}


def its_own_interpreter(folder):
    script = folder / "python"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    script.chmod(0o755)
    return kernelspec(folder, str(script), "-m", "ipykernel_launcher", "-f", "{connection_file}")


def its_own_language(folder):
    run = f"exec {sys.executable} -m ipykernel_launcher -f $0"
    return kernelspec(folder, "/bin/sh", "-c", run, "{connection_file}")


def its_own_module(folder):
    return kernelspec(folder, sys.executable, "-m", "ipykernel", "-f", "{connection_file}")


def its_own_options(folder):
    launch = ["-m", "ipykernel_launcher", "-f", "{connection_file}"]
    return kernelspec(folder, sys.executable, "-O", *launch)


UNFIT = {
    "another interpreter": (its_own_interpreter, {}, r"its interpreter is \S+/python, not"),
    "another language": (its_own_language, {}, "its interpreter is /bin/sh"),
    "another module": (its_own_module, {}, "its command is not IPython's: -m ipykernel"),
    "options of Python": (its_own_options, {}, "its interpreter has the options -O"),
    "no server is named": (None, {policy.SERVER: ""}, "LABS_FORK_SERVER names no fork server"),
    "no server is there": (None, {policy.SERVER: "/nowhere"}, "no fork server answers at /nowhere"),
    "another hash seed": (
        None,
        {"PYTHONHASHSEED": "5"},
        "PYTHONHASHSEED is '5' here and '0' in the fork server",
    ),
    "more threads": (
        None,
        {"OMP_NUM_THREADS": "2"},
        "OMP_NUM_THREADS is '2' here and '1' in the fork server",
    ),
    "an argument of Popen": (lambda _: {"umask": 0o077}, {}, "it is started with umask"),
    "independent": (lambda _: {"independent": True}, {}, "it shall outlive the program"),
    "pipes": (lambda _: {"stdout": subprocess.PIPE}, {}, "its streams are pipes"),
}


@pytest.fixture(params=UNFIT)
def unfit(request, light, tmp_path):
    """The environment and the arguments of a kernel that cannot be a fork, and why."""
    arguments, variables, reason = UNFIT[request.param]
    env = {**environment(tmp_path), **warm.warm(light), "JUPYTER_PATH": str(tmp_path), **variables}
    return env, arguments(tmp_path) if arguments else {}, reason


def test_a_kernel_that_cannot_be_a_fork_starts_cold_and_says_why(unfit):
    env, arguments, reason = unfit
    (said,) = kernels_of({**env, "CI": ""}, **arguments)
    assert re.search(reason, said), said


def test_in_ci_such_a_kernel_is_an_error(unfit):
    env, arguments, reason = unfit
    with (
        warm.variables({**env, "CI": "true"}),
        pytest.raises(UserError, match=f"would start cold: .*{reason}.*labs test --cold"),
    ):
        warm.Kernel(**arguments)


@pytest.mark.parametrize("ci", ["", "true"])
def test_a_cold_kernel_that_was_asked_for_is_no_error(light, tmp_path, ci):
    env = {**environment(tmp_path), **warm.warm(light), policy.KERNELS: "cold", "CI": ci}
    assert kernels_of(env) == ["asked for"]


def test_jupyterlab_has_no_fork_server_where_cold_kernels_are_asked_for(tmp_path, capsys):
    with use.for_jupyterlab({**environment(tmp_path), policy.KERNELS: "cold"}) as chosen:
        assert chosen == use.COLD
    assert capsys.readouterr().out == ""


def test_the_log_says_that_a_kernel_starts_cold(tmp_path):
    code = "from jupyter_client.manager import run_kernel\nwith run_kernel(): pass"
    env = {**environment(tmp_path), **warm.warm("/nowhere"), "CI": ""}
    with warm.variables(env):
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "This kernel starts cold: no fork server answers at /nowhere" in done.stderr


COURSE = manifest.read()
CHEAP = ("price-an-alarm", "count-twenty-patterns")
OTHERS = {"PYTHONHASHSEED": "7", "OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2"}


@pytest.fixture(scope="module")
def servers(server_for_tests, tmp_path_factory):
    """The variables of each kind of kernel that a lesson's outputs must not depend on."""
    folder = tmp_path_factory.mktemp("other")
    with warm.server(folder, **OTHERS) as other:
        yield {
            "cold": {policy.KERNELS: "cold", **warm.warm(server_for_tests)},
            "warm": warm.warm(server_for_tests),
            "warm again": warm.warm(server_for_tests),
            "another hash seed, more threads": {**warm.warm(other), **OTHERS},
        }


@pytest.mark.parametrize(
    "slug", [one.slug for one in COURSE.lessons] if os.environ.get(RELEASE) else CHEAP
)
def test_a_lessons_outputs_are_the_same_in_every_kernel(servers, tmp_path, slug):
    path = material.root() / COURSE.lesson(slug).path
    stored, before = path.read_bytes(), status_of_notebooks()
    for kind, chosen in servers.items():
        folder = tmp_path / kind.replace(" ", "-")
        env = {**environment(folder), **chosen, "CI": "true"}
        with warm.variables(env) as started:
            notebook = execute(parse(stored.decode()), slug, {**environment(folder), **chosen})
            assert started() == ["asked for" if kind == "cold" else "warm"]
        assert dumps(normalise(notebook)).encode() == stored, kind
    assert path.read_bytes() == stored
    assert status_of_notebooks() == before


def status_of_notebooks():
    """What git says of the lessons: their authors may be at work."""
    command = ["git", "status", "--porcelain", "--", "notebooks"]
    return subprocess.run(command, cwd=material.root(), capture_output=True).stdout


COMPUTE = """
import numpy as np
from sklearn.cluster import KMeans
from sklearn.ensemble import HistGradientBoostingClassifier
X = np.random.default_rng(0).normal(size=(400, 4))
print(HistGradientBoostingClassifier(max_iter=5).fit(X, X[:, 0] > 0).score(X, X[:, 0] > 0) > 0.8)
print(len(KMeans(3, n_init=2).fit(X).cluster_centers_) == 3)
"""


def test_a_fork_computes_with_two_threads(servers, tmp_path):
    """It would hang if the server itself had computed anything with OpenMP before."""
    env = {**environment(tmp_path), **servers["another hash seed, more threads"], "CI": "true"}
    with warm.variables(env), warm.kernel() as one:
        assert one.run(COMPUTE) == "True\nTrue\n"
