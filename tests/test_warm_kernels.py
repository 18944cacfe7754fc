"""What a warm kernel can do: all that a cold one can, for every program that starts kernels."""

import asyncio
import json
import logging
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
import psutil
import pytest
import warm
from ipykernel.kernelapp import IPKernelApp
from jupyter_client import AsyncMultiKernelManager
from nbclient import NotebookClient

from labs.kit.execute import environment
from labs.kit.verify import RELEASE
from labs.kit.warm import client, kernel, policy
from labs.kit.warm.protocol import Request

pytest_plugins = ["warm_server"]
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere kernels are cold")


@pytest.fixture
def all_warm(server_for_tests, tmp_path):
    """Kernels that this process starts are warm; afterwards it is checked that they were."""
    with warm.variables({**environment(tmp_path), **warm.warm(server_for_tests)}) as started:
        yield started
        assert set(started()) == {"warm"}


@pytest.fixture
def warm_kernel(all_warm):
    with warm.kernel() as one:
        yield one


SLEEPS = "import time\nprint('began', flush=True)\ntime.sleep(60)"
WAITS = """
import subprocess
with subprocess.Popen(["sleep", "60"]) as child:
    print("began", flush=True)
    child.wait()
"""


@pytest.mark.parametrize("cell", [SLEEPS, WAITS], ids=["in Python", "in a subprocess"])
def test_an_interrupt_ends_the_cell_and_not_the_kernel(warm_kernel, cell):
    warm_kernel.begin(cell)
    warm_kernel.manager.interrupt_kernel()
    assert warm_kernel.client.get_shell_msg(timeout=30)["content"]["ename"] == "KeyboardInterrupt"
    assert warm_kernel.run("print(6 * 7)") == "42\n"
    left = psutil.Process(warm_kernel.pid).children()
    assert all(warm.has_ended(child.pid) for child in left)


@pytest.mark.parametrize("now", [True, False], ids=["at once", "politely"])
def test_a_restart_keeps_the_connection_and_nothing_else(warm_kernel, now):
    warm_kernel.run("x = 1")
    before, ports = warm_kernel.pid, warm_kernel.manager.get_connection_info()
    warm_kernel.manager.restart_kernel(now=now)
    warm_kernel.client.wait_for_ready(timeout=30)
    assert warm_kernel.run("print('x' in dir())") == "False\n"
    assert warm_kernel.manager.get_connection_info() == ports
    assert warm_kernel.pid != before and warm.has_ended(before)


ROWS = """
import numpy as np
from sklearn.cluster import KMeans
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
X = np.random.default_rng(0).normal(size=(400, 4))
y = X[:, 0] > 0
"""
WORK = {
    "gradient boosting": ROWS
    + "print(HistGradientBoostingClassifier(max_iter=20).fit(X, y).score(X, y) > 0.9)",
    "k-means": ROWS + "print(len(KMeans(3, n_init=2).fit(X).cluster_centers_) == 3)",
    "matrices": ROWS + "print(np.allclose(np.linalg.inv(X.T @ X) @ (X.T @ X), np.eye(4)))",
    "joblib": ROWS
    + "search = GridSearchCV(LogisticRegression(), {'C': [0.1, 1]}, cv=2, n_jobs=2).fit(X, y)\n"
    "print(search.best_score_ > 0.9)",
    "forked pool": "import math, multiprocessing\n"
    "with multiprocessing.get_context('fork').Pool(2) as pool:\n"
    "    print(pool.map(math.isqrt, [4, 9]) == [2, 3])",
    "spawned pool": "import math, multiprocessing\n"
    "with multiprocessing.get_context('spawn').Pool(1) as pool:\n"
    "    print(pool.map(math.isqrt, [4, 9]) == [2, 3])",
    "process pool of its own function": "from concurrent.futures import ProcessPoolExecutor\n"
    "import multiprocessing\ndef double(x):\n    return 2 * x\n"
    "with ProcessPoolExecutor(2, multiprocessing.get_context('fork')) as pool:\n"
    "    print(list(pool.map(double, [1, 2])) == [2, 4])",
    "subprocess": "import subprocess, sys\n"
    "code = 'import sys; print(sys.stdin.read() * 2)'\n"
    "done = subprocess.run([sys.executable, '-c', code], input='ab', text=True, stdout=-1)\n"
    "print(done.stdout == 'abab\\n')",
    "shell": "found = !echo $((6 * 7))\nprint(found == ['42'])",
    "os.system": "import os\nprint(os.system('exit 3') == 3 << 8)",
    "threads": "import threading\nfound = []\n"
    "threads = [threading.Thread(target=found.append, args=[i]) for i in range(8)]\n"
    "for one in threads: one.start()\nfor one in threads: one.join()\n"
    "print(sorted(found) == list(range(8)))",
    "asyncio": "import asyncio\nasync def one(i):\n    await asyncio.sleep(0.01)\n    return i\n"
    "print(await asyncio.gather(one(1), one(2)) == [1, 2])",
    "arrow": "import pandas as pd\npath = 'table.parquet'\n"
    "pd.DataFrame({'a': ['x', 'y']}).to_parquet(path)\n"
    "print(list(pd.read_parquet(path).a) == ['x', 'y'])",
    "widgets": "import ipywidgets\nslider = ipywidgets.widgets.IntSlider(3)\n"
    "print(slider.comm is not None and slider.value == 3)",
    "a model server's thread": "import http.server, threading, urllib.request\n"
    "server = http.server.HTTPServer(('127.0.0.1', 0), http.server.SimpleHTTPRequestHandler)\n"
    "threading.Thread(target=server.handle_request, daemon=True).start()\n"
    "address = f'http://127.0.0.1:{server.server_port}'\n"
    "opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))\n"
    "print(opener.open(address).status == 200)",
}


@pytest.mark.parametrize("work", WORK)
def test_a_kernel_can_compute(all_warm, tmp_path, work):
    with warm.kernel(cwd=str(tmp_path)) as one:
        assert "True\n" in one.run(WORK[work])


ENDS = {
    "sys.exit(3)": "import sys\nsys.exit(3)",
    "quit": "quit(keep_kernel=True)",
    "SystemExit": "raise SystemExit('enough')",
    "an error": "1 / 0",
    "input": "input('no one is there')",
    "a failing script": "%%bash\nexit 3",
}


@pytest.fixture(scope="module")
def endings_of_a_cold_kernel(tmp_path_factory):
    with warm.variables(environment(tmp_path_factory.mktemp("cold"))), warm.kernel() as cold:
        return {name: ending(cold, source) for name, source in ENDS.items()}


def ending(kernel, source):
    reply = kernel.reply(source)
    kept = {name: reply.get(name) for name in ("status", "ename", "evalue", "payload")}
    return kept, kernel.run("print('alive')"), kernel.manager.is_alive()


@pytest.mark.parametrize("name", ENDS)
def test_a_cell_ends_as_in_a_cold_kernel(warm_kernel, endings_of_a_cold_kernel, name):
    assert ending(warm_kernel, ENDS[name]) == endings_of_a_cold_kernel[name]


@pytest.mark.parametrize("chosen", ["cold", "warm"])
def test_exit_ends_the_kernel(chosen, server_for_tests, tmp_path):
    """Jupyter's own kernel ends as well."""
    ours = warm.warm(server_for_tests) if chosen == "warm" else {}
    with warm.variables({**environment(tmp_path), **ours}), warm.kernel() as one:
        assert one.reply("exit()")["payload"] == [{"source": "ask_exit", "keepkernel": False}]
        assert warm.comes_true(lambda: not one.manager.is_alive())


LEAVES = """
import atexit, threading, time
def note(word):
    with open({path!r}, "a") as file:
        file.write(word)
atexit.register(note, "last ")
atexit.register(note, "first ")
threading.Thread(target=lambda: (time.sleep(0.2), note("thread "))).start()
"""


def test_a_polite_shutdown_ends_as_an_interpreter_does(all_warm, tmp_path):
    notes = tmp_path / "notes"
    one = warm.Kernel()
    pid = one.pid
    one.run(LEAVES.format(path=str(notes)))
    one.end(now=False)
    assert notes.read_text() == "thread first last "
    assert warm.has_ended(pid)


def test_an_immediate_shutdown_runs_nothing_more(all_warm, tmp_path):
    notes = tmp_path / "notes"
    one = warm.Kernel()
    pid = one.pid
    one.run(LEAVES.format(path=str(notes)))
    one.end()
    assert warm.has_ended(pid)
    assert not notes.exists()


DRAWS = """
import json, multiprocessing, os, random, secrets, tempfile, uuid, numpy, sklearn.utils
print(json.dumps({
    "random": random.random(),
    "numpy": numpy.random.random(),
    "generator": numpy.random.default_rng().random(),
    "scikit-learn": sklearn.utils.check_random_state(None).random_sample(),
    "uuid4": str(uuid.uuid4()),
    "uuid1": str(uuid.uuid1()),
    "secrets": secrets.token_hex(),
    "tempfile": tempfile.mktemp(),
    "authkey": multiprocessing.current_process().authkey.hex(),
    "urandom": os.urandom(8).hex(),
    "order of a set": list({"a", "b", "c", "d", "e"}),
    "hash": hash("a"),
}))
"""


def test_random_numbers_are_each_kernels_own(all_warm):
    drawn = []
    for _ in range(3):
        with warm.kernel() as one:
            drawn.append(json.loads(one.run(DRAWS)))
    same = {name for name in drawn[0] if any(drawn[0][name] == one[name] for one in drawn[1:])}
    assert same == {"order of a set", "hash"}, "those depend on PYTHONHASHSEED alone"


def test_invented_names_are_each_kernels_own(tmp_path):
    """Faker draws its seed when it is imported, which here the server does."""
    invent = "from faker.generator import random\nprint(random.random())"
    with (
        warm.light_server(tmp_path, "faker.generator") as address,
        warm.variables({**environment(tmp_path), **warm.warm(address)}) as started,
    ):
        drawn = set()
        for _ in range(3):
            with warm.kernel() as one:
                drawn.add(one.run(invent))
        assert (len(drawn), started()) == (3, ["warm"] * 3)


def test_temporary_files_lie_where_the_kernels_environment_says(all_warm, tmp_path):
    place = {**os.environ, "TMPDIR": str(tmp_path)}
    with warm.kernel(env=place) as one:
        assert one.run("import tempfile\nprint(tempfile.gettempdir())") == f"{tmp_path}\n"


def test_a_secret_reaches_the_kernel_and_never_the_server(tmp_path):
    secrets = {
        "MLFLOW_TRACKING_PASSWORD": "hidden-1",
        "MLFLOW_TRACKING_TOKEN": "hidden-2",
        "GITHUB_TOKEN": "hidden-3",
        "PIP_INDEX_URL": "https://user:hidden-4@example.com",
        "AWS_SECRET_ACCESS_KEY": "hidden-5",
        "DATABASE_URL": "postgresql://user:hidden-6@example.com",
    }
    with (
        warm.variables({**environment(tmp_path), **secrets}),
        warm.light_server(tmp_path) as address,
        warm.variables({**os.environ, **warm.warm(address)}) as started,
        warm.kernel() as one,
    ):
        code = f"import os\nprint({secrets!r}.items() <= os.environ.items())"
        assert one.run(code) == "True\n"
        server = psutil.Process(warm.pid_of_server(address))
        assert "hidden" not in repr([server.environ(), server.cmdline()])
        assert started() == ["warm"]


MANY = 300 if os.environ.get(RELEASE) else 100


def test_many_kernels_leave_nothing_behind(tmp_path):
    """What goes a moment after a kernel's end is waited for; what leaks never goes."""
    with warm.light_server(tmp_path) as address, ThreadPoolExecutor(4) as four:

        def fork_kernels(first, last):
            names = [f"{tmp_path}/{number}.json" for number in range(first, last)]
            assert set(four.map(lambda name: fork_one(address, name, tmp_path), names)) == {-9}
            assert warm.comes_true(lambda: not server.children())

        server = psutil.Process(warm.pid_of_server(address))
        fork_kernels(0, 20)
        before = held(server)
        fork_kernels(20, MANY)
        assert warm.comes_true(lambda: held(server)["files"] <= before["files"]), held(server)
        after = held(server)
    assert after["threads"] == 1
    assert after["memory"] - before["memory"] < 7e3 * (MANY - 20)  # bytes: 7 kB a kernel would show


def fork_one(address, connection_file, folder):
    """How a kernel ends that is killed once it is ready."""
    null = os.open(os.devnull, os.O_RDWR)
    try:
        request = Request(
            ["-f", connection_file, "--log-level=40"], str(folder), warm.fixed(folder)
        )
        fork = client.ask(address, request, (null, null, null))
    finally:
        os.close(null)
    fork.await_ready()
    fork.kill()
    return fork.wait(30)


def held(process):
    counts = {"files": process.num_fds(), "threads": process.num_threads()}
    return {**counts, "memory": process.memory_info().rss}


def printed(notebook):
    return [output.text for cell in notebook.cells for output in cell.outputs]


def numbered(number):
    return warm.notebook_of(f"x = {number}", "import os\nprint(x, os.environ['LABS_WORKSPACE'])")


def test_one_event_loop_runs_several_notebooks_at_once(all_warm, tmp_path):
    async def run(number):
        env = {**os.environ, **environment(tmp_path / str(number))}
        client = NotebookClient(numbered(number), kernel_name="python3", timeout=60)
        return printed(await client.async_execute(env=env))

    async def run_all():
        return await asyncio.gather(*map(run, range(4)))

    assert asyncio.run(run_all()) == [[f"{n} {tmp_path / str(n)}\n"] for n in range(4)]


def test_several_threads_start_kernels_at_once(all_warm, tmp_path):
    def run(number):
        with warm.kernel() as one:
            return one.run(f"print({number})")

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(run, range(8))) == [f"{number}\n" for number in range(8)]


def test_nbconvert_uses_warm_kernels(all_warm, tmp_path):
    from nbconvert.preprocessors import ExecutePreprocessor

    done, _ = ExecutePreprocessor(timeout=60).preprocess(numbered(7), {})
    assert printed(done) == [f"7 {tmp_path}\n"]


def test_jupyter_execute_uses_warm_kernels(all_warm, tmp_path):
    nbformat.write(numbered(8), tmp_path / "eight.ipynb")
    command = "import sys; from nbclient.cli import main; sys.argv[0] = 'jupyter-execute'; main()"
    arguments = [sys.executable, "-c", command, "--inplace", "eight.ipynb"]
    subprocess.run(arguments, cwd=tmp_path, check=True, capture_output=True)
    assert printed(nbformat.read(tmp_path / "eight.ipynb", 4)) == [f"8 {tmp_path}\n"]


def test_a_manager_of_many_kernels_uses_warm_ones(all_warm):
    """JupyterLab's server has one of these."""

    async def run():
        manager = AsyncMultiKernelManager()
        ids = [await manager.start_kernel() for _ in range(3)]
        clients = [manager.get_kernel(one).client() for one in ids]
        for one in clients:
            one.start_channels()
            await one.wait_for_ready(timeout=30)
            one.stop_channels()
        await manager.interrupt_kernel(ids[0])
        await manager.shutdown_all()
        return [one in manager for one in ids]

    assert asyncio.run(run()) == [False] * 3


SERVE = """
from labs.deployment import registry
from labs.deployment.local import Server
from sklearn.linear_model import LinearRegression
import pandas as pd
data = pd.DataFrame({"a": [1.0, 2.0, 3.0]})
client = registry.open_registry("registry")
words = {"owner": "us", "intended_use": "a test", "dataset_name": "three rows"}
model = LinearRegression().fit(data, data["a"])
logged = registry.log_model(model, data=data, target=data["a"], name="same", **words)
version = registry.register(logged, "same").version
client.set_registered_model_alias("same", "champion", version)
server = Server("registry")
print(type(server.process).__name__, [round(one, 6) for one in server.predict("same", data)])
print(server.stop())
"""


def test_a_model_server_is_a_fork_as_its_kernel_is(server_for_tests, tmp_path):
    """In a cold kernel it is a program of its own: a lesson that measures one sees to that."""
    chosen = {**environment(tmp_path), **warm.warm(server_for_tests), "CI": "true"}
    with warm.variables(chosen), warm.kernel(cwd=str(tmp_path)) as one:
        assert one.run(SERVE).splitlines() == ["Program [1.0, 2.0, 3.0]", "0"]


PLAIN = (
    ["-f", "/tmp/a b.json"],
    ["-f", "k.json", "--HistoryManager.hist_file=:memory:", "--IPKernelApp.log_level=40"],
    ["--IPKernelApp.capture_fd_output=False", "-f", "k.json", "--IPKernelApp.ip=a=b\nc"],
)


@pytest.mark.parametrize("argv", PLAIN, ids=len)
def test_arguments_mean_what_they_mean_to_ipykernel(argv):
    theirs, ours = IPKernelApp(), IPKernelApp()
    theirs.parse_command_line(argv)
    ours.update_config(kernel.settings(argv))
    assert repr(ours.config) == repr(theirs.config)
    assert (ours.connection_file, ours.ip) == (theirs.connection_file, theirs.ip)


@pytest.mark.parametrize(
    "argv",
    [["--debug"], ["-f"], ["--profile", "x"], ["x"], ["--Session.key=1"], ["--IPKernelApp.no=1"]],
)
def test_other_arguments_are_left_to_ipykernel(argv):
    assert kernel.settings(argv) is None


def test_the_debugger_may_step_into_what_the_server_has_imported(server_for_tests, tmp_path):
    """The files that it steps over are those of ipykernel, as in a kernel of its own."""
    ask = "import json; print(json.dumps(get_ipython().kernel._kernel_modules))"
    files = {}
    for kind in ("", "cold"):
        chosen = {**environment(tmp_path), **warm.warm(server_for_tests), policy.KERNELS: kind}
        with warm.variables({**chosen, "CI": "true"}), warm.kernel() as one:
            files[kind] = set(json.loads(one.run(ask)))
    assert len(files[""] & files["cold"]) > 0.9 * len(files["cold"])
    assert len(files[""] - files["cold"]) < 5


def test_a_kernel_that_begins_copies_little_of_its_server(server_for_tests, tmp_path):
    """Each page that it writes to is copied: its own are a tenth of what the server wrote."""
    chosen = {**environment(tmp_path), **warm.warm(server_for_tests), "CI": "true"}
    with warm.variables(chosen), warm.kernel() as one:
        copied = kilobytes(one.pid, "Private_Dirty")
    written = kilobytes(warm.pid_of_server(server_for_tests), "Anonymous")
    assert written > 200e3 and copied < 0.11 * written, (copied, written)


def kilobytes(pid, kind):
    """Memory of a process, of one of the kinds in proc(5)'s smaps_rollup."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    return int(next(line for line in lines if line.startswith(f"{kind}:")).split()[1])


COLLAPSE = """
import sys
from labs.kit.warm import memory

kept = bytearray(range(256)) * (64 << 12)  # 64 MB
assert memory.collapse() >= 30, "huge pages of 2 MB"
assert kept == bytearray(range(256)) * (64 << 12)
"""


HUGE = Path("/sys/kernel/mm/transparent_hugepage/enabled")


@pytest.mark.skipif(
    not HUGE.exists()
    or "[never]" in HUGE.read_text(encoding="ascii")
    or tuple(map(int, re.findall(r"\d+", os.uname().release)[:2])) < (6, 1),
    reason="this system makes no huge pages when it is asked to",
)
def test_memory_is_laid_in_huge_pages_and_stays_as_it_is():
    subprocess.run([sys.executable, "-c", COLLAPSE], check=True)


GATHER = """
import sys
from labs.kit.warm import memory

before, found = list(sys.modules.items()), sys.modules
memory.gather_names()
assert list(sys.modules.items()) == before and sys.modules is found
import email.message, json.decoder
assert "email.message" in sys.modules and json.decoder is dict(before)["json.decoder"]
"""


def test_modules_are_the_same_when_their_names_lie_side_by_side():
    subprocess.run([sys.executable, "-c", f"import json\n{GATHER}"], check=True)


def test_a_kernel_finds_each_logger_while_it_begins_and_lists_its_own():
    known, manager = logging.getLogger("a library.part"), logging.root.manager
    before = dict(manager.loggerDict)
    with kernel._as_new():
        assert "a library.part" not in list(manager.loggerDict)
        assert logging.getLogger("a library.part") is known
        child = logging.getLogger("a library.part.of it")
        assert child.parent is known
    assert logging.getLogger("a library.part.of it") is child
    assert manager.loggerDict == {**before, "a library.part.of it": child}
