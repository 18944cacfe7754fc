"""What is stored: every lesson executed, worth comparing, and in normal form."""

import copy

import nbformat
import pytest

from labs.kit import cuts, gate, manifest, material, new, pictures, quiz
from labs.kit.display import bare_png
from labs.kit.execute import read_notebook
from labs.kit.normalise import dumps, normalise, parse

COURSE = manifest.read()
LESSONS = pytest.mark.parametrize("lesson", COURSE.lessons, ids=lambda lesson: lesson.slug)
NOTEBOOKS = pytest.mark.parametrize("lesson", COURSE.notebooks, ids=lambda lesson: lesson.slug)


def stored(lesson):
    return read_notebook(material.root() / lesson.path)


@LESSONS
def test_a_stored_lesson_passes_the_gate(lesson):
    assert gate.problems(stored(lesson)) == []


@NOTEBOOKS
def test_a_stored_notebook_is_in_its_normal_form(lesson):
    """nbval compares each output; together with this, a new run leaves the same bytes."""
    before = (material.root() / lesson.path).read_text(encoding="utf-8")
    assert dumps(normalise(parse(before))) == before


@LESSONS
def test_title_and_time_are_the_manifests(lesson):
    opening = stored(lesson).cells[0].source
    assert opening.splitlines()[0] == f"# {lesson.title}"
    assert f"**Time**: {lesson.minutes} minutes" in opening


def test_slugs_agree_between_manifest_and_files():
    listed = {lesson.path.as_posix() for lesson in COURSE.lessons}
    root = material.root()
    found = {path.relative_to(root).as_posix() for path in (root / "notebooks").rglob("*.ipynb")}
    found = {path for path in found if ".ipynb_checkpoints" not in path}
    assert found - listed == set(), "only in notebooks/"
    assert listed - found == set(), "only in exercises/course.toml"


def lesson_of(*cells):
    """A small lesson that the gate accepts, with `cells` in the middle."""
    notebook = new._notebook(manifest.Lesson("try", "track", "Try a thing", 20, ("try",)))
    middle = [cell.id for cell in notebook.cells].index("quiz")
    notebook.cells[middle:middle] = cells
    for place, cell in enumerate(cells, 1):
        cell.id = f"given-{place}"
    pictures.accept(notebook)
    for count, cell in enumerate(c for c in notebook.cells if c.cell_type == "code"):
        cell.execution_count = count + 1
    return notebook


def code(source, *outputs, **more):
    return nbformat.v4.new_code_cell(source, outputs=list(outputs), **more)


def marked(source, **minutes):
    return code(source, metadata={"labs": {"minutes": {cut[1:]: n for cut, n in minutes.items()}}})


def printed(text, name="stdout"):
    return nbformat.v4.new_output("stream", name=name, text=text)


def drawn(alt):
    html = f'<img {alt} src="data:image/png;base64,AA==">'
    return nbformat.v4.new_output("display_data", data={"text/html": html})


def prose(text):
    return nbformat.v4.new_markdown_cell(text)


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ([code("x = 1"), code("y = 2")], "no sentence before it"),
        ([code("x = 1;")], "semicolon"),
        ([code("%nosuchmagic\nraise ValueError")], "is a magic"),
        ([code("x", printed("careful", "stderr"))], "stderr"),
        ([code("x", nbformat.v4.new_output("error", ename="E", evalue="v"))], "shows an error"),
        ([code("x", metadata={"tags": ["nbval-ignore-output"]})], "outputs are ignored"),
        ([code("x", printed("0.97")), prose("We saw 0.98 here.")], "says 0.98"),
        ([code("x", printed("12,500 rows")), prose("All 12,600 rows.")], "says 12600"),
        ([code("plot()", drawn(""))], "no alternative text"),
        ([marked("x = 1", _15=1, _30=1, _45=1)], "no notes cell after it"),
        ([marked("x = 1", _15=1, _30=1)], "not in every longer one"),
        ([marked("x = 1", _20=1)], "the cuts are (15, 30, 45)"),
        ([marked("x = 1", _45=9.5)], "the 45-minute cut has 46.5 minutes"),
        ([marked("\n".join(["x = 1"] * 13), _45=1)], "13 lines of code; 12 can be read"),
    ],
)
def test_the_gate_sees(cells, said):
    found = gate.problems(lesson_of(*cells))
    assert any(said in problem for problem in found), found


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("Right. Ask", "Yes. Ask", "begins neither with 'Right.' nor 'No.'"),
        ("Right. Ask", "No. Ask", "needs exactly one answer that begins with 'Right.'"),
        ("**2. Why is there a seed?**", "", "has 2 questions"),
        ("No. Any seed gives throws of the same coin.", "No.", "explains nothing"),
        ("</summary>\n\nNo. Any", "</summary>No. Any", "an answer is not"),
        ("It prints the claim.", "It prints `the claim`.", "write <code>"),
    ],
)
def test_the_gate_sees_a_quiz_that_does_not_help(before, after, said):
    notebook = lesson_of()
    (asked,) = (cell for cell in notebook.cells if cell.id == "quiz")
    assert before in asked.source
    asked.source = asked.source.replace(before, after)
    found = gate.problems(notebook)
    assert any(said in problem for problem in found), found


def test_the_gate_sees_a_quiz_whose_right_answer_is_always_the_second():
    notebook = lesson_of()
    (asked,) = (cell for cell in notebook.cells if cell.id == "quiz")
    one = asked.source.split("**2.")[0].split("seed**")[0]
    question = one[one.index("**1.") :]
    asked.source = "## Check yourself\n\n" + "".join(
        question.replace("**1.", f"**{number}.") for number in (1, 2, 3)
    )
    assert any("always the same one" in problem for problem in gate.problems(notebook))


def test_a_quiz_is_read_as_questions_answers_and_reasons():
    (asked,) = (cell for cell in lesson_of().cells if cell.id == "quiz")
    first, second, third = quiz.questions(asked.source)
    assert second.text == "Why is there a seed?"
    assert [answer.right for answer in third.answers] == [False, False, True]
    assert first.answers[1].because.startswith("Right. Ask how often")


def test_a_cut_is_its_slides_with_what_to_say():
    notebook = lesson_of()
    slides = cuts.slides(notebook, 15)
    assert [cell.id for cell in slides] == ["opening", "before-draw", "draw", "before-claim"]
    assert "Fallback" in cuts.notes(notebook, slides[2])
    assert sum(cuts.minutes(cell)[15] for cell in slides) == 13


def test_the_gate_sees_a_cell_that_never_ran():
    notebook = lesson_of(code("x = 1"))
    next(cell for cell in notebook.cells if cell.cell_type == "code").execution_count = None
    assert "was executed as None, not 1" in gate.problems(notebook)[0]


def test_the_gate_passes_supported_numbers_and_described_pictures():
    notebook = lesson_of(
        code("rows = 12_500", printed("AUC 0.97"), drawn('alt="A curve that rises"')),
        prose("The AUC is 0.97 on 12,500 rows; see [the paper, 3.14](https://example.org)."),
    )
    assert gate.problems(notebook) == []


def test_normalising_twice_is_normalising_once():
    cell = code("x", printed("b", "stderr"), printed("a"), printed("c", "stderr"))
    cell.metadata["ExecuteTime"] = {"start": "now"}
    notebook = lesson_of(cell)
    notebook.metadata["papermill"] = {"duration": 1.5}
    once = normalise(notebook)
    assert [(o.name, o.text) for o in cell.outputs] == [("stdout", "a"), ("stderr", "bc")]
    text = dumps(once)
    assert dumps(normalise(copy.deepcopy(once))) == text == dumps(normalise(parse(text)))


def test_pictures_keep_their_pixels_and_lose_their_text():
    import io

    import matplotlib
    from matplotlib.figure import Figure

    buffer = io.BytesIO()
    Figure(figsize=(1, 1)).savefig(buffer, format="png", metadata={"Author": "someone"})
    bare = bare_png(buffer.getvalue())
    assert b"someone" in buffer.getvalue() and b"someone" not in bare
    pixels = [matplotlib.image.imread(io.BytesIO(png)) for png in (buffer.getvalue(), bare)]
    assert (pixels[0] == pixels[1]).all()
