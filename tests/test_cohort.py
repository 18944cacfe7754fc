"""`labs class show`: who is stuck where, how long exercises take, and what most learners miss."""

import pytest
from graded_class import SLUG, graded, mark, new_class, verdict, waiting

from labs.kit.grading import cohort

APART = {"title": "Each <group> is judged on its own"}


@pytest.fixture
def classroom(tmp_path):
    """Of four: one has all points, one tries again and again, one waits, one crashed."""
    made = new_class(tmp_path / "class")
    for minute in (0, 30, 90):
        graded(made, "ada", verdict(mark(), mark("apart", 0, 2, **APART)), minute=minute)
    graded(made, "grace", verdict(mark(), mark("apart", 2, 2, **APART)))
    graded(made, "grace", verdict(mark("rows")), "cost-per-row", 17)
    graded(made, "grace", verdict(mark("rows")), "cost-per-row", 18)
    graded(made, "alan", verdict(mark(), waiting(), outcome="needs a person"), minute=5)
    crash = verdict(mark("rows", 0), outcome="crashed", why="it ended by itself")
    graded(made, "mary", crash, "cost-per-row", 500)
    return made


def test_those_who_try_in_vain_or_crash_may_need_a_hand(classroom):
    found = cohort.cohort(classroom)
    assert [(one.row.learner.id, one.row.exercise, one.why, one.tries) for one in found.stuck] == [
        ("ada", SLUG, "Each <group> is judged on its own", 3),
        ("mary", "cost-per-row", "crashed", 1),
    ]
    assert found.waiting == 1


def test_minutes_are_those_between_two_hand_ins_of_one_sitting(classroom):
    gates, rows = cohort.cohort(classroom).exercises
    assert (gates.minutes, gates.timed) == (90, 1), "ada's, from the first to the last"
    assert (rows.minutes, rows.timed) == (17, 1), "grace's; mary's are not known"


def test_results_and_the_criterion_that_most_miss_are_counted_by_learner(classroom):
    gates, rows = cohort.cohort(classroom).exercises
    assert list(gates.results.values()) == [1, 1, 1, 0, 1]
    assert (gates.worst.title, gates.worst.missed, gates.worst.judged) == (*APART.values(), 1, 2)
    assert (rows.worst.missed, rows.worst.judged) == (1, 2)


def test_the_terminal_gets_it_in_short_and_the_page_in_full(classroom, capsys):
    cohort.show(classroom)
    said = capsys.readouterr().out
    assert "MLOps, autumn: 4 learners, 5 of 8 exercises handed in, 1 answer waits" in said
    assert f"Ada Lovelace: {SLUG}, 2/4, 3 tries: Each <group> is judged on its own" in said
    page = (classroom.exports / "cohort.html").read_text(encoding="utf-8")
    assert "Each &lt;group&gt;" in page and "<group>" not in page
    assert 'aria-label="50% miss it"' in page and "cohort.html" in said


def test_an_empty_class_is_told_so(tmp_path, capsys):
    cohort.show(new_class(tmp_path / "class"))
    said = capsys.readouterr().out
    assert "4 learners, 0 of 8 exercises handed in." in said and "hand:" not in said
