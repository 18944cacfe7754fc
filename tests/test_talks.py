"""Talks as data: what may stand in their files, and that they add up to their cut."""

import os
import shutil
import subprocess
import sys

import nbformat
import pytest

from labs.kit import cuts, freshness, manifest, material, record
from labs.kit.errors import UserError
from labs.kit.talk import claims, commands, deck, legible, source, talks

COURSE = manifest.read()
GOOD = """
title = "A night"
audience = "everyone"
minutes = 15
opening = "Who would notice?"

[[lessons]]
slug = "roll-back-a-bad-release"
cells = ["mistake", "two-cars", "figure", "rollback", "table"]

[[polls]]
question = "Is it all right?"
choices = ["Yes", "No"]
after = "mistake"
"""


@pytest.fixture
def talk_file(tmp_path):
    """Writes a talk with one thing exchanged, and gives its path."""

    def write(old: str = "", new: str = "") -> str:
        assert old in GOOD
        path = tmp_path / "a-night.toml"
        path.write_text(GOOD.replace(old, new, 1) if old else GOOD, encoding="utf-8")
        return str(path)

    return write


def minutes(talk):
    return sum(slide.minutes for slide in talks.slides(talk))


@pytest.mark.parametrize("cut", cuts.CUTS)
def test_every_talk_lesson_and_track_adds_up_to_its_cut(cut):
    lessons = [lesson.slug for lesson in COURSE.lessons]
    for name in [*talks.all(), *lessons, *(track.slug for track in COURSE.tracks)]:
        talk = talks.read(name, cut)
        assert 0.8 * cut <= minutes(talk) <= cut, name
        names = [slide.name for slide in talks.slides(talk)]
        assert len(names) == len(set(names)), name
        assert all(slide.notes for slide in talks.slides(talk)), name


@pytest.mark.parametrize("name", talks.all())
def test_what_talks_say_stands_in_outputs_and_can_be_read(name):
    for cut in cuts.CUTS:
        talk = talks.read(name, cut)
        assert list(claims.problems(talk)) == []
        assert legible.problems(talk) == []


def test_three_talks_have_the_cut_they_were_made_for():
    assert {name: talks.read(name).minutes for name in talks.all()} == {
        "from-twenty-patterns-to-one": 45,
        "one-way-to-deploy": 30,
        "when-a-model-goes-bad": 15,
    }


def test_a_talk_is_read(talk_file):
    shown = talks.slides(talks.read(talk_file()))
    assert [slide.kind for slide in shown[:4]] == ["title", "opening", "content", "poll"]
    assert shown[3].poll.choices == ("Yes", "No")
    assert shown[-1].kind == "closing"
    assert [slide.demo for slide in shown if slide.cell] == [False, True, False, True, True]


def test_a_lesson_may_lend_its_shorter_cut_and_hide_its_code(talk_file):
    path = talk_file('slug = "roll', 'cut = 30\ncode = false\nslug = "roll')
    with pytest.raises(UserError, match="15-minute cut has 18 minutes of slides; give it 12 to 15"):
        talks.slides(talks.read(path))
    shown = talks.slides(talks.read(talk_file('slug = "roll', 'code = false\nslug = "roll')))
    assert not any(slide.code for slide in shown)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("opening", "openning", "'openning' is not a field; did you mean 'opening'"),
        ("minutes = 15", "minutes = 20", "minutes is 20; write one of 15, 30, 45"),
        ('title = "A night"', "", 'title is missing; write title = "..."'),
        ("roll-back-a", "rollback-a", "did you mean 'roll-back-a-bad-release'"),
        ('"two-cars"', '"to-cars"', "'to-cars' is no slide; did you mean 'two-cars'?; the slides"),
        ('"two-cars"', '"parameters"', "'parameters' is no slide"),
        ("cells = [", "cells.20 = [", "cells.20 is no cut; write 15, 30, 45"),
        ('after = "mistake"', 'after = "gates"', "which is no slide; write one of"),
        ('["Yes", "No"]', '["Yes"]', "write choices ="),
        ("[[polls]]", "[[poll]]", "did you mean 'polls'"),
        ("slug =", "code = 1\nslug =", "write code = false"),
        ("minutes = 15", 'minutes = 15\nquiz = "welcome"', "none of its lessons"),
        ("title =", "title", "not valid TOML"),
    ],
)
def test_a_mistake_in_a_talk_is_named_with_what_there_is(talk_file, old, new, said):
    path = talk_file(old, new)
    with pytest.raises(UserError) as caught:
        talks.slides(talks.read(path))
    assert said in str(caught.value)
    assert "a-night.toml" in str(caught.value)


def test_an_unknown_talk_lists_what_there_is():
    with pytest.raises(UserError) as caught:
        talks.read("one-way-to-deplo")
    for said in ("did you mean 'one-way-to-deploy'", "welcome", "foundations"):
        assert said in str(caught.value)


@pytest.fixture
def own_kit(tmp_path, monkeypatch):
    """A kit whose talks may be changed: its lessons are copies."""
    for folder in ("notebooks", "exercises"):
        shutil.copytree(material.root() / folder, tmp_path / folder)
    shutil.copy(material.root() / "pyproject.toml", tmp_path)
    monkeypatch.setenv("LABS_MATERIAL", str(tmp_path))
    monkeypatch.setenv("LABS_BUILD", str(tmp_path / "_build"))
    return tmp_path


@pytest.mark.parametrize("lesson", [lesson.slug for lesson in COURSE.lessons])
def test_a_new_talk_can_be_given_at_once(own_kit, capsys, lesson):
    for cut in cuts.CUTS:
        path = commands.new(f"my-{cut}", lesson, "My own", cut)
        talk = talks.read(path.stem)
        assert (talk.title, talk.minutes, len(talk.polls)) == ("My own", cut, 1)
        assert 0.8 * cut <= minutes(talk) <= cut
    with pytest.raises(UserError, match="choose another name"):
        commands.new("my-15", lesson)
    with pytest.raises(UserError, match="not a slug"):
        commands.new("My own", lesson)
    assert "labs present my-15" in capsys.readouterr().out


def change(kit, lesson, cell, old, new):
    """Exchange words in a cell of a lesson of `kit`."""
    path = kit / COURSE.lesson(lesson).path
    notebook = nbformat.read(path, as_version=4)
    (found,) = [one for one in notebook.cells if one.id == cell]
    assert old in found.source
    found.source = found.source.replace(old, new)
    nbformat.write(notebook, path)


def test_a_number_that_no_output_shows_stops_the_deck(own_kit):
    change(own_kit, "roll-back-a-bad-release", "mistake", "two lists", "17 lists")
    with pytest.raises(UserError) as caught:
        claims.hold(talks.read("when-a-model-goes-bad"))
    said = str(caught.value)
    assert "roll-back-a-bad-release, cell mistake: says 17, which no output" in said


def test_a_number_in_the_closing_words_is_a_claim_too(own_kit):
    path = talks.path() / "when-a-model-goes-bad.toml"
    path.write_text(path.read_text().replace('closing = """', 'closing = """\n- Save 4321 kr.'))
    found = list(claims.problems(talks.read("when-a-model-goes-bad")))
    assert len(found) == 1 and "closing: says 4321" in found[0]


COUNTS = """title = "T"\n[tracks.one]\ntitle = "One"\ndescription = "One."\n
[[lessons]]\nslug = "begin"\ntrack = "one"\ntitle = "Begin"\nminutes = 10\nobjectives = ["count"]
parameters = {x = 3}\n"""


@pytest.fixture
def edited_lesson(tmp_path):
    """A kit of one lesson whose output was true until somebody edited its code."""
    new = nbformat.v4
    stored = [new.new_output("stream", name="stdout", text="It is 42.\n")]
    cells = [
        new.new_markdown_cell("# Begin", id="opening"),
        new.new_code_cell("x = 1", id="given", metadata={"tags": ["parameters"]}),
        new.new_markdown_cell("## It counts", id="why"),
        new.new_code_cell('print(f"It is {41 + x + 1}.")', id="count", outputs=stored),
        new.new_markdown_cell("It is 42.", id="said", metadata={"tags": ["notes"]}),
    ]
    cells[3].metadata["labs"] = {"minutes": {"15": 9, "30": 9, "45": 9}}
    cells[0].metadata["labs"] = {"minutes": {"15": 4, "30": 9, "45": 9}}
    for number, cell in enumerate(one for one in cells if one.cell_type == "code"):
        cell.execution_count = number + 1
    (tmp_path / "notebooks" / "one").mkdir(parents=True)
    (tmp_path / "exercises").mkdir()
    (tmp_path / "exercises" / "course.toml").write_text(COUNTS)
    python = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    path = tmp_path / "notebooks" / "one" / "begin.ipynb"
    nbformat.write(new.new_notebook(cells=cells, metadata=python), path)
    shutil.copy(material.root() / "pyproject.toml", tmp_path)
    (tmp_path / "tests").mkdir()
    shutil.copy(material.root() / "tests" / "test_lessons.py", tmp_path / "tests")
    return tmp_path


def present(kit, *arguments):
    env = {**os.environ, "LABS_MATERIAL": str(kit), "LABS_BUILD": str(kit / "_build")}
    env |= {"PYTHONPATH": str(material.root()), "CI": "true"}  # no fork server stays behind
    command = [sys.executable, "-m", "labs.cli", "present", *arguments]
    return subprocess.run(command, cwd=kit, env=env, capture_output=True, text=True)


def test_a_lesson_whose_output_is_no_longer_true_stops_the_deck(edited_lesson):
    done = present(edited_lesson, "begin", "--minutes", "15")
    assert done.returncode == 1, done.stdout
    assert "changed since they last passed: begin" in done.stdout
    assert "begin, cell count" in done.stderr, done.stdout
    assert "labs refresh" in done.stderr
    assert not (edited_lesson / "_build" / "talks").exists()


def test_a_lesson_that_has_passed_is_not_run_again(edited_lesson, monkeypatch, capsys):
    monkeypatch.setenv("LABS_MATERIAL", str(edited_lesson))
    monkeypatch.setenv("LABS_BUILD", str(edited_lesson / "_build"))
    talk, lessons = talks.read("begin", 15), manifest.read().lessons
    assert claims.unproven(talk) == ["begin"]
    passed = {"nbval": "passed", "papermill": "passed", "seconds": 1.0}
    record.add({"begin": passed}, freshness.states(lessons))
    assert claims.unproven(talk) == []
    assert deck.build(talk) == edited_lesson / "_build" / "talks" / "begin-15.html"
    assert capsys.readouterr().out == ""
    path = edited_lesson / lessons[0].path
    path.write_text(path.read_text().replace("41 + x + 1", "41 + x"))
    assert claims.unproven(talk) == ["begin"]


def test_a_cell_stands_under_the_heading_before_it():
    notebook = source.lesson_notebook("roll-back-a-bad-release")
    shown = {
        s.cell.id: s.heading
        for s in talks.slides(talks.read("roll-back-a-bad-release", 45))
        if s.cell
    }
    assert shown["figure"] == "The phone rings"
    assert shown["opening"] == notebook.cells[0].source.splitlines()[0].removeprefix("# ")
