"""A picture that looks different is stored, laid out for a person, and refused until accepted."""

import pytest
from test_execute import notebook_of

from labs import cli
from labs.kit import manifest, material, pictures, workspace
from labs.kit.execute import read_notebook
from labs.kit.normalise import dumps, normalise

LESSON = manifest.Lesson("begin", "one", "Begin", 15, ("do",))
DRAW = (
    "import matplotlib.pyplot as plt\nfrom labs.kit.display import show\n"
    "figure, axes = plt.subplots(figsize=(1, 1))\n_ = axes.plot([1, 2])\n"
    "show(figure, alt='A line that rises')"
)


@pytest.fixture
def clone(tmp_path, monkeypatch):
    """A kit with one lesson of one picture, not yet run."""
    (tmp_path / "exercises").mkdir()
    (tmp_path / "exercises" / "course.toml").write_text(
        'title = "T"\n[tracks.one]\ntitle = "One"\ndescription = "D"\n'
        '[[lessons]]\nslug = "begin"\ntrack = "one"\ntitle = "Begin"\n'
        'minutes = 15\nobjectives = ["do"]\n'
    )
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "notebooks" / "one").mkdir(parents=True)
    monkeypatch.setattr(material, "root", lambda: tmp_path)
    monkeypatch.delenv("LABS_BUILD", raising=False)
    notebook = notebook_of("x = 1", DRAW)
    notebook.cells[1].metadata["labs"] = {"minutes": {"45": 2}}
    write(tmp_path, notebook)
    return tmp_path


def write(clone, notebook):
    (clone / LESSON.path).write_text(dumps(normalise(notebook)), encoding="utf-8")


def stored(clone):
    return read_notebook(clone / LESSON.path)


def redrawn(clone, source):
    notebook = stored(clone)
    notebook.cells[1].source = source
    write(clone, notebook)


def files(clone):
    return {path.name: path.read_bytes() for path in pictures.folder("begin").glob("*")}


def test_a_new_picture_is_laid_out_and_refused_until_accepted(clone, capsys):
    assert cli.main(["refresh", "begin"]) == 0
    said = capsys.readouterr().out
    assert "cell cell-2: draws a picture that nobody has accepted yet" in said
    assert "_build/pictures/begin/cell-2-after.png" in said
    assert "labs refresh --accept-pictures begin" in said
    assert "nobody has accepted yet" in next(pictures.problems(stored(clone)))
    assert files(clone) == {"cell-2-after.png": pictures.drawn(stored(clone).cells[1])[0]}
    assert cli.main(["refresh", "--accept-pictures", "begin"]) == 0
    assert "begin: pictures accepted in cell-2" in capsys.readouterr().out
    assert list(pictures.problems(stored(clone))) == [] and files(clone) == {}
    assert stored(clone).cells[1].metadata["labs"]["minutes"] == {"45": 2}


def test_a_changed_picture_is_laid_out_beside_the_accepted_one(clone, capsys):
    cli.main(["refresh"])
    cli.main(["refresh", "--accept-pictures"])
    accepted = files_of_cell(clone)
    capsys.readouterr()
    for line in ("[2, 1]", "[3, 1, 2]"):  # twice, and the accepted one stays to be compared
        redrawn(clone, DRAW.replace("[1, 2]", line))
        cli.main(["refresh"])
        assert "its picture is not the one that was accepted" in capsys.readouterr().out
        both = {"cell-2-before.png": accepted, "cell-2-after.png": files_of_cell(clone)}
        assert files(clone) == both
        assert "not the one" in next(pictures.problems(stored(clone)))
    redrawn(clone, DRAW)
    cli.main(["refresh"])
    assert capsys.readouterr().out == "begin: outputs stored\n"
    assert files(clone) == {}


def files_of_cell(clone):
    return pictures.drawn(stored(clone).cells[1])[0]


def test_accepting_changes_metadata_alone(clone):
    cli.main(["refresh"])
    before, copied = stored(clone), workspace._pristine(LESSON)
    cli.main(["refresh", "--accept-pictures"])
    after = stored(clone)
    assert after.cells[1].metadata["labs"].pop("pictures")
    assert after == before
    assert workspace._pristine(LESSON) == copied  # so no learner is offered a new version


def test_a_picture_that_went_can_be_accepted(clone, capsys):
    cli.main(["refresh"])
    cli.main(["refresh", "--accept-pictures"])
    redrawn(clone, "y = 2")
    cli.main(["refresh"])
    assert "no longer draws the picture" in capsys.readouterr().out
    assert list(files(clone)) == ["cell-2-before.png"]
    cli.main(["refresh", "--accept-pictures"])
    assert list(pictures.problems(stored(clone))) == []


def test_pictures_are_known_by_their_pixels():
    """A bare picture and one in HTML count alike, and text chunks do not."""
    import base64

    import matplotlib.pyplot as plt
    import nbformat

    def cell(author, kind):
        import io

        buffer = io.BytesIO()
        plt.figure(figsize=(1, 1)).savefig(buffer, format="png", metadata={"Author": author})
        data = base64.b64encode(buffer.getvalue()).decode()
        text = data if kind == "image/png" else f'<img src="data:image/png;base64,{data}">'
        output = nbformat.v4.new_output("display_data", data={kind: text})
        return nbformat.v4.new_code_cell("x", outputs=[output])

    one, other = cell("Ada", "image/png"), cell("Grace", "text/html")
    assert pictures.drawn(one) == pictures.drawn(other) and len(pictures.drawn(one)) == 1
    broken = cell("Ada", "image/png")
    broken.outputs[0].data["image/png"] = "x"
    assert pictures.drawn(broken) == [b"x"]
