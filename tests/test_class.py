"""A class in one folder: made, assigned, and what is handed in collected once and for good."""

import datetime
import io
import json
import os
import stat
import zipfile

import pytest
from example_exercises import solution, write

from labs.cli import main
from labs.kit.errors import UserError
from labs.kit.exercise.stub import stub
from labs.kit.exercise.submit import digest
from labs.kit.grading import assignment, classroom, collect, jobs, record, submission
from labs.kit.manifest import Exercise

SLUG, SECOND = "measure-a-shift", "measure-it-again"
ANSWER = "def shift(before, after):\n    return 1.0"
MOODLE = "First name,Last name,ID number,Email address\nÅsa,Öberg,77,asa@x.se\nLi,Na,78,li@x.se\n"
CANVAS = """Student,ID,SIS User ID,SIS Login ID,Section
    Points Possible,,,,
"Öberg, Åsa",77,,asa@x.se,A
"Na, Li",78,,li@x.se,A
"Student, Test",99,,x,A
"""


@pytest.fixture(autouse=True)
def kit(tmp_path, monkeypatch):
    root = write(tmp_path / "kit", SLUG, SECOND)
    monkeypatch.setenv("LABS_MATERIAL", str(root))
    monkeypatch.delenv("LABS_CLASS", raising=False)
    return root


@pytest.fixture
def autumn(tmp_path):
    """A class without a roster, with one exercise assigned."""
    made = classroom.new(tmp_path / "autumn")
    assignment.assign(made, "Week 1", [SLUG])
    return classroom.open_class(made.folder)


@pytest.fixture
def listed(tmp_path):
    """A class with a roster of two."""
    (tmp_path / "roster.csv").write_text(MOODLE, encoding="utf-8")
    made = classroom.new(tmp_path / "listed", roster=tmp_path / "roster.csv")
    assignment.assign(made, "Week 1", [SLUG, SECOND])
    return classroom.open_class(made.folder)


def notebook(answer=ANSWER, slug=SLUG):
    """What a learner saved, as bytes."""
    mine = stub(solution(slug))
    next(cell for cell in mine.cells if cell.id == "answer-shift").source = answer
    return json.dumps(mine).encode()


def put(folder, name, content=b"", minute=0):
    """Write a file as if it was handed in at that minute."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content or notebook())
    at = datetime.datetime(2026, 11, 20, 9, minute).timestamp()
    os.utime(path, (at, at))
    return path


def handed(made):
    with record.open_record(made) as opened:
        return opened.handed()


def labs(capsys, *arguments):
    """The exit code of a command, and all that it said."""
    capsys.readouterr()
    code = main([str(one) for one in arguments])
    return code, "".join(capsys.readouterr())


def test_a_new_class_is_a_folder_with_a_secret_of_its_own(tmp_path, capsys):
    code, said = labs(capsys, "class", "new", tmp_path / "a", "--name", 'MLOps "höst"')
    made, other = classroom.open_class(tmp_path / "a"), classroom.new(tmp_path / "b")
    assert code == 0
    assert made.name == 'MLOps "höst"'
    assert len(made.secret()) == 32 != other.secret()
    assert made.secret() != other.secret()
    assert stat.S_IMODE((made.folder / "secret").stat().st_mode) == 0o600
    assert (made.folder / ".gitignore").read_text() == "*\n"
    assert made.secret().hex() not in said


def test_a_class_is_not_made_over_anything(tmp_path, capsys):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("all of it")
    code, said = labs(capsys, "class", "new", tmp_path / "full")
    assert code == 1
    assert "is not empty" in said


@pytest.mark.parametrize("table", [MOODLE, CANVAS, MOODLE.replace(",", ";")])
def test_a_roster_comes_from_moodle_or_canvas(tmp_path, table):
    (tmp_path / "roster.csv").write_text(table, encoding="utf-8-sig")
    learners = classroom.new(tmp_path / "c", roster=tmp_path / "roster.csv").learners.values()
    assert [one.name for one in learners] == ["Åsa Öberg", "Li Na"]
    assert [one.lms_id for one in learners] == ["77", "78"]
    assert [one.email for one in learners] == ["asa@x.se", "li@x.se"]


@pytest.mark.parametrize(
    ("table", "said"),
    [("a,b\n1,2\n", "neither name nor id"), ("name\nA\na\n", "'a' is there twice"), ("", "no lea")],
)
def test_a_roster_that_says_nothing_is_refused(tmp_path, table, said):
    (tmp_path / "roster.csv").write_text(table)
    with pytest.raises(UserError, match=said):
        classroom.new(tmp_path / "c", roster=tmp_path / "roster.csv")
    assert not (tmp_path / "c").exists()


def test_the_class_is_named_or_found(autumn, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    code, said = labs(capsys, "gradebook")
    assert code == 1
    assert "labs class new FOLDER" in said
    monkeypatch.setenv("LABS_CLASS", str(autumn.folder))
    assert classroom.open_class().folder == autumn.folder
    monkeypatch.delenv("LABS_CLASS")
    monkeypatch.chdir(autumn.folder)
    assert classroom.open_class().folder == autumn.folder


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("format = 2", "reads 1"),
        ("format = ", "not valid TOML"),
        ("format = 1\nrecord = 7", 'write "text"'),
        ("format = 1\nlearners = []", "write a table"),
        ("format = 1\n[learners.Ada]", "learners.ada"),
        ("format = 1\n[learners.ada]\nname = 3", 'write "text"'),
        ("format = 1\n[[assignments]]\nexercises = 3", "write a list"),
        ("format = 1\n[[assignments]]\nexercises = []", "write exercises ="),
        ("format = 1\n[[assignments]]\nexercises = ['a']\ndue = 'soon'", "write due ="),
        ("format = 1\nassignments = [3]", "write [[assignments]]"),
    ],
)
def test_a_mistake_in_the_file_is_one_sentence(autumn, capsys, line, said):
    (autumn.folder / "class.toml").write_text(line)
    code, told = labs(capsys, "gradebook", "--class", autumn.folder)
    assert code == 1
    assert said in told
    assert "class.toml" in told


def test_without_its_secret_nothing_is_drawn(autumn):
    (autumn.folder / "secret").write_text("abc")
    with pytest.raises(UserError, match="Restore it from a backup"):
        autumn.secret()


def test_an_assignment_is_added_below_what_is_there(autumn, capsys):
    file = autumn.folder / "class.toml"
    file.write_text(file.read_text() + "# a remark of the mentor's\n")
    code, said = labs(
        capsys, "assign", SECOND, "--due", "2026-12-01T17:00", "--class", autumn.folder
    )
    assert code == 0
    assert "due 2026-12-01 17:00" in said
    first, second = classroom.open_class(autumn.folder).assignments
    assert (first.name, first.exercises, first.due) == ("Week 1", (SLUG,), None)
    assert second.due == datetime.datetime(2026, 12, 1, 17).astimezone()
    assert "# a remark of the mentor's" in file.read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["measure-a-shif"], "did you mean 'measure-a-shift'"),
        ([SLUG, "--name", "Week 1"], "already"),
        ([SLUG, "--due", "tomorrow"], "write 2026-12-01T17:00"),
    ],
)
def test_what_cannot_be_assigned_is_refused(autumn, capsys, arguments, said):
    code, told = labs(capsys, "assign", *arguments, "--class", autumn.folder)
    assert code == 1
    assert said in told
    assert len(classroom.open_class(autumn.folder).assignments) == 1


def test_a_day_alone_means_its_end():
    assert assignment.moment("2026-12-01").time() == datetime.time(23, 59, 59)


def test_every_learner_draws_alone_and_always_the_same():
    secret, other = b"1" * 32, b"2" * 32
    draws = [assignment.draw(secret, one, SLUG, "checks") for one in ("ada", "li", "åsa")]
    draws += [assignment.draw(secret, "ada", SECOND, "checks")]
    draws += [
        assignment.draw(secret, "ada", SLUG, "seed"),
        assignment.draw(other, "ada", SLUG, "checks"),
    ]
    assert len(set(draws)) == 6
    assert draws[0] == assignment.draw(secret, "ada", SLUG, "checks")
    assert all(0 <= one < 2**32 for one in draws)


def test_drawn_parameters_stay_within_their_ends():
    weeks = Exercise(SLUG, "t", "T", 5, (), 1, (), drawn={"today": (12, 14), "seed": (1, 9999)})
    found = [assignment.drawn_parameters(b"1" * 32, str(one), weeks) for one in range(60)]
    assert {one["today"] for one in found} == {12, 13, 14}
    assert len({one["seed"] for one in found}) > 50


def test_a_job_sets_what_is_drawn_after_the_learner_s_own_cells(kit):
    course = kit / "exercises" / "course.toml"
    text = course.read_text().replace("{seed = 11}", "{seed = 11}\ndrawn = {seed = [100, 900]}")
    course.write_text(text)
    mine = json.loads(notebook())
    at = [cell["id"] for cell in mine["cells"]].index("parameters")
    own = {"cell_type": "code", "id": "own", "source": "seed = 1", "metadata": {}}
    mine["cells"].insert(at + 1, own)
    (answers,) = submission.from_bytes(json.dumps(mine).encode())
    job = jobs.job(b"1" * 32, "ada", answers)
    sources = [cell["source"] for cell in job.cells]
    assert 100 <= job.parameters["seed"] <= 900
    assert sources.index("seed = 1") + 1 == sources.index(f"seed = {job.parameters['seed']}")
    assert job == jobs.job(b"1" * 32, "ada", answers)
    assert job.seed != jobs.job(b"1" * 32, "li", answers).seed


def test_what_is_dropped_into_the_inbox_is_copied_once(autumn, capsys):
    put(autumn.inbox, f"ada_{SLUG}.ipynb")
    put(autumn.inbox, f"li/{SLUG}.ipynb", notebook("shift = None"))
    code, said = labs(capsys, "collect", "--class", autumn.folder)
    assert code == 0
    assert "2 new submissions of 2 learners" in said
    _, again = labs(capsys, "collect", "--class", autumn.folder)
    assert "0 new submissions" in again
    assert "2 were collected before" in again
    copies = sorted(autumn.submissions.rglob("*.ipynb"))
    assert [one.parent.name for one in copies] == ["ada", "li"]
    assert all(not one.stat().st_mode & 0o222 for one in copies)
    assert {one.submission[:12] for one in handed(autumn)} == {one.name[:12] for one in copies}


def test_the_newest_counts_whatever_the_order_of_the_files(autumn):
    put(autumn.inbox, f"a/ada/{SLUG}.ipynb", notebook("second = 2"), minute=5)
    put(autumn.inbox, f"b/ada/{SLUG}.ipynb", notebook("first = 1"), minute=1)
    collect.collect(autumn)
    first = put(autumn.inbox, f"c/ada/{SLUG}.ipynb", notebook("first = 1"), minute=1)
    collect.collect(autumn)
    with record.open_record(autumn) as opened:
        (last,) = opened.newest().values()
        assert "second = 2" in (autumn.folder / last.path).read_text()
    put(autumn.inbox, first.relative_to(autumn.inbox), notebook("first = 1"), minute=9)
    collect.collect(autumn)
    with record.open_record(autumn) as opened:
        (last,) = opened.newest().values()
        assert "first = 1" in (autumn.folder / last.path).read_text(), "handed in once more"


def test_a_damaged_copy_is_mended(autumn):
    put(autumn.inbox, f"ada_{SLUG}.ipynb")
    collect.collect(autumn)
    (copy,) = autumn.submissions.rglob("*.ipynb")
    copy.chmod(0o600)
    copy.write_text("gone")
    collect.collect(autumn)
    assert copy.read_bytes() == notebook()


def json_of(learner, slugs=(SLUG,)):
    answers = [{"cell": "answer-shift", "kind": "code", "source": ANSWER.split("\n")}]
    content = {"format": 1, "learner": learner, "written": "2026-11-20T09:00:00+00:00"}
    content["exercises"] = [{"exercise": slug, "answers": answers, "own": []} for slug in slugs]
    return json.dumps({**content, "sha256": digest(content)}).encode()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (f"åsa-öberg/{SLUG}.ipynb", None),
        (f"77/{SLUG}.ipynb", None),
        (f"asa@x.se_{SLUG}.ipynb", None),
        (f"week 1/Åsa Öberg - {SLUG} (2).ipynb", None),
        (f"A\N{COMBINING RING ABOVE}sa O\N{COMBINING DIAERESIS}berg/01-{SLUG}.ipynb", None),
        (f"Åsa Öberg_4711_assignsubmission_file_/{SLUG}.ipynb", None),
        (f"öbergåsa_LATE_77_90210_{SLUG}.ipynb", None),
        (f"öbergåsa_{SLUG}.ipynb", None),
        ("anything.json", "Åsa Öberg"),
        ("Åsa Öberg_4711_assignsubmission_file_/x.json", "åsa"),
        ("asa/x.json", "Li Na"),
    ],
)
def test_whose_it_is_comes_from_folder_content_or_name(listed, name, content):
    put(listed.inbox, name, json_of(content) if content else b"")
    done = collect.collect(listed)
    assert [one.learner for one in done.new] == ["åsa-öberg"]


def test_nobody_gets_a_file_without_a_name(listed):
    put(listed.inbox, f"{SLUG}.ipynb")
    done = collect.collect(listed)
    assert done.new == []
    assert "whose is it?" in done.remarks[0]


def test_who_is_not_on_the_roster_is_told(listed):
    put(listed.inbox, "x.json", json_of("Eve"))
    done = collect.collect(listed)
    assert [one.learner for one in done.new] == ["eve"]
    assert "not on the roster" in done.remarks[0]


def test_a_submission_that_names_somebody_else_is_told(listed):
    put(listed.inbox, "asa/x.json", json_of("Li Na"))
    assert "it says it is 'Li Na'" in collect.collect(listed).remarks[0]


def test_one_file_may_answer_several_exercises(listed):
    put(listed.inbox, "x.json", json_of("Li Na", [SLUG, SECOND, SLUG]))
    done = collect.collect(listed)
    assert [one.exercise for one in done.new] == [SLUG, SECOND]
    assert len({one.path for one in done.new}) == 1


def test_what_is_not_assigned_is_left(autumn):
    put(autumn.inbox, "x.json", json_of("Li Na", [SECOND]))
    done = collect.collect(autumn)
    assert done.new == []
    assert "is not assigned" in done.remarks[0]


def test_what_cannot_be_read_is_on_record_with_the_reason(listed):
    put(listed.inbox, f"li-na_{SLUG}.ipynb", b"{")
    put(listed.inbox, "asa/final.json", b" ")
    done = collect.collect(listed)
    found = {(one.learner, one.exercise): one.note for one in done.new if not one.readable}
    assert set(found) == {("li-na", SLUG), ("åsa-öberg", SLUG), ("åsa-öberg", SECOND)}
    assert "not valid JSON" in found["li-na", SLUG]
    assert found["åsa-öberg", SLUG] == "the file is empty"


def test_other_files_are_left_alone(autumn):
    put(autumn.inbox, "ada/notes.txt", b"to do: hand in")
    put(autumn.inbox, "ada/.ipynb_checkpoints/x.ipynb")
    put(autumn.inbox, "ada/Thumbs.db", b"x")
    put(autumn.inbox, f"ada/{SLUG}.ipynb.txt")
    done = collect.collect(autumn)
    assert [one.learner for one in done.new] == ["ada"], "a browser called a notebook a text"
    assert [one.split(":")[0] for one in done.remarks] == ["inbox/ada/notes.txt"]


def test_links_lead_nowhere(autumn):
    put(autumn.inbox, f"ada/{SLUG}.ipynb")
    (autumn.inbox / "eve").mkdir()
    (autumn.inbox / "eve" / f"{SLUG}.ipynb").symlink_to(autumn.inbox / "ada" / f"{SLUG}.ipynb")
    (autumn.inbox / "mallory").symlink_to(autumn.inbox / "ada")
    done = collect.collect(autumn)
    assert {(one.learner, one.readable, one.note) for one in done.new} == {
        ("ada", True, ""),
        ("eve", False, "the file cannot be opened: it is a link"),
    }


def test_archives_of_an_lms_are_taken_apart(autumn, tmp_path):
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr(f"work/{SLUG}.ipynb", notebook())
    with zipfile.ZipFile(tmp_path / "week 1.zip", "w") as archive:
        archive.writestr(f"Li Na_12_assignsubmission_file_/{SLUG}.ipynb", notebook())
        archive.writestr("Ada B_13_assignsubmission_file_/all.zip", inner.getvalue())
        archive.writestr(f"../../eve/{SLUG}.ipynb", notebook())
        archive.writestr("__MACOSX/._x.ipynb", b"x")
    done = collect.collect(autumn, [tmp_path / "week 1.zip"])
    assert {one.learner for one in done.new} == {"li-na", "ada-b", "eve"}
    assert all((autumn.folder / one.path).is_file() for one in done.new)
    assert not (tmp_path / "eve").exists()


def test_one_bad_member_of_an_archive_stops_nothing(autumn, tmp_path):
    path = tmp_path / "all.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"ada_{SLUG}.ipynb", notebook())
        undated = zipfile.ZipInfo(f"li_{SLUG}.ipynb", (1980, 0, 0, 0, 0, 0))
        archive.writestr(undated, notebook())
        at = archive.getinfo(f"ada_{SLUG}.ipynb").header_offset + 60
    content = bytearray(path.read_bytes())
    content[at : at + 40] = b"\xff" * 40
    path.write_bytes(content)
    done = collect.collect(autumn, [path])
    assert {one.learner: one.readable for one in done.new} == {"ada": False, "li": True}


def test_a_broken_archive_is_told(autumn):
    put(autumn.inbox, "all.zip", b"PK no")
    assert "archive cannot be read" in collect.collect(autumn).remarks[0]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["no/such/file.zip"], "is not there"), ([], "no assignment yet")],
)
def test_what_cannot_be_collected_is_one_sentence(tmp_path, autumn, capsys, arguments, said):
    empty = classroom.new(tmp_path / "empty")
    folder = autumn.folder if arguments else empty.folder
    code, told = labs(capsys, "collect", *arguments, "--class", folder)
    assert code == 1
    assert said in told
