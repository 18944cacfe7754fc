"""`labs read`: free texts one by one, points on record at once, nobody's lost."""

import pytest
from graded_class import LETTERS, graded, letters, mark, new_class, verdict

from labs.kit.grading import reading, record
from labs.kit.grading.panel import Panel
from labs.kit.grading.to_read import Queue


@pytest.fixture
def classroom(tmp_path):
    made = new_class(tmp_path / "class")
    letters(made)
    return made


def given(classroom) -> dict[str, list[tuple]]:
    """What is on record, by learner."""
    with record.open_record(classroom) as opened:
        return {
            grade.learner: [(one.reader, one.points, one.comment) for one in grade.readings]
            for grade in opened.grades()
            if grade.readings
        }


def test_points_are_on_record_at_once_and_a_comment_when_its_field_is_left(classroom):
    panel = Panel(Queue(classroom, "Kim"))
    learner = panel.queue.shown.key[2]
    assert LETTERS[learner].split("\n")[0] in panel.text.value
    assert "4: names version" in panel.aside.value and "forty words" in panel.aside.value
    panel.points.children[3].click()
    assert given(classroom) == {learner: [("Kim", 3, "")]}
    assert "Saved: 3 of 4 points. 2 texts are left." in panel.status.value
    panel.comment.value = "Name the cause."
    assert given(classroom)[learner][-1] == ("Kim", 3, "Name the cause.")
    panel.points.children[3].click()
    assert len(given(classroom)[learner]) == 2, "what is on record is not put there again"


def test_a_reader_goes_on_back_and_skips_and_another_day_goes_on_with_the_rest(classroom):
    panel = Panel(Queue(classroom, "Kim"))
    first = panel.queue.shown.key
    panel.next()
    assert panel.queue.shown.key == first and "Give points first" in panel.status.value
    panel.comment.value = "a draft"
    panel.skip()
    assert panel.comment.value == ""
    panel.give(2)
    panel.back()
    assert panel.queue.shown.key == first and panel.comment.value == "a draft"
    panel.skip()
    panel.skip()
    assert panel.queue.shown.key == first, "what was skipped comes last"
    later = Queue(classroom, "Kim")
    assert len(later.left) == 2 and later.onward().key == first
    panel.give(4)
    panel.next()
    panel.give(0)
    panel.next()
    assert "labs feedback" in panel.text.value and not panel.points.children


def test_two_readers_share_the_queue_and_lose_nothing(classroom):
    kim, sam = Queue(classroom, "Kim"), Queue(classroom, "Sam")
    shown = kim.onward()
    while sam.onward().key != shown.key:
        pass
    assert kim.give(3, "Clear.").startswith("Saved")
    assert sam.give(1, "Short.") == (
        "Not saved: Kim gave 3 points meanwhile. Give yours once more to put them after those; "
        "the last ones count."
    )
    assert sam.give(1, "Short.").startswith("Saved")
    assert given(classroom)[shown.key[2]] == [("Kim", 3, "Clear."), ("Sam", 1, "Short.")]
    assert kim.onward().key in sam.left


def test_a_check_that_broke_comes_last_and_says_what_to_do(classroom):
    broken = mark(earned=None, outcome="broken", why="KeyError in <checks.py>")
    graded(classroom, "mary", verdict(broken, outcome="needs a person"))
    panel = Panel(Queue(classroom, "Kim"))
    for _ in range(3):
        panel.skip()
    assert "KeyError in &lt;checks.py&gt;" in panel.text.value and "labs grade" in panel.text.value


def test_nobody_is_asked_to_read_where_nothing_waits(tmp_path, capsys):
    made = new_class(tmp_path / "class")
    graded(made, "ada", verdict(mark()))
    reading.open_queue(made)
    assert capsys.readouterr().out == "MLOps, autumn: no text waits for a person.\n"
    reading.read(tmp_path)
    assert "is no class" in capsys.readouterr().out
