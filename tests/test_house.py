"""The rules of the house: who may import whom, and what may not be committed."""

import ast
import subprocess
from pathlib import Path

import pytest

from labs.kit import material

ROOT = material.root()
TOPICS = {"deployment", "monitoring", "governance", "strategy"}
MAY_IMPORT = {
    "company": set(),
    "kit": set(),
    "deployment": set(),
    "monitoring": {"deployment"},
    "governance": {"deployment"},
    "strategy": set(),
    "cli.py": TOPICS | {"company", "kit"},
    "__main__.py": {"cli.py", "kit"},
    "__init__.py": set(),
}


def imported_parts(path: Path) -> set[str]:
    """The parts of labs that a module imports, as in `deployment` for labs.deployment.x."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    parts = {name.split(".")[1] for name in names if name.startswith("labs.")}
    return {"cli.py" if part == "cli" else part for part in parts}


def modules():
    return sorted((ROOT / "labs").rglob("*.py"))


@pytest.mark.parametrize("path", modules(), ids=lambda p: p.relative_to(ROOT).as_posix())
def test_a_module_imports_only_what_its_folder_allows(path):
    part = path.relative_to(ROOT / "labs").parts[0]
    allowed = MAY_IMPORT[part] | {part} | {"__version__"}
    assert imported_parts(path) <= allowed


def test_the_rule_sees_a_forbidden_import(tmp_path):
    topic = tmp_path / "knows_the_course.py"
    topic.write_text("from labs.kit.display import show\nimport labs.company.maintenance\n")
    assert imported_parts(topic) == {"kit", "company"}


def test_lessons_import_nothing_by_path():
    for path in (ROOT / "notebooks").rglob("*.ipynb"):
        text = path.read_text(encoding="utf-8")
        for forbidden in ("sys.path", "!pip", "%pip", "../"):
            assert forbidden not in text, f"{path.name} contains {forbidden}"


def test_top_level_is_the_house():
    """Everything git tracks lies where the layout says."""
    allowed = {"pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE"}
    allowed |= {"labs", "notebooks", "exercises", "book", "tests"}
    found = {path.split("/")[0] for path in tracked()}
    assert {name for name in found if not name.startswith(".")} <= allowed


def test_no_module_is_an_unimportable_folder():
    for folder in ("notebooks", "exercises", "book", "tests"):
        assert not (ROOT / folder / "__init__.py").exists(), f"{folder} must not be importable"


def tracked() -> list[str]:
    listing = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return listing.stdout.splitlines()


def test_nothing_committed_names_a_machine_or_an_index():
    """Lock files and outputs stay free of this machine's paths and of index hosts."""
    home = str(Path.home())
    index = ["files.python" + "hosted.org", "pypi" + ".org/simple", "--index" + "-url http"]
    for name in tracked():
        path = ROOT / name
        if not path.is_file():
            continue
        text = path.read_bytes().decode("utf-8", errors="ignore")
        for forbidden in [*index, f"{ROOT}/", f"{home}/"]:
            assert forbidden not in text, f"{name} contains {forbidden}"


def test_modules_stay_one_idea_long():
    """A module over 400 lines holds two ideas."""
    for path in modules():
        lines = len(path.read_text(encoding="utf-8").splitlines())
        assert lines <= 400, f"{path.relative_to(ROOT)} has {lines} lines; split it"


def test_python_is_lint_and_format_clean():
    for command in (["check"], ["format", "--check"]):
        done = subprocess.run(
            ["ruff", *command, "."], cwd=ROOT, capture_output=True, text=True, env=_env()
        )
        assert done.returncode == 0, done.stdout[-3000:]


def _env():
    import os
    import sys

    return {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
