"""The gate sees what neither nbval nor papermill does, and nothing that is all right."""

import pytest
from test_stored_lessons import code, drawn, lesson_of, printed, prose

from labs.kit import gate

NOT_SEEN_BY_RUNNERS = [
    ("%time x = 1", "'%time x = 1' is a magic"),
    ("x = 1\n%nosuchmagic\nraise ValueError", "'%nosuchmagic' is a magic"),
    ("%%bash\nls", "'%%bash' is a magic"),
    ("x = 1\nif x:\n    !ls", "'!ls' is a magic"),
    ("files = !ls", "'files = !ls' is a magic"),
    ("print?", "'print?' is a magic"),
    ("?print", "'?print' is a magic"),
    ("x = (1", "'x = (1' is not Python"),
    ("get_ipython().run_line_magic('nosuchmagic', '')", "a magic in other words"),
    ("x = 1;", "semicolon"),
    ("x = 1;  # shown without a value", "semicolon"),
    ("x = 1\n# NBVAL_IGNORE_OUTPUT", "comment NBVAL_IGNORE_OUTPUT"),
    ("# NBVAL_SKIP\nx = 1", "comment NBVAL_SKIP"),
]


@pytest.mark.parametrize(("source", "said"), NOT_SEEN_BY_RUNNERS)
def test_the_gate_sees_in_a_source(source, said):
    (found,) = gate.problems(lesson_of(code(source)))
    assert "cell given-1: " in found and said in found


@pytest.mark.parametrize(
    "source",
    [
        'text = """\n%time\n!ls\n? help\n"""',
        "y = (7\n     % 4)",
        "share = 100\nassert share % 7 != 3",
        "x = 1  # first;",
        "print('a;')",
        "import asyncio\n\nawait asyncio.sleep(0)",
        "# NBVALUE is not a mark",
        "",
    ],
)
def test_the_gate_lets_python_be(source):
    assert gate.problems(lesson_of(code(source))) == []


@pytest.mark.parametrize(
    "tag",
    ["nbval-skip", "raises-exception", "nbval-raises-exception", "pytest-validate-ignore-output"],
)
def test_the_gate_refuses_tags_that_hide(tag):
    (found,) = gate.problems(lesson_of(code("x = 1", metadata={"tags": [tag]})))
    assert f"cell given-1: has the tag {tag}: " in found


WHY = "The order of the lines is the machine's."


def ignoring(why=None, above=WHY, tags=("nbval-ignore-output",)):
    """A lesson with one ignored output among enough that are compared."""
    labs = {"ignored": why} if why else {}
    cell = code("print(1)", printed("1\n"), metadata={"tags": list(tags), "labs": labs})
    more = [one for n in range(10) for one in (prose("Next."), code(f"x = {n}"))]
    notes = prose("Say it.")
    notes.metadata["tags"] = ["notes"]
    return lesson_of(*more, prose(f"Look.\n{above}"), notes, cell)


def test_an_output_is_ignored_with_a_reason_that_readers_see():
    assert gate.problems(ignoring(WHY)) == []
    assert gate.problems(ignoring(WHY, above=WHY.replace(" ", "\n"))) == []


@pytest.mark.parametrize(
    ("lesson", "said"),
    [
        (ignoring(), "is ignored without a reason"),
        (ignoring("It varies much."), "is ignored without a reason"),
        (ignoring(WHY, above="Look."), "the prose above it does not say why"),
        (ignoring(WHY, tags=()), "has no tag nbval-ignore-output"),
    ],
)
def test_an_output_is_not_ignored_without_one(lesson, said):
    (found,) = gate.problems(lesson)
    assert said in found


def test_the_gate_sees_cells_without_an_id_of_their_own():
    notebook = lesson_of(code("x = 1"), prose("Then."), code("y = 2"))
    notebook.cells[-3].id = notebook.cells[-5].id
    place = len(notebook.cells) - 2
    assert f"cell given-1: cell {place} of the notebook" in gate.problems(notebook)[0]
    notebook.cells[-3].id = "0123abcd"  # as nbformat gives them
    assert f"cell 0123abcd: cell {place} of the notebook" in gate.problems(notebook)[0]


def test_the_gate_sees_pictures_that_nobody_accepted():
    alt = 'alt="A curve that rises"'
    notebook = lesson_of(code("plot()", drawn(alt)))
    (cell,) = (cell for cell in notebook.cells if cell.id == "given-1")
    assert gate.problems(notebook) == []
    cell.outputs[0].data["text/html"] = cell.outputs[0].data["text/html"].replace("AA==", "AAA=")
    (found,) = gate.problems(notebook)
    assert "cell given-1: its picture is not the one that was accepted" in found
    assert "labs refresh --accept-pictures SLUG" in found
    cell.outputs = []
    assert "no longer draws" in gate.problems(notebook)[0]
    cell.outputs, cell.metadata = [drawn(alt)], {}
    assert "nobody has accepted yet" in gate.problems(notebook)[0]
