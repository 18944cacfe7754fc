"""The gradebook says where each learner stands, and is read by Moodle, Canvas and spreadsheets."""

import csv
import datetime

import pytest
from example_exercises import write

from labs.cli import main
from labs.kit.grading import assignment, classroom, exports, gradebook, record
from labs.kit.grading.verdict import Mark, Verdict

SLUG, SECOND = "measure-a-shift", "measure-it-again"
DUE = datetime.datetime(2026, 11, 20, 17, tzinfo=datetime.UTC)
HOUR = datetime.timedelta(hours=1)
ROSTER = "Name,Email,ID\nAda Lovelace,ada@x.se,77\nGrace Hopper,grace@x.se,78\nLi,li@x.se,79\n"
CODE = Mark("sees_a_move", "A move", "shift", 3, 3, True, False, "right")
WORDS = Mark("says_why", "Says why", "shift", 1, None, True, True, "a person")


def verdict(outcome="graded", earned=4):
    mark = Mark("sees_a_move", "A move", "shift", 4, earned, True, False, "right")
    return Verdict(outcome, marks=(mark,), tier="namespaces")


WAITS = Verdict("needs a person", marks=(CODE, WORDS), texts={"says_why": "so"})


@pytest.fixture(autouse=True)
def kit(tmp_path, monkeypatch):
    root = write(tmp_path / "kit", SLUG, SECOND)
    monkeypatch.setenv("LABS_MATERIAL", str(root))
    return root


@pytest.fixture
def autumn(tmp_path):
    """A class of three, with two exercises in two weeks, nothing handed in."""
    (tmp_path / "roster.csv").write_text(ROSTER)
    made = classroom.new(tmp_path / "autumn", roster=tmp_path / "roster.csv")
    assignment.assign(made, "Week 1", [SLUG], DUE)
    assignment.assign(classroom.open_class(made.folder), "Week 2", [SECOND])
    return classroom.open_class(made.folder)


def graded(made, learner, given=None, slug=SLUG, at=DUE):
    """Hand something in, and grade it if a verdict is `given`."""
    facts = {"learner": learner, "exercise": slug, "submission": f"{learner}{at}"}
    facts["assignment"] = made.assignment_of(slug).name
    with record.open_record(made) as opened:
        opened.hand_in(path="", handed=at, readable=True, note="", **facts)
        return opened.add(verdict=given, **facts) if given else None


@pytest.fixture
def busy(autumn):
    """One is done, one waits for a person and was late, one has only handed in."""
    graded(autumn, "ada-lovelace", verdict())
    graded(autumn, "ada-lovelace", verdict("failed", 2), SECOND)
    graded(autumn, "grace-hopper", WAITS, at=DUE + HOUR)
    graded(autumn, "li")
    return autumn


def by_learner(made):
    return {(row.learner.id, row.exercise): row for row in gradebook.standing(made)}


def exported(made, layout, **options):
    """The lines of an export, and how many points were left out."""
    path, left = exports.export(made, gradebook.standing(made), layout, **options)
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file)), left


def test_every_learner_stands_somewhere_with_every_exercise(busy):
    found = by_learner(busy)
    assert len(found) == 6
    ada, grace = found["ada-lovelace", SLUG], found["grace-hopper", SLUG]
    assert (ada.outcome, ada.earned, ada.possible, ada.late) == ("graded", 4, 4, False)
    assert (grace.outcome, grace.earned, grace.final, grace.late) == (
        "needs a person",
        3,
        None,
        True,
    )
    assert found["li", SLUG].outcome == gradebook.UNGRADED
    assert found["li", SECOND].outcome == gradebook.NOTHING
    assert found["li", SECOND].possible == 4


def test_a_person_s_points_reach_the_gradebook(busy):
    with record.open_record(busy) as opened:
        number = by_learner(busy)["grace-hopper", SLUG].grade
        opened.read(number, "says_why", 1, "", "Elin")
    grace = by_learner(busy)["grace-hopper", SLUG]
    assert (grace.outcome, grace.final) == ("graded", 4)


def test_who_is_not_on_the_roster_has_a_row(busy):
    graded(busy, "eve", verdict())
    assert by_learner(busy)["eve", SLUG].earned == 4


def test_the_command_shows_a_table(busy, capsys):
    assert main(["gradebook", "--class", str(busy.folder)]) == 0
    said = capsys.readouterr().out
    lines = {line.split("  ")[0]: line.split() for line in said.splitlines()}
    assert lines["Ada Lovelace"][2:] == ["4/4", "2/4", "6/8"]
    assert lines["Grace Hopper"][2:] == ["3/4~*", "-", "3/8"]
    assert lines["Li"][1:] == ["?", "-", "0/8"]
    assert "~ a person has to read yet, * handed in late" in said


def test_one_assignment_alone_can_be_shown(busy, capsys):
    assert main(["gradebook", "--class", str(busy.folder), "--assignment", "Week 2"]) == 0
    assert SLUG not in capsys.readouterr().out
    assert main(["gradebook", "--class", str(busy.folder), "--assignment", "Wek 2"]) == 1
    assert "did you mean 'Week 2'" in capsys.readouterr().err


def test_moodle_gets_its_columns(busy):
    lines, left = exported(busy, "moodle")
    assert lines == [
        [
            *("First name", "Last name", "ID number", "Institution", "Department"),
            *("Email address", "Week 1 (Real)", "Week 2 (Real)"),
        ],
        ["Ada", "Lovelace", "77", "", "", "ada@x.se", "4", "2"],
        ["Grace", "Hopper", "78", "", "", "grace@x.se", "", ""],
        ["Li", "", "79", "", "", "li@x.se", "", ""],
    ]
    assert left == 1


def test_canvas_gets_its_columns_and_what_can_be_had(busy):
    lines, _ = exported(busy, "canvas")
    assert lines == [
        ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "Week 1", "Week 2"],
        ["    Points Possible", "", "", "", "", "4", "4"],
        ["Lovelace, Ada", "77", "", "ada@x.se", "", "4", "2"],
        ["Hopper, Grace", "78", "", "grace@x.se", "", "", ""],
        ["Li", "79", "", "li@x.se", "", "", ""],
    ]


def test_points_so_far_only_if_they_are_asked_for(busy):
    lines, _ = exported(busy, "moodle", provisional=True)
    assert [line[6:] for line in lines[1:]] == [["4", "2"], ["3", ""], ["", ""]]


def test_an_assignment_of_two_exercises_is_their_sum(autumn):
    both = assignment.assign(autumn, "Both", [SLUG, SECOND])
    made = classroom.open_class(autumn.folder)
    graded(made, "ada-lovelace", verdict())
    graded(made, "grace-hopper", verdict())
    graded(made, "grace-hopper", WAITS, SECOND)
    lines, _ = exported(made, "moodle")
    assert lines[0][6:] == [f"{both.name} (Real)"]
    assert [line[6] for line in lines[1:]] == ["4", "", ""], "what was not handed in is nothing"
    lines, _ = exported(made, "moodle", each=True)
    assert lines[0][6:] == [f"{SLUG} (Real)", f"{SECOND} (Real)"], "their titles are the same"
    assert lines[2][6:] == ["4", ""]


def test_what_could_not_be_read_is_no_silent_zero(autumn):
    graded(autumn, "ada-lovelace", verdict("unreadable", 0))
    lines, left = exported(autumn, "canvas")
    assert (lines[2][5], left) == ("", 1)
    assert "0/4!" in gradebook.table(gradebook.standing(autumn))


def test_all_that_is_known_goes_into_one_table(busy):
    lines, _ = exported(busy, "csv")
    first = dict(zip(lines[0], lines[1], strict=True))
    assert len(lines) == 7
    assert first["learner"] == "ada-lovelace"
    assert first["handed_in"] == "2026-11-20T17:00:00+00:00"
    assert (first["points"], first["possible"], first["late"]) == ("4", "4", "no")
    third = dict(zip(lines[0], lines[3], strict=True))
    assert (third["points"], third["waits_for_a_person"]) == ("", "yes")


def test_a_name_is_no_formula(autumn, tmp_path):
    file = autumn.folder / "class.toml"
    file.write_text(file.read_text() + '\n[learners.eve]\nname = "=HYPERLINK(1)"\nlms_id = "@x"\n')
    lines, _ = exported(classroom.open_class(autumn.folder), "csv")
    assert lines[-1][1::2][:2] == ["'=HYPERLINK(1)", "'@x"]


def test_the_command_writes_a_file_and_says_what_is_left_out(busy, capsys):
    assert main(["gradebook", "--export", "moodle", "--class", str(busy.folder)]) == 0
    said = capsys.readouterr().out
    assert str(busy.exports / "moodle.csv") in said
    assert "1 submission left out" in said
