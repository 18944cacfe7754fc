"""Every lesson under papermill, with parameters other than the stored ones; for a release cold."""

import os

import papermill
import pytest

from labs.kit import manifest, material
from labs.kit.conditions import CELL_SECONDS, environment
from labs.kit.execute import execute
from labs.kit.normalise import dumps, normalise, parse
from labs.kit.verify import RELEASE
from labs.kit.warm import policy

COURSE = manifest.read()


def parameter_sets():
    for lesson in COURSE.notebooks:
        release = getattr(lesson, "release", ()) if os.environ.get(RELEASE) else ()
        for number, values in enumerate([lesson.parameters, *release]):
            yield pytest.param(
                lesson,
                values,
                id=f"lesson_{lesson.slug}_{number}",
                marks=pytest.mark.lesson(lesson.slug),
            )


@pytest.mark.parametrize(("lesson", "values"), list(parameter_sets()))
def test_papermill(lesson, values, tmp_path, monkeypatch):
    for name, value in environment(tmp_path / "workspace").items():
        monkeypatch.setenv(name, value)
    done = papermill.execute_notebook(
        str(material.root() / lesson.path),
        None,  # what comes back is what would be written
        parameters=values,
        kernel_name="python3",
        cwd=str(tmp_path),
        execution_timeout=CELL_SECONDS,
        progress_bar=False,
        request_save_on_cell_execute=False,
        autosave_cell_every=0,
        shutdown_kernel="immediate",
    )
    code = [cell for cell in done.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))


def cold_runs():
    for lesson in COURSE.notebooks:
        mark = pytest.mark.lesson(lesson.slug, runner="cold")
        yield pytest.param(lesson, id=f"lesson_{lesson.slug}_cold", marks=mark)


if os.environ.get(RELEASE):  # on other days two lessons prove it, in test_warm_kernel_failures.py

    @pytest.mark.parametrize("lesson", list(cold_runs()))
    def test_a_cold_kernel_leaves_the_file_byte_identical(lesson, tmp_path):
        """What nbval lets pass, such as another picture, is seen here."""
        before = (material.root() / lesson.path).read_text(encoding="utf-8")
        env = {**environment(tmp_path), policy.KERNELS: "cold"}
        assert dumps(normalise(execute(parse(before), lesson.slug, env))) == before


@pytest.mark.parametrize("lesson", COURSE.notebooks, ids=lambda lesson: lesson.slug)
def test_parameters_are_the_lessons_own(lesson):
    """papermill only warns of a parameter that the notebook does not have."""
    notebook = material.root() / lesson.path
    known = papermill.inspect_notebook(str(notebook))
    for values in (lesson.parameters, *getattr(lesson, "release", ())):
        assert set(values) <= set(known), f"{lesson.slug} has only {set(known)}"
        if not values and isinstance(lesson, manifest.Exercise):
            continue  # its task has no data of its own
        assert any(repr(value) != known[name]["default"] for name, value in values.items())
