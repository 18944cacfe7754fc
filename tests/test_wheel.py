"""The wheel: all that an installed kit needs, and nothing that is not material."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from labs.kit import manifest, material

ASK = """
from labs.kit import doctor, manifest, material
print(material.root(), material.is_clone(), len(manifest.read().lessons))
print(doctor.material(), doctor.packages(), doctor.book(), sep="\\n")
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The kit's wheel, built without asking a package index."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel"]
    subprocess.run(
        [*command, "--directory", str(folder)], cwd=material.root(), check=True, capture_output=True
    )
    return next(folder.glob("mlops_labs-*.whl"))


def test_it_carries_lessons_exercises_book_and_lock(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    lessons = {f"labs/_material/{one.path.as_posix()}" for one in manifest.read().lessons}
    others = {"exercises/course.toml", "book/_config.yml", "book/_ext/labs_book.py"}
    locks = {f"labs/locks/{group}.txt" for group in ("default", "book", "test")}
    assert names >= lessons | {f"labs/_material/{name}" for name in others} | locks


def test_it_carries_nothing_derived(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    derived = ("__pycache__", ".ipynb_checkpoints", "_build", "tests/", "mlflow.db")
    assert [name for name in names if any(part in name for part in derived)] == []
    assert len(names) == len(set(names))


def test_it_works_installed(wheel, tmp_path):
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(site)!r})" + ASK]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    where, clone, lessons = done.stdout.splitlines()[0].rsplit(maxsplit=2)
    assert Path(where) == site / "labs" / "_material"
    assert (clone, int(lessons)) == ("False", len(manifest.read().lessons))


def test_a_clone_uses_its_own_material():
    assert material.is_clone()
    assert material.root() == Path(__file__).resolve().parents[1]


def test_its_command_is_the_command_line(wheel):
    name = next(n for n in zipfile.ZipFile(wheel).namelist() if n.endswith("entry_points.txt"))
    assert "labs = labs.cli:main" in zipfile.ZipFile(wheel).read(name).decode()
