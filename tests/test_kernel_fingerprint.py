"""A warm kernel is a cold one in all that can be seen, but for what is listed here."""

import json
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest
import warm

from labs.kit.execute import environment
from labs.kit.warm import policy

pytest_plugins = ["warm_server"]
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere kernels are cold")

TAKE = (
    Path(__file__).with_name("kernel_fingerprint.py").read_text(encoding="utf-8") + "\nimport json"
)
IMPORTS = """
import ipywidgets, matplotlib.pyplot, mlflow, pandas, sklearn
import labs.company, labs.deployment.local, labs.deployment.registry, labs.kit.display
"""
FIGURE = "_ = matplotlib.pyplot.plot([3, 1, 2])"

ALWAYS = {
    "environment/JUPYTER_DEFAULT_PROVISIONER_NAME": "chooses warm kernels",
    "environment/LABS_FORK_SERVER": "says which server forks them",
    "interpreter/orig_argv": "the command of the server: a fork has no command of its own",
    "process/command": "the same, as other processes see it",
    "process/parent": "the server, not the client, is the parent",
    "process/dies with its parent": "no kernel outlives a server that is killed",
    "threads/of the process": "the allocator of pyarrow starts its helper only where it is loaded",
    "memory/frozen": "what the server imported is never searched for garbage",
    "modules/count": "modules of other lessons are there; `labs test --cold` sees a missing import",
    "standard_library/at exit": "those modules want to be told of the end",
    "warning_filters/in order": "IPython adds its own last, not first; each is for another class",
    "loggers/sqlalchemy": "imported with the store, which a cold kernel does at its first use",
    "model_servers/begun by": "a fork of the kernels' server; a cold kernel starts a program",
    "pandas_options/display.encoding": "the same encoding: UTF-8 of a kernel, utf-8 of a file",
}
BEFORE_IMPORTS = {
    "environment/KMP_*": "scikit-learn sets them when it is imported",
    "interpreter/meta_path": "importlib_metadata adds its finder when it is imported",
    "application/comm targets": "ipywidgets registers them when it is imported",
    "loggers/*": "libraries set up their loggers when they are imported",
    "warning_filters/all": "libraries add filters when they are imported",
    "modules/none": "labs.kit hides a slow module that jsonschema does without",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("fingerprint")


@pytest.fixture(scope="module", params=[warm.by_nbclient, warm.by_papermill, warm.by_nbval])
def cold_and_warm(request, server_for_tests, folder):
    """What a cold and a warm kernel show, both started in one way."""
    cells = [
        f"{TAKE}\nprint(json.dumps(fingerprint()))",
        IMPORTS,
        "print(json.dumps({**fingerprint(), **libraries()}))",
        FIGURE,
    ]
    shown = []
    log = {policy.LOG: str(folder / f"{request.param.__name__}.log")}
    for chosen in ({}, warm.warm(server_for_tests)):
        with warm.variables({**environment(folder), **log, **chosen}) as started:
            bare, _, imported, figure = request.param(warm.notebook_of(*cells), folder)
            assert started() == (["warm"] if chosen else [])
        shown.append((read(bare), read(imported), figure))
    return shown


def read(outputs):
    """One flat dictionary of what a cell printed."""
    groups = json.loads("".join(output.text for output in outputs if output.name == "stdout"))
    return {
        f"{group}/{k}": value for group, values in groups.items() for k, value in values.items()
    }


def different(cold, warm):
    return {name for name in {**cold, **warm} if cold.get(name) != warm.get(name)}


def unexplained(names, *reasons):
    known = [pattern for listed in reasons for pattern in listed]
    return {name for name in names if not any(fnmatch(name, pattern) for pattern in known)}


def test_a_bare_kernel_differs_in_what_is_listed(cold_and_warm):
    (cold, _, _), (warm_one, _, _) = cold_and_warm
    strange = unexplained(different(cold, warm_one), ALWAYS, BEFORE_IMPORTS)
    assert {name: (cold.get(name), warm_one.get(name)) for name in strange} == {}


def test_after_the_courses_imports_it_differs_in_less(cold_and_warm):
    (_, cold, _), (_, warm_one, _) = cold_and_warm
    strange = unexplained(different(cold, warm_one), ALWAYS)
    assert {name: (cold.get(name), warm_one.get(name)) for name in strange} == {}
    assert len(cold) > 700  # the libraries' options too


def test_a_cold_kernels_model_server_is_a_program_of_its_own(cold_and_warm):
    (_, cold, _), (_, warm_one, _) = cold_and_warm
    assert cold["model_servers/begun by"] == "subprocess.Popen"
    assert warm_one["model_servers/begun by"] == "labs.kit.warm.program.begin"


def test_what_is_listed_differs(cold_and_warm):
    (cold_bare, cold, _), (warm_bare, warm_one, _) = cold_and_warm
    before, after = different(cold_bare, warm_bare), different(cold, warm_one)
    gone = [p for p in ALWAYS if not any(fnmatch(name, p) for name in before | after)]
    gone += [p for p in BEFORE_IMPORTS if not any(fnmatch(name, p) for name in before)]
    assert gone == [], "no longer different: take it off the list"


def test_a_figure_is_drawn_to_the_same_picture(cold_and_warm):
    pictures = [figure[-1]["data"]["image/png"] for _, _, figure in cold_and_warm]
    assert pictures[0] == pictures[1]


def test_a_kernel_with_other_options_is_seen(folder, server_for_tests):
    """The fingerprint is not blind: it sees what a library changes for good."""
    change = (
        "import gc, pandas, sys\nsys.setrecursionlimit(999)\npandas.set_option('display.width', 7)"
    )
    show = "print(json.dumps({**fingerprint(), **libraries()}))"
    with warm.variables({**environment(folder), **warm.warm(server_for_tests)}):
        notebook = warm.notebook_of(f"{TAKE}\n{IMPORTS}", show, change, show)
        outputs = warm.by_nbclient(notebook, folder)
    seen = different(read(outputs[1]), read(outputs[3]))
    assert {"interpreter/recursionlimit", "pandas_options/display.width"} <= seen
