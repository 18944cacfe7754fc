"""What strangers' answers do to the grader, by intent or by accident, and what they deserve."""

import os
import socket
import sys
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import graded_example
import psutil
import pytest
from graded_example import CANARY, ZERO, job

from labs.kit import material as real_material
from labs.kit.errors import UserError
from labs.kit.grading import grade, sandbox, tiers
from labs.kit.grading.limits import limits

ROOT = real_material.root()
LIMITS = limits(total_seconds=30, cell_seconds=2, call_seconds=1, grace_seconds=1)
LIMITS |= {"memory": 600_000_000}
TOP = "import os, sys, time, signal, builtins\n"


@pytest.fixture(scope="module")
def material(tmp_path_factory):
    root = graded_example.write(tmp_path_factory.mktemp("kit"))
    (root / "secret").write_text(CANARY)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LABS_MATERIAL", str(root))
        grade.criteria.cache_clear()
        yield root
    grade.criteria.cache_clear()


@pytest.fixture(scope="module")
def graded(material):
    """Grades one job in the sandbox that this machine has."""
    with ExitStack() as stack:
        place, tier = stack.enter_context(tiers.best(["numpy"]))
        assert tier.isolated, tier.words()
        place = replace(place, limits=LIMITS)
        yield lambda one: grade.grade_one(one, place, tier.name)


# name: (the answers, the outcome they deserve, the points they deserve)
LIAR = """
class Liar(float):
    def __gt__(self, other): return True
    __eq__ = __lt__ = __ge__ = __le__ = __gt__
    def __abs__(self): return 0.0
    __hash__ = None
def psi(base, now):
    return Liar(0.0)
"""
SWALLOWS = """
def psi(base, now):
    while True:
        try:
            while True: pass
        except BaseException: pass
"""
DEAF = """
import signal
def psi(base, now):
    signal.signal(signal.SIGALRM, signal.SIG_IGN)
    while True: pass
"""
AST = (
    """
import ast
class Drops(ast.NodeTransformer):
    def visit_Assert(self, node): return ast.Pass()
get_ipython().ast_transformers.append(Drops())
"""
    + ZERO
)
BLANKS = ZERO + "\nget_ipython().input_transformers_cleanup.append(lambda lines: ['pass\\n'])"
HOOKS = (
    """
shell = get_ipython()
shell.showtraceback = lambda *a, **k: None
shell.display_pub = None
sys.displayhook = sys.excepthook = lambda *a: None
builtins.abs = lambda *a: 0
builtins.AssertionError = KeyError
np.testing.assert_allclose = np.abs = lambda *a, **k: True
"""
    + ZERO
)
BREAKS = "builtins.len = builtins.isinstance = lambda *a: True"
FORGES = """
import os, struct
def psi(base, now):
    for number in range(3, 20):
        try:
            text = b'{"t": "dict", "k": ["value"], "v": [true]}'
            os.write(number, struct.pack(">II", len(text), 0) + text)
        except OSError: pass
    return 0.0
"""
GARBLES = """
import labs.kit.grading.wire as wire, labs.kit.grading.inside as inside
inside.wire.encode = lambda value, *rest: b"\\xff" * 8 + b"garbage"
"""
COUNTS = """
calls = []
def psi(base, now):
    calls.append(1)
    return 0.0 if len(calls) % 2 else 1.0
"""
BOMB = "def psi(base, now):\n    while True: os.fork()"
THREADS = """
import threading
for _ in range(200): threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
"""
NOISE = """
import logging, sys, warnings
logging.basicConfig(level=logging.INFO)
logging.getLogger("mlflow").info("Creating initial MLflow database tables...")
warnings.warn("this is only a warning")
from tqdm import tqdm
for _ in tqdm(range(3)): pass
print("to stderr", file=sys.stderr)
"""
QUIET = "import sys, os\nsys.stdout = sys.stderr = open(os.devnull, 'w')\nos.close(1); os.close(2)"
SHUTS = (
    "import os\nfor number in range(3, 20):\n    try: os.close(number)\n    except OSError: pass"
)

DESERVED = {
    "honest": ({}, "graded", 6),
    "zero": ({"psi": ZERO}, "graded", 3),
    "an endless loop": ({"psi": "def psi(base, now):\n    while True: pass"}, "timed out", 1),
    "an endless loop that swallows all": ({"psi": SWALLOWS}, "timed out", 1),
    "an endless loop that is deaf": ({"psi": DEAF}, "timed out", 1),
    "an endless cell": ({"psi": "while True: pass"}, "timed out", 1),
    "endless compiled code": (
        {"psi": "import re\ndef psi(base, now):\n    return re.match('(a*)*b', 'a' * 60)"},
        "timed out",
        1,
    ),
    "sleeps for ever": ({"psi": "def psi(base, now):\n    time.sleep(900)"}, "timed out", 1),
    "3 GB in a cell": ({"own": "huge = bytearray(3_000_000_000)"}, "out of memory", 6),
    "3 GB in an answer": (
        {"psi": "def psi(base, now):\n    return sum(bytearray(3_000_000_000))"},
        "out of memory",
        1,
    ),
    "200 MB in lines": (
        {"own": "for _ in range(20): print(('x' * 99 + '\\n') * 100_000)"},
        "graded",
        6,
    ),
    "200 MB in one line": (
        {"own": "for _ in range(20): print('x' * 10_000_000, end='')"},
        "graded",
        6,
    ),
    "an object that lies": ({"psi": LIAR}, "graded", 3),
    "asserts dropped": ({"psi": AST}, "graded", 3),
    "cells blanked": ({"psi": BLANKS}, "graded", 2),
    "hooks and builtins replaced": ({"psi": HOOKS}, "graded", 3),
    "builtins that break everything": ({"own": BREAKS}, "crashed", 0),
    "forged messages": ({"psi": FORGES}, "crashed", 1),
    "garbled messages": ({"own": GARBLES}, "crashed", 0),
    "counted calls": ({"psi": COUNTS}, "graded", 3),
    "os._exit in a cell": ({"own": "os._exit(0)"}, "crashed", 0),
    "os._exit in an answer": ({"psi": "def psi(base, now):\n    os._exit(0)"}, "crashed", 1),
    "a segmentation fault": (
        {"psi": "def psi(base, now):\n    import ctypes; ctypes.string_at(0)"},
        "crashed",
        1,
    ),
    "SystemExit": ({"own": "raise SystemExit"}, "failed", 6),
    "exit()": ({"own": "exit()"}, "graded", 6),
    "ask_exit": ({"own": "get_ipython().ask_exit()"}, "graded", 6),
    "a fork bomb": ({"psi": BOMB}, None, 1),  # too many processes, too much memory, or too late
    "many threads": ({"own": THREADS}, None, 6),
    "noise on stderr": ({"own": NOISE}, "graded", 6),
    "closes what it prints to": ({"own": QUIET}, "graded", 6),
    "closes the judge's channel": ({"own": SHUTS}, "crashed", 0),
    "a cell that raises": ({"own": "1 / 0"}, "failed", 6),
    "a syntax error": ({"psi": "def psi(base, now:\n    return 0"}, "failed", 1),
    "a huge answer": ({"psi": "def psi(base, now):\n    return 'x' * 20_000_000"}, "graded", 1),
    "a deep answer": (
        {"psi": "def psi(base, now):\n    x = []\n    x.append(x)\n    return x"},
        "graded",
        1,
    ),
    "an answer that is no data": ({"psi": "def psi(base, now):\n    return object()"}, "graded", 1),
    "an answer that cannot be shown": (
        {
            "psi": "class X:\n    def __repr__(self): raise KeyboardInterrupt\n"
            "def psi(base, now):\n    return X()"
        },
        "graded",
        1,
    ),
    "another kind of answer": ({"psi": "psi = 3", "weeks": "def weeks(): pass"}, "graded", 0),
    "other parameters": ({"own": "seed = 99"}, "graded", 5),
}


@pytest.mark.parametrize("name", DESERVED)
def test_an_answer_gets_what_it_deserves(name, graded):
    answers, outcome, points = DESERVED[name]
    if source := answers.get("own"):
        answers = answers | {"own": TOP + source}
    if "psi" in answers:
        answers = answers | {"psi": TOP + answers["psi"]}
    verdict = graded(job(name, **answers))
    assert verdict.earned == points, verdict
    assert outcome in (None, verdict.outcome), verdict
    assert len(verdict.printed) < 110_000
    assert len(verdict.marks) == 3
    if verdict.outcome != "graded":
        assert verdict.why


LOOT = """
import gc, os, pathlib, sys
def look(path):
    try: print(pathlib.Path(path).read_bytes()[:100_000].decode(errors="replace"))
    except Exception as error: print(type(error).__name__)
for path in {paths}: look(path)
for folder in ("/proc", "/proc/self/task"):
    try: numbers = [one for one in os.listdir(folder) if one.isdigit()]
    except OSError: numbers = []
    for one in [*map(str, range(1, 40)), *numbers]:
        for what in ("environ", "cmdline", "maps", "root/etc/passwd", "cwd"):
            if one != str(os.getpid()): look(f"/proc/{{one}}/{{what}}")
for number in os.listdir("/proc/self/fd"):
    try: print(os.readlink(f"/proc/self/fd/{{number}}"))
    except OSError: pass
    if int(number) > 4: look(f"/proc/self/fd/{{number}}")
print([one for one in gc.get_objects() if isinstance(one, str) and "canary-of" in one])
print([v for m in list(sys.modules.values()) for v in vars(m).values()
       if isinstance(v, str) and "canary-of" in v])
print(os.environ, sorted(sys.modules))
memory = open("/proc/self/mem", "rb", 0)
wanted = ("canary-of-" + "the-hidden-check").encode()
for line in open("/proc/self/maps"):
    span, rights = line.split()[:2]
    first, last = (int(one, 16) for one in span.split("-"))
    if rights.startswith("rw"):
        try:
            memory.seek(first)
            if wanted in memory.read(last - first): print("FOUND IN MEMORY", line)
        except (OSError, ValueError): pass
"""


def test_nothing_of_the_mentors_can_be_read(graded, material, tmp_path):
    (tmp_path / "grades.db").write_text(CANARY)
    paths = [material / "secret", tmp_path / "grades.db"]
    paths += [material / "exercises" / graded_example.SLUG / name for name in ("checks.py",)]
    paths += ["../secret", "../../../../../../../.." + str(material / "secret")]
    verdict = graded(job("looks around", own=LOOT.format(paths=[str(path) for path in paths])))
    assert verdict.earned == 6, verdict.why
    assert CANARY not in verdict.printed
    assert "FOUND IN MEMORY" not in verdict.printed
    for never in ("labs.kit.grading.grade", "labs.kit.grading.remote", "labs.kit.exercise.judge"):
        assert f"'{never}'" not in verdict.printed, f"{never} is imported where answers run"


WRITES = """
import os, pathlib, shutil
done = []
for path in {paths}:
    for act in (lambda: pathlib.Path(path).write_text("changed"), lambda: os.remove(path),
                lambda: os.rename(path, path + ".x"), lambda: os.chmod(path, 0o777),
                lambda: os.symlink("/etc/passwd", path + ".link"),
                lambda: shutil.rmtree(os.path.dirname(path))):
        try: act(); done.append(path)
        except OSError: pass
"""


def test_nothing_outside_of_scratch_can_be_written(graded, material, tmp_path):
    kept = tmp_path / "kept"
    kept.write_text("as it was")
    paths = [str(kept), str(material / "secret"), sys.executable, graded_example.__file__]
    before = {path: (os.stat(path).st_mtime_ns, os.stat(path).st_mode) for path in paths}
    verdict = graded(job("writes", own=WRITES.format(paths=paths)))
    assert verdict.earned == 6
    after = {path: (os.stat(path).st_mtime_ns, os.stat(path).st_mode) for path in paths}
    assert after == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept"]


STAYS = """
import os, subprocess, sys
code = "import os, time; os.setsid(); os.fork() and os._exit(0); time.sleep({seconds})"
for _ in range(3):
    subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execvp(sys.executable, [sys.executable, "-c", "import time; time.sleep({seconds})"])
    os._exit(0)
"""


def test_no_process_outlives_its_grade(graded):
    seconds = 7_000_000 + os.getpid()
    verdict = graded(job("stays", own=STAYS.format(seconds=seconds)))
    assert verdict.earned == 6, verdict

    def left():
        found = []
        for one in psutil.process_iter(["cmdline"]):
            found += [one.pid] if str(seconds) in " ".join(one.info["cmdline"] or []) else []
        return found

    deadline = time.monotonic() + 10
    while left() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not left()


def test_the_network_is_its_own_loopback(graded):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        verdict = graded(
            job(
                "calls out",
                own="import socket\n"
                "own = socket.create_server(('127.0.0.1', 0))\n"
                "socket.create_connection(own.getsockname(), 1).close(); print('own loopback')\n"
                f"for address in (('127.0.0.1', {port}), ('1.1.1.1', 53)):\n"
                "    try: socket.create_connection(address, 1); print('REACHED', address)\n"
                "    except OSError as error: print(type(error).__name__)\n",
            )
        )
        listener.settimeout(0.2)
        with pytest.raises(TimeoutError):
            listener.accept()
    assert "own loopback" in verdict.printed
    assert "REACHED" not in verdict.printed


def test_submissions_do_not_meet(graded):
    """Nothing that one leaves in folders, shared memory or libraries reaches the next."""
    leave = (
        "import os, numpy, pathlib\n"
        "pathlib.Path('left').write_text('x'); pathlib.Path('/dev/shm/left').write_text('x')\n"
        "numpy.left = builtins_left = True\n"
    )
    look = (
        "import os, numpy, pathlib\n"
        "print('FOUND' if pathlib.Path('left').exists() or os.path.exists('/dev/shm/left')"
        " or hasattr(numpy, 'left') else 'clean')\n"
    )
    assert graded(job("leaves", own=leave)).earned == 6
    verdict = graded(job("looks", own=look))
    assert "clean" in verdict.printed and "FOUND" not in verdict.printed


def test_what_a_hidden_check_asks_reaches_no_learner(graded):
    """By what is printed, or by an answer to a public check that comes later in the file."""
    spy = """
import os
weeks = []
def psi(base, now):
    weeks.append(len(base))
    os.write(2, b"ASKED %d" % len(base))
    print("ASKED", weeks)
    return 0.0
"""
    verdict = graded(job("spies", psi=spy, weeks="pass"))
    public = [mark for mark in verdict.marks if mark.public]
    told = [verdict.printed, *(f"{mark.came} {mark.printed}" for mark in public)]
    assert "ASKED [300]" in " ".join(told), "what a public check asks may be seen"
    assert "400" not in " ".join(told)


def test_a_replay_of_a_known_sequence_does_not_help(graded):
    """The hidden data are drawn anew for each learner, their order too."""
    points = [graded(job(f"replay {seed}", seed=seed, psi=COUNTS)).earned for seed in range(3)]
    assert points == [3, 3, 3]


def test_the_grade_says_what_kept_the_answers_apart(graded):
    verdict = graded(job())
    assert verdict.tier
    assert 0 < verdict.answer_seconds <= verdict.seconds
    assert 10_000_000 < verdict.memory < 2_000_000_000


def test_a_check_file_is_never_where_answers_run(material):
    """The fork server itself sees neither the exercises nor the folder of the class."""
    with tiers.best(["numpy"]) as (place, _):
        session = place.session()
        paths = [str(material), str(Path(__file__).parent), str(ROOT / "exercises")]
        source = f"import os\nfound = [os.path.exists(path) for path in {paths}]"
        session.ask("cell", source, seconds=10)
        came = session.ask("get", "found", seconds=10)
        session.close()
    assert came["value"]["value"] == [False, False, False]


@pytest.fixture(scope="module", params=["landlock", "a process"])
def less(request, material):
    """Grades one job with less isolation, as where a system offers no more."""
    means = {
        "landlock": lambda: sandbox.forked(["numpy"], "landlock"),
        "a process": lambda: sandbox.spawned(["numpy"]),
    }
    with means[request.param]() as place:
        tier = tiers._tried(place, request.param)
        assert tier.isolated == (request.param == "landlock"), tier.words()
        place = replace(place, limits=LIMITS)
        yield lambda one: grade.grade_one(one, place, tier.name)


@pytest.mark.parametrize(
    "name",
    [
        "honest",
        "an endless loop that swallows all",
        "an object that lies",
        "os._exit in an answer",
        "3 GB in an answer",
        "noise on stderr",
    ],
)
def test_with_less_isolation_the_grades_are_the_same(name, less):
    answers, outcome, points = DESERVED[name]
    answers = {which: TOP + source for which, source in answers.items()}
    verdict = less(job(name, **answers))
    assert (verdict.outcome, verdict.earned) == (outcome, points), verdict


def test_without_isolation_nothing_is_graded_unless_trusted(material, monkeypatch):
    monkeypatch.setattr(
        tiers, "_means", lambda modules: [("a process of its own", sandbox.spawned(modules))]
    )
    with pytest.raises(UserError, match=r"labs grade --trust"):
        list(grade.grade_all([job()]))
    ((_, verdict),) = grade.grade_all([job()], trust=True)
    assert (verdict.earned, verdict.tier) == (6, "a process of its own")


def test_a_judge_that_dies_loses_nothing_but_its_own_job(material, monkeypatch):
    """Two judges at once, one of which is killed in the middle: no grade is lost or given twice."""
    judged = grade.grade_one

    def deadly(one, *rest):
        if one.key == "deadly":
            os._exit(9)
        return judged(one, *rest)

    monkeypatch.setattr(grade, "grade_one", deadly)  # the judges are forks of this process
    jobs = [job(f"learner {number}") for number in range(4)]
    came = {one.key: verdict for one, verdict in grade.grade_all([job("deadly"), *jobs], workers=2)}
    assert sorted(came) == ["deadly", *(one.key for one in jobs)]
    assert came["deadly"].outcome == "needs a person"
    assert came["deadly"].waits and "grade it again" in came["deadly"].why
    assert [came[one.key].earned for one in jobs] == [6] * 4
