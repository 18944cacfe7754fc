"""The exercise `route-a-year` shows its learner the replay by which it judges."""

import ast

from labs.kit import material
from labs.kit.execute import read_notebook


def functions(source):
    """The functions of a module, as text without comments."""
    found = [node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)]
    return {node.name: ast.unparse(node) for node in found}


def test_the_replay_that_is_shown_is_the_one_that_judges():
    folder = material.root() / "exercises" / "route-a-year"
    cells = {cell.id: cell.source for cell in read_notebook(folder / "solution.ipynb").cells}
    judging = functions((folder / "checks.py").read_text(encoding="utf-8"))
    shown = functions(cells["week"]) | functions(cells["replay"])
    assert {"week_at", "missed", "usual", "beyond", "replay"} == set(shown)
    assert {name: judging[name] for name in shown} == shown
