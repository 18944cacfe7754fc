"""`checks.py` as learners may read it: public criteria and what they use, nothing else."""

import ast
import copy
import symtable
from collections.abc import Iterator
from pathlib import Path

from labs.kit.errors import UserError
from labs.kit.exercise.criteria import Criterion, load

HEAD = '"""What your answers are checked by; further checks run at grading."""'


def is_open(criterion: Criterion) -> bool:
    """Whether learners may read the criterion: it is public, and no rubric tells the answer."""
    return criterion.public and not criterion.by_hand


def public_checks(path: Path) -> str:
    """The source of the checks in `path` without hidden criteria, rubrics and comments.

    What only those use goes with them: helpers, constants, imports. Raises UserError if a
    public criterion uses a hidden one.
    """
    every = load(path)
    body = list(_divided(ast.parse(path.read_text(encoding="utf-8"))))
    kept, gone = _parted([one.id for one in every if is_open(one)], body)
    for one in every:
        if one.id in kept and not is_open(one):
            raise UserError(
                f"{path}: a public criterion uses {one.id}, which learners may not read. "
                "Move what both need into a helper."
            )
    return HEAD + "\n\n" + "".join(_written(one) for one in body if _stays(one, gone))


def _written(statement: ast.stmt) -> str:
    text = ast.unparse(statement) + "\n"
    return f"\n\n{text}" if isinstance(statement, ast.FunctionDef | ast.ClassDef) else text


def _divided(module: ast.Module) -> Iterator[ast.stmt]:
    """The statements of a module, one for each import and each constant of `a, b = 1, 2`."""
    for statement in module.body:
        match statement:
            case ast.Import(names) | ast.ImportFrom(names=names):
                for alias in names:
                    one = copy.copy(statement)
                    one.names = [alias]
                    yield one
            case ast.Assign([ast.Tuple(targets)], ast.Tuple(values)) if _fit(targets, values):
                for target, value in zip(targets, values, strict=True):
                    yield ast.fix_missing_locations(ast.Assign([target], value))
            case _:
                yield statement


def _fit(targets: list[ast.expr], values: list[ast.expr]) -> bool:
    starred = any(isinstance(one, ast.Starred) for one in [*targets, *values])
    return len(targets) == len(values) and not starred


def _parted(names: list[str], body: list[ast.stmt]) -> tuple[set[str], set[str]]:
    """The module's names that `names` need, directly or not, and all the others."""
    needs: dict[str, set[str]] = {}
    for statement in body:
        bound, used = _names(statement)
        for name in bound:
            needs.setdefault(name, set()).update(used)
    kept: set[str] = set()
    waiting = set(names)
    while waiting:
        name = waiting.pop()
        kept.add(name)
        waiting |= needs.get(name, set()) - kept
    return kept, set(needs) - kept


def _stays(statement: ast.stmt, gone: set[str]) -> bool:
    """Whether a statement is of use without the names that are gone."""
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
        return False  # a text that stands alone
    if isinstance(statement, ast.ImportFrom) and statement.module == "__future__":
        return True
    bound, used = _names(statement)
    return bool(bound - gone) if bound else not used & gone


def _names(statement: ast.stmt) -> tuple[set[str], set[str]]:
    """The names of the module that a statement binds, and those that it uses, however deep."""
    top = symtable.symtable(ast.unparse(statement), "checks.py", "exec")
    bound = {one.get_name() for one in top.get_symbols() if one.is_assigned() or one.is_imported()}
    used = {one.get_name() for one in top.get_symbols() if one.is_referenced()}
    tables = top.get_children()
    while tables:
        table = tables.pop()
        used |= {one.get_name() for one in table.get_symbols() if one.is_global()}
        tables += table.get_children()
    return bound, used
