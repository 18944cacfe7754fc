"""Small mistakes made in a solution on purpose: a good check notices each of them."""

import ast
import copy
import re
from collections.abc import Iterator
from dataclasses import dataclass

from labs.kit.exercise.stub import PROSE, REGION

OPERATORS = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Div,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.And: ast.Or,
    ast.Or: ast.And,
}
NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)?(?![\w.])")


@dataclass(frozen=True)
class Mutant:
    """One change: in which cell, what it is (as a person would say it), and the cell's new text."""

    cell: str
    change: str
    source: str


def mutants(cell_id: str, marked: str) -> list[Mutant]:
    """Every small change within the solution regions of a cell's source.

    `marked` still has its marks. Operators, comparisons and constants are changed,
    conditions negated, the first two arguments of a call swapped; in a text with lines
    (a configuration) each number. Messages and docstrings stay as they are.
    """
    if PROSE.search(marked):
        return []  # a person reads it
    before = REGION.sub(lambda match: match[2], marked)
    lines = _solution_lines(marked)
    tree = ast.parse(before)
    found: dict[str, Mutant] = {}
    for place, node in enumerate(ast.walk(tree)):
        if getattr(node, "lineno", None) in lines:
            for said, changed in _changes(tree, place, node):
                found.setdefault(changed, Mutant(cell_id, f"line {node.lineno}: {said}", changed))
    found.pop(ast.unparse(tree), None)
    return list(found.values())


def _solution_lines(marked: str) -> set[int]:
    """Numbers of the lines that stand in regions, as they are without the marks."""
    kept, inside, number = set(), False, 0
    for line in marked.splitlines():
        if line.strip().startswith("### BEGIN SOLUTION"):
            inside = True
        elif line.strip().startswith("### END SOLUTION"):
            inside = False
        else:
            number += 1
            if inside:
                kept.add(number)
    return kept


def _changes(tree: ast.AST, place: int, node: ast.AST) -> Iterator[tuple[str, str]]:
    """What is changed at this node, and the source with the change."""
    for changed in _variants(node):
        other = copy.deepcopy(tree)
        target = list(ast.walk(other))[place]
        for name, value in vars(changed).items():
            setattr(target, name, value)
        ast.fix_missing_locations(other)
        yield _said_change(node, changed), ast.unparse(other)


def _said_change(node: ast.AST, changed: ast.AST) -> str:
    """A change in words; of a text with lines, the line that differs, so that each has its own."""
    old, new = getattr(node, "value", None), getattr(changed, "value", None)
    if isinstance(old, str) and isinstance(new, str):
        lines = zip(old.splitlines(), new.splitlines(), strict=True)
        one, other = next(pair for pair in lines if pair[0] != pair[1])
        return f"`{one.strip()}` becomes `{other.strip()}`"
    return f"`{_said(node)}` becomes `{_said(changed)}`"


def _said(node: ast.AST) -> str:
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= 70 else f"{text[:66]} ..."


def _variants(node: ast.AST) -> Iterator[ast.AST]:
    """Copies of one node, each with one small change."""
    if isinstance(node, ast.BinOp | ast.BoolOp | ast.AugAssign):
        if other := OPERATORS.get(type(node.op)):
            yield _with(node, op=other())
    elif isinstance(node, ast.Compare):
        for number, op in enumerate(node.ops):
            if other := OPERATORS.get(type(op)):
                yield _with(node, ops=[*node.ops[:number], other(), *node.ops[number + 1 :]])
    elif isinstance(node, ast.Constant):
        for value in _other_constants(node.value):
            yield _with(node, value=value)
    elif isinstance(node, ast.If | ast.IfExp):
        yield _with(node, test=ast.UnaryOp(ast.Not(), node.test))
    elif isinstance(node, ast.Call) and len(node.args) >= 2:
        if not any(isinstance(one, ast.Starred) for one in node.args[:2]):
            yield _with(node, args=[node.args[1], node.args[0], *node.args[2:]])
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub | ast.Invert):
        yield _with(node, op=ast.UAdd()) if isinstance(node.op, ast.USub) else _with(node)


def _with(node: ast.AST, **changes) -> ast.AST:
    changed = copy.copy(node)
    for name, value in changes.items():
        setattr(changed, name, value)
    return changed


def _other_constants(value: object) -> Iterator[object]:
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int):
        yield value + 1
    elif isinstance(value, float):
        yield value * 1.5 if value else 1.0
    elif isinstance(value, str) and "\n" in value:
        for match in NUMBER.finditer(value):
            number = match[0]
            other = str(int(number) + 1) if number.isdigit() else str(float(number) * 1.5)
            yield value[: match.start()] + other + value[match.end() :]
