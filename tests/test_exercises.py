"""Every exercise of the course is proven: its checks are right before a learner meets them."""

import os
import re
import subprocess
import sys
from subprocess import PIPE, STDOUT

import pytest

from labs.kit import manifest, material
from labs.kit.exercise.verify import SEEDS, SEEDS_ASKED
from labs.kit.verify import RELEASE

COURSE = manifest.read()
EXERCISES = pytest.mark.parametrize("exercise", COURSE.exercises, ids=lambda one: one.slug)


@pytest.fixture(scope="module")
def proofs():
    """What `labs verify` says of each exercise; an author and a release take 20 seeds, this 6."""
    env = {**os.environ, SEEDS_ASKED: str(SEEDS if os.environ.get(RELEASE) else 6)}
    command = [sys.executable, "-m", "labs.cli", "verify"]
    done = subprocess.run(command, env=env, stdout=PIPE, stderr=STDOUT, text=True)
    slugs = "|".join(one.slug for one in COURSE.exercises)
    _, *said = re.split(rf"(?m)^({slugs}): ", done.stdout)
    found = {slug: "" for slug in slugs.split("|")} | dict(zip(said[::2], said[1::2], strict=True))
    assert (done.returncode == 0) == all(map(proven, found.values())), done.stdout
    return found


def proven(said):
    return said.startswith("proven; ")


@pytest.mark.skipif(sys.platform == "win32", reason="labs verify forks processes")
@EXERCISES
def test_the_checks_of_an_exercise_are_proven(exercise, proofs):
    print(proofs[exercise.slug])  # the rate of killed mutants, for pytest -rP
    assert proven(proofs[exercise.slug]), proofs[exercise.slug]


@EXERCISES
def test_title_and_time_are_the_manifests(exercise):
    from labs.kit.execute import read_notebook

    opening = read_notebook(material.root() / exercise.path).cells[0].source
    assert opening.splitlines()[0] == f"# {exercise.title}"
    assert f"**Time**: {exercise.minutes} minutes" in opening


def test_slugs_agree_between_manifest_and_folders():
    listed = {exercise.slug for exercise in COURSE.exercises}
    found = {path.name for path in (material.root() / "exercises").iterdir() if path.is_dir()}
    assert found - listed == set(), "only in exercises/"
    assert listed - found == set(), "only in exercises/course.toml"


def test_every_hint_is_a_step_of_its_own():
    for exercise in COURSE.exercises:
        assert len(set(exercise.hints)) == len(exercise.hints) >= 3, exercise.slug
