"""The lock: what is committed, and how it is checked, renewed and split."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from labs.kit import lock, material, pins
from labs.kit.errors import UserError
from labs.kit.pins import Pin

ROOT = material.root()
COMMITTED = pins.read(ROOT / "labs" / "locks")
DIGEST = "sha256:" + "0" * 64
PROMISED = {  # versions that the design settled, because they work together
    "mlflow": "3.17.2",
    "scikit-learn": "1.9.1",
    "pandas": "3.1.1",
    "numpy": "2.4.6",
    "scipy": "1.17.1",
    "jupyterlab": "4.6.6",
    "jupyter-book": "1.0.4.post1",
    "nbval": "0.11.0",
    "papermill": "2.7.0",
    "graphene": "3.4.3",
    "python-dateutil": "2.9.0.post0",
}


def pin(name: str, version: str = "1", marker: str = "", hashes: tuple = (DIGEST,)) -> Pin:
    return Pin(name, version, marker, hashes)


def a_lock(default=(), book=(), test=()) -> pins.Lock:
    return {"default": list(default), "book": list(book), "test": list(test)}


def wanted(*default: str) -> dict[str, list[Requirement]]:
    return {"default": [Requirement(line) for line in default], "book": [], "test": []}


def test_the_committed_lock_fits_pyproject():
    """Every direct dependency satisfied, every pin hashed, no package in two files."""
    assert pins.problems(COMMITTED, pins.requirements(ROOT / "pyproject.toml")) == []


def test_the_committed_lock_holds_the_promised_versions():
    found = {p.name: p.version for group in COMMITTED.values() for p in group}
    assert {name: found.get(name) for name in PROMISED} == PROMISED


def test_the_committed_lock_names_no_place():
    for path in (ROOT / "labs" / "locks").iterdir():
        assert not re.search(r"https?:|file:|--\w+-url|--find-links|@", path.read_text())


def test_the_committed_lock_serves_other_platforms():
    everything = {p.name: p.marker for group in COMMITTED.values() for p in group}
    assert "win32" in everything["colorama"]
    assert "darwin" in everything["appnope"]


def test_the_committed_lock_is_what_is_written_back(tmp_path):
    pins.write(COMMITTED, tmp_path)
    for path in tmp_path.iterdir():
        assert path.read_bytes() == (ROOT / "labs" / "locks" / path.name).read_bytes()


@pytest.mark.parametrize(
    ("broken", "requirement", "problem"),
    [
        (a_lock([pin("a", hashes=())]), "a", "default.txt: a has no hash"),
        (a_lock([pin("a")], [pin("a")]), "a", "a is in default.txt and in book.txt"),
        (a_lock(), "a>=2", "pyproject.toml asks for a>=2; the lock does not have it"),
        (a_lock([pin("a")]), "a>=2", "pyproject.toml asks for a>=2; the lock has 1"),
        (a_lock(test=[pin("a")]), "a", "pyproject.toml asks for a; the lock does not have it"),
    ],
)
def test_an_unfit_lock_is_told(broken, requirement, problem):
    assert pins.problems(broken, wanted(requirement)) == [problem]


def test_a_line_that_is_no_pin_is_quoted():
    with pytest.raises(UserError, match="'mlflow>=3' is not a pinned package"):
        pins.parse("# a comment\nmlflow>=3\n")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match=r"default\.txt: the lock is missing"):
        pins.read(tmp_path)


def test_a_marker_decides_on_this_platform():
    assert pin("a", marker="python_version >= '3.11'").applies()
    assert not pin("a", marker="sys_platform == 'nowhere'").applies()


def test_changes_are_told_in_one_line_each():
    old = a_lock([pin("kept"), pin("renewed"), pin("gone"), pin("moved"), pin("rebuilt")])
    other = (DIGEST, "sha256:" + "1" * 64)
    new = a_lock(
        [pin("kept"), pin("renewed", "2"), pin("new", "3"), pin("rebuilt", hashes=other)],
        [pin("moved")],
    )
    assert lock.compare(old, new) == [
        "gone: 1 -> none",
        "moved: 1 -> 1 (book.txt)",
        "new: none -> 3",
        "rebuilt: 1, other hashes",
        "renewed: 1 -> 2",
    ]


@pytest.fixture
def candidate(tmp_path, monkeypatch) -> pins.Lock:
    """A renewed lock that waits in the build folder; the lock in use is `tmp_path/in-use`."""
    monkeypatch.setenv("LABS_BUILD", str(tmp_path / "build"))
    monkeypatch.setattr(pins, "FOLDER", tmp_path / "in-use")
    pins.write(a_lock([pin("a", "1")]), pins.FOLDER)
    renewed = a_lock([pin("a", "2")])
    monkeypatch.setattr(pins, "resolve", lambda pyproject, keep=None: renewed)
    return renewed


def test_a_renewal_that_breaks_a_lesson_leaves_the_lock(candidate, monkeypatch, capsys):
    outcomes = {"welcome": "passes", "other": "breaks: papermill failed"}
    monkeypatch.setattr(lock, "trial", lambda locks: outcomes)
    assert lock.main(upgrade=True) == 1
    said = capsys.readouterr().out
    assert "a: 1 -> 2" in said and re.search(r"other +breaks: papermill failed", said)
    assert "labs lock --adopt" in said
    assert pins.read(pins.FOLDER)["default"] == [pin("a", "1")]

    assert lock.main(adopt=True) == 0
    assert pins.read(pins.FOLDER) == candidate


def test_a_renewal_that_breaks_nothing_is_kept(candidate, monkeypatch):
    monkeypatch.setattr(lock, "trial", lambda locks: {"welcome": "passes"})
    assert lock.main(upgrade=True) == 0
    assert pins.read(pins.FOLDER) == candidate


def test_there_may_be_nothing_to_adopt(candidate):
    with pytest.raises(UserError, match="Make one first: labs lock --upgrade"):
        lock.main(adopt=True)


def test_a_record_becomes_an_outcome_for_each_lesson(tmp_path):
    record = tmp_path / "verified.json"
    both = {"nbval": "passed", "papermill": "passed"}
    record.write_text(json.dumps({"a": both, "b": {**both, "nbval": "failed"}}))
    assert lock.judge(["a", "b", "c"], record) == {
        "a": "passes",
        "b": "breaks: nbval failed",
        "c": "breaks: nbval not run, papermill not run",
    }
    assert lock.judge(["a"], tmp_path / "none") == {"a": "breaks: it did not run, see above"}


WHEELHOUSE = """
[project]
name = "small"
version = "1"
dependencies = ["alpha>=1"]
[project.optional-dependencies]
book = ["beta"]
test = ["gamma"]
"""


@pytest.fixture
def small(tmp_path, monkeypatch) -> Path:
    """The pyproject.toml of a project whose index is a folder of four small wheels."""
    from tiny_kit import make_wheel

    wheels = tmp_path / "wheels"
    wheels.mkdir()
    make_wheel(wheels, "alpha", "1", needs="delta")
    make_wheel(wheels, "beta", "1", needs="delta")
    make_wheel(wheels, "gamma", "1", needs="colour; sys_platform == 'win32'")
    for name in ("delta", "colour"):
        make_wheel(wheels, name, "1")
    monkeypatch.setenv("UV_NO_INDEX", "1")
    monkeypatch.setenv("UV_FIND_LINKS", str(wheels))
    path = tmp_path / "pyproject.toml"
    path.write_text(WHEELHOUSE)
    return path


def names(found: pins.Lock) -> dict[str, list[str]]:
    return {group: [f"{p.name} {p.version}" for p in held] for group, held in found.items()}


def test_each_package_goes_to_the_first_group_that_needs_it(small):
    found = pins.resolve(small)
    assert names(found) == {
        "default": ["alpha 1", "delta 1"],
        "book": ["beta 1"],
        "test": ["colour 1", "gamma 1"],
    }
    assert found["test"][0].marker == "sys_platform == 'win32'"
    assert pins.problems(found, pins.requirements(small)) == []


def test_versions_stay_unless_a_renewal_is_asked_for(small):
    from tiny_kit import make_wheel

    old = pins.resolve(small)
    make_wheel(small.parent / "wheels", "delta", "2")
    assert pins.resolve(small, keep=old) == old
    assert names(pins.resolve(small))["default"] == ["alpha 1", "delta 2"]


def test_what_cannot_be_resolved_is_told(small):
    small.write_text(WHEELHOUSE.replace("alpha>=1", "alpha>=9"))
    with pytest.raises(UserError, match=r"could not be resolved:(.|\n)*alpha"):
        pins.resolve(small)


def test_check_compares_with_a_new_resolution(small, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("LABS_BUILD", str(tmp_path / "build"))
    monkeypatch.setattr(material, "root", lambda: small.parent)
    monkeypatch.setattr(pins, "FOLDER", tmp_path / "in-use")
    pins.write(pins.resolve(small), pins.FOLDER)
    assert lock.main() == 0
    assert "matches pyproject.toml: 5 packages" in capsys.readouterr().out

    small.write_text(WHEELHOUSE.replace('"alpha>=1"', '"alpha>=1", "beta"'))
    assert lock.main() == 1
    said = capsys.readouterr().out
    assert "pyproject.toml asks for beta; the lock does not have it" in said
    assert "beta: 1 (book.txt) -> 1" in said
    assert lock.main(adopt=True) == 0
    assert lock.main() == 0


def test_a_trial_runs_every_lesson_of_a_copy_with_the_new_lock(tmp_path, monkeypatch):
    """The copy's own command line writes down what it was given, as a test run would."""
    clone = tmp_path / "clone"
    for folder in ("labs/locks", ".git", ".venv", "_build"):
        (clone / folder).mkdir(parents=True)
    (clone / "labs" / "__main__.py").write_text(TRIAL)
    monkeypatch.setattr(material, "root", lambda: clone)
    monkeypatch.setattr(lock, "slugs", lambda: ["a", "b"])
    monkeypatch.setenv("LABS_BUILD", str(tmp_path / "not-for-the-trial"))
    locks = tmp_path / "locks"
    pins.write(a_lock([pin("fresh")]), locks)
    assert lock.trial(locks) == {"a": "passes", "b": "breaks: papermill failed"}


TRIAL = """
import json, os, pathlib, sys
root = pathlib.Path(__file__).parents[1]
assert sys.argv[1:] == ["test", "a", "b"]
assert "fresh==1" in (root / "labs/locks/default.txt").read_text()
assert "LABS_BUILD" not in os.environ
assert not [name for name in (".git", ".venv", "_build") if (root / name).exists()]
outcome = {"nbval": "passed", "papermill": "passed"}
(root / "_build").mkdir()
(root / "_build" / "verified.json").write_text(
    json.dumps({"a": outcome, "b": {**outcome, "papermill": "failed"}})
)
"""


def test_the_lock_is_renewed_in_a_clone_only(monkeypatch):
    monkeypatch.setattr(material, "is_clone", lambda: False)
    with pytest.raises(UserError, match="clone it and run labs lock there"):
        lock.main()


def test_uv_is_there_to_resolve():
    subprocess.run([sys.executable, "-m", "uv", "--version"], check=True, capture_output=True)
