"""The learner edition: complete, installable, and without anything that is judged later."""

import ast
import inspect
import json
import os
import re
import shutil
import site
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from labs.kit import manifest, material
from labs.kit.errors import UserError
from labs.kit.execute import read_notebook
from labs.kit.exercise.criteria import further, load
from labs.kit.exercise.stub import PROSE, REGION, answers, solved, stub
from labs.kit.grading import bundle
from labs.kit.grading.public_checks import is_open, public_checks
from labs.kit.normalise import dumps, parse

TELLING = 20  # letters: a shorter line is as likely somewhere else by chance
EXERCISES = manifest.read().exercises
SLUG = "cost-per-row"
OPENING = """
import sys
from labs.kit.exercise import desk
from labs.kit.folders import default_folder
print(desk.open_exercise(sys.argv[1], default_folder()))
"""
ASKING = """
import sys
from labs.cli import main
slug = sys.argv[1]
assert main(["hint", slug]) == 0
assert main(["solution", slug]) == 1
assert main(["update"]) == 0
assert main(["submit", slug, "--name", "Ada"]) == 0
"""

CHECKS = '''
"""All limits lie where the reference reaches 0.93."""
import json
from math import inf, tau

import numpy as np

from labs.kit.exercise import Text, criterion

GOAL, LATER = "a goal", "a goal for later"
LOW, HIGH = 3, 4  # of the hidden one only HIGH
table = {}
table["low"] = LOW
table["high"] = HIGH


@criterion("Open", points=1, objective=GOAL)
def is_open(answer):
    # answers lie near 0.93
    inf = 1
    assert answer > _low(inf), "why"


@criterion("Secret", points=2, objective=LATER, public=False)
def is_secret(answer):
    """What nobody may read."""
    assert answer < _high(answer), json.dumps(tau)


@criterion("Read", points=3, objective=GOAL, by_hand=True, rubric=("3: says 0.93", "0: not"))
def is_read(answer: Text):
    assert answer.split()


def _low(answer):
    return _both(answer) + LOW


def _high(answer):
    return _both(answer) + HIGH


def _both(answer):
    return [np.sign(answer) for _ in table]
'''
OPEN = '''"""What your answers are checked by; further checks run at grading."""

import numpy as np
from labs.kit.exercise import criterion
GOAL = 'a goal'
LOW = 3
table = {}
table['low'] = LOW


@criterion('Open', points=1, objective=GOAL)
def is_open(answer):
    inf = 1
    assert answer > _low(inf), 'why'


def _low(answer):
    return _both(answer) + LOW


def _both(answer):
    return [np.sign(answer) for _ in table]
'''


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The learner edition of this kit."""
    return bundle.build(tmp_path_factory.mktemp("learner"))


@pytest.fixture(scope="module")
def members(wheel) -> dict[str, str]:
    """Each file of the wheel as text; of notebooks the text of their cells as well."""
    with zipfile.ZipFile(wheel) as archive:
        texts = {name: archive.read(name).decode(errors="replace") for name in archive.namelist()}
    for name in texts:
        if name.endswith(".ipynb"):
            texts[name] += "\n".join(cell.source for cell in parse(texts[name]).cells)
    return texts


@pytest.fixture(scope="module")
def told() -> str:
    """What learners read anyway: lessons, hints, and the notebooks they write into."""
    notebooks = [read_notebook(material.root() / one.path) for one in manifest.read().lessons]
    notebooks += [stub(read_notebook(material.root() / one.path)) for one in EXERCISES]
    texts = [cell.source for notebook in notebooks for cell in notebook.cells]
    return "\n".join([*texts, *(hint for one in EXERCISES for hint in one.hints)])


def folder_of(exercise) -> Path:
    return material.root() / exercise.folder


def lines(text: str) -> set[str]:
    """The lines that say something."""
    found = {line.strip() for line in text.splitlines()}
    return {line for line in found if len(line) >= TELLING}


def leaks(secret: set[str], members: dict[str, str]) -> set[tuple[str, str]]:
    return {(name, line) for line in secret for name, text in members.items() if line in text}


def solution_lines(exercise) -> set[str]:
    """Every line between the marks of the solution."""
    cells = answers(read_notebook(material.root() / exercise.path))
    return {
        line
        for cell in cells
        for region in [*REGION.finditer(cell.source), *PROSE.finditer(cell.source)]
        for line in lines(region.group(region.lastindex))
    }


def secret_criteria(exercise):
    return [one for one in load(folder_of(exercise) / "checks.py") if not is_open(one)]


def test_what_only_hidden_criteria_use_goes_with_them(tmp_path):
    (tmp_path / "checks.py").write_text(CHECKS)
    assert public_checks(tmp_path / "checks.py") == OPEN


def test_a_public_criterion_that_uses_a_hidden_one_is_refused(tmp_path):
    (tmp_path / "checks.py").write_text(CHECKS.replace("_low(inf)", "is_secret(inf)"))
    with pytest.raises(UserError, match="uses is_secret, which learners may not read"):
        public_checks(tmp_path / "checks.py")


def test_an_installed_kit_cannot_make_it(monkeypatch, tmp_path):
    monkeypatch.setattr(material, "root", lambda: tmp_path)
    with pytest.raises(UserError, match="from a clone of the repository"):
        bundle.build(tmp_path)


def test_it_is_complete(members):
    lessons = {f"labs/_material/{one.path.as_posix()}" for one in manifest.read().lessons}
    folders = [f"labs/_material/{one.folder.as_posix()}" for one in EXERCISES]
    ours = {f"{folder}/{name}" for folder in folders for name in ("stub.ipynb", "checks.py")}
    material_files = ("exercises/course.toml", "exercises/further.json", "book/_config.yml")
    others = {f"labs/_material/{name}" for name in material_files}
    assert set(members) >= lessons | ours | others | {"labs/cli.py", "labs/locks/default.txt"}
    assert {name for name in members if "/exercises/" in name and "/kit/" not in name} == (
        ours | {name for name in others if "/exercises/" in name}
    )


def test_a_class_kept_inside_the_clone_stays_there(tmp_path):
    for name in ("course/class.toml", "course/secret", "course/submissions/ada/1-a.ipynb", "a.py"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_text("")
    shutil.copytree(tmp_path / "in", tmp_path / "out", ignore=bundle._left_out)
    assert [path.name for path in (tmp_path / "out").rglob("*") if path.is_file()] == ["a.py"]


def test_it_names_itself(wheel):
    assert re.fullmatch(r"mlops_labs-[0-9.]+\+learner-py3-none-any\.whl", wheel.name)


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda one: one.slug)
def test_it_holds_no_line_of_a_solution(exercise, members, told):
    secret = solution_lines(exercise)
    assert secret
    assert leaks({line for line in secret if line not in told}, members) == set()


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda one: one.slug)
def test_it_holds_no_known_answer(exercise, members, told):
    """Neither wrong nor right ones, nor what no mutant can change."""
    files = [*folder_of(exercise).glob("*ong/*.py"), *folder_of(exercise).glob("right/*.py")]
    assert len(files) > 5
    secret = {line for path in files for line in lines(path.read_text(encoding="utf-8"))}
    course = {name: text for name, text in members.items() if "/_material/" in name}
    public = "\n".join(inspect.getsource(one.run) for one in opened(exercise))
    known = {line for line in secret if line in told or line in public}
    assert leaks(secret - known, course) == set()
    assert len(known) < len(secret) / 2


def opened(exercise):
    return [one for one in load(folder_of(exercise) / "checks.py") if is_open(one)]


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda one: one.slug)
def test_it_holds_nothing_of_a_hidden_criterion(exercise, members):
    hidden = secret_criteria(exercise)
    assert leaks({text for one in hidden for text in (one.id, one.title)}, members) == set()
    rubric = {line for one in hidden for line in one.rubric}
    assert leaks(rubric, members) == set()
    source = {line for one in hidden for line in lines(inspect.getsource(one.run))}
    public = "\n".join(inspect.getsource(one.run) for one in opened(exercise))
    assert leaks({line for line in source if line not in public}, members) == set()


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda one: one.slug)
def test_its_checks_are_the_public_ones_unchanged(exercise, members, tmp_path):
    path = tmp_path / exercise.slug / "checks.py"
    path.parent.mkdir()
    path.write_text(members[f"labs/_material/{exercise.folder.as_posix()}/checks.py"])
    mine, theirs = load(path), opened(exercise)
    assert [(c.id, c.title, c.points, c.objective) for c in mine] == [
        (c.id, c.title, c.points, c.objective) for c in theirs
    ]
    whole = functions((folder_of(exercise) / "checks.py").read_text(encoding="utf-8"))
    assert all(whole[name] == tree for name, tree in functions(path.read_text()).items())


def functions(source: str) -> dict[str, str]:
    return {
        one.name: ast.dump(one)
        for one in ast.parse(source).body
        if isinstance(one, ast.FunctionDef | ast.ClassDef)
    }


def test_it_tells_how_many_checks_run_later(members):
    carried = json.loads(members["labs/_material/exercises/further.json"])
    for exercise in EXERCISES:
        hidden, by_hand = further(folder_of(exercise) / "checks.py")
        assert carried[exercise.slug] == {"hidden": hidden, "by_hand": by_hand}
        assert len(secret_criteria(exercise)) == hidden + by_hand


class Learner:
    """Somebody who has installed the learner edition, and nothing of this clone."""

    def __init__(self, wheel: Path, folder: Path):
        self.home, self.folder = folder, folder / "labs"
        venv.create(folder / "env", with_pip=False)
        self.bin = folder / "env" / ("Scripts" if os.name == "nt" else "bin")
        install = [sys.executable, "-m", "uv", "pip", "install", "-q", "--offline", "--no-deps"]
        subprocess.run([*install, "--python", str(self.bin / "python"), str(wheel)], check=True)
        where = self.run("python", "-c", "import site; print(site.getsitepackages()[0])").strip()
        Path(where, "dependencies.pth").write_text("\n".join(site.getsitepackages()))

    def run(self, *command: str) -> str:
        """What a command of the environment printed, on either stream."""
        ours = ("LABS_", "PYTHON", "JUPYTER_", "CI")  # of this test run; a learner has none
        kept = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
        done = subprocess.run(
            [self.bin / command[0], *command[1:]],
            cwd=self.home,
            env={**kept, "LABS_WORKSPACE": str(self.folder)},
            capture_output=True,
            text=True,
        )
        said = done.stdout + done.stderr
        assert done.returncode == 0 and "Traceback" not in said, said
        return said


@pytest.fixture(scope="module")
def learner(wheel, tmp_path_factory) -> Learner:
    return Learner(wheel, tmp_path_factory.mktemp("learner"))


def test_a_learner_opens_checks_and_submits(learner):
    copy = Path(learner.run("python", "-c", OPENING, SLUG).strip())
    notebook = parse(copy.read_text(encoding="utf-8"))
    theirs = solved(read_notebook(material.root() / manifest.read().exercise(SLUG).path))
    given = {cell.id: cell.source for cell in answers(theirs)}
    for cell in answers(notebook):
        cell.source = given[cell.id]
    copy.write_text(dumps(notebook), encoding="utf-8")
    said = learner.run("labs", "check", SLUG)
    assert "7 of 7 points" in said and "4 further checks run at grading" in said
    said = learner.run("python", "-c", ASKING, SLUG)
    assert "Hint 1 of 4" in said and "Everything is up to date." in said
    assert "cost-per-row: this edition of the kit holds no solutions; ask your mentor." in said
    handed_in = Path(re.search(r"Your answers are in (.+)", said)[1])
    kept = json.loads(handed_in.read_text(encoding="utf-8"))["exercises"][0]
    assert {one["cell"]: "\n".join(one["source"]) for one in kept["answers"]} == given
