"""`labs class similar`: copies stand above what is merely right, and a person decides."""

import json
import sys

import pytest
from graded_class import new_class

from labs.kit import manifest
from labs.kit.errors import UserError
from labs.kit.exercise.desk import fresh_stub
from labs.kit.grading import classroom as classes
from labs.kit.grading import collect, similar

SLUG = "cost-of-a-threshold"
HEAD = "def cost(risk, failed, threshold, missed, false_alarm, caught):\n"
PETRA = """    # first the alarms </pre><script>alert(1)</script>, as in the kitchen
    total = 0.0
    for i in range(len(risk)):
        if risk[i] >= threshold:
            total += caught if failed[i] else false_alarm
        elif failed[i]:
            total += missed
    return total / len(risk)
"""
OTHERS = {
    "where": """    alarm = np.asarray(risk) >= threshold
    kr = np.where(alarm, np.where(failed, caught, false_alarm), np.where(failed, missed, 0))
    return kr.mean()
""",
    "zip": """    prices = {(True, True): caught, (True, False): false_alarm, (False, True): missed}
    pairs = zip(risk, failed)
    return sum(prices.get((r >= threshold, bool(f)), 0) for r, f in pairs) / len(risk)
""",
    "masks": """    alarm = risk >= threshold
    found = caught * (failed & alarm) + false_alarm * (~failed & alarm)
    return (missed * (failed & ~alarm) + found).mean()
""",
}


@pytest.fixture
def classroom(tmp_path):
    """Three with answers of their own, two copies of a fourth, and one who wrote nothing."""
    made = new_class(tmp_path / "class")
    with (made.folder / classes.FILE).open("a", encoding="utf-8") as file:
        file.write(f'[[assignments]]\nname = "week 2"\nexercises = ["{SLUG}"]\n')
    made = classes.open_class(made.folder)
    renamed = PETRA.replace("total", "kr").replace("[i]", "[row]").replace("for i", "for row")
    answers = OTHERS | {"petra": PETRA, "renamed": renamed, "same": PETRA, "nothing": ""}
    for learner, answer in answers.items():
        notebook = fresh_stub(manifest.read().exercise(SLUG))
        if answer:
            next(one for one in notebook.cells if one.id == "answer-cost").source = HEAD + answer
        (made.inbox / learner).mkdir()
        (made.inbox / learner / f"{SLUG}.ipynb").write_text(json.dumps(notebook))
    collect.collect(made)
    return made


def test_a_copy_with_other_names_stands_above_answers_that_are_merely_right(classroom):
    found = dict(similar.likenesses(classroom))[SLUG]
    assert found.answers == 6, "who wrote nothing is not compared"
    assert [sorted(one.learner for one in group) for group in found.same] == [["petra", "same"]]
    first, second, *_ = found.pairs
    assert {first.first.learner, first.second.learner} <= {"petra", "same", "renamed"}
    assert first.structure == 1 and first.wording > 0.3 > second.structure
    assert "def cost" not in first.first.code, "what the exercise gave them is left out"


def test_copies_are_shown_side_by_side_for_a_human_eye(classroom, capsys):
    similar.show(classroom)
    said = capsys.readouterr().out
    assert "petra and same: the same to the letter" in said and "proves nothing" in said
    page = (classroom.exports / "similar.html").read_text(encoding="utf-8")
    assert "<script" not in page and "&lt;script&gt;" in page
    assert page.count("<mark>") >= 2 and "This list proves nothing" in page


def test_without_copydetect_it_says_how_to_get_it(classroom, monkeypatch):
    monkeypatch.setitem(sys.modules, "copydetect", None)
    with pytest.raises(UserError, match=r"pip install 'mlops-labs\[similar\]'"):
        similar.show(classroom)


def test_where_nothing_can_be_compared_it_says_so(tmp_path):
    with pytest.raises(UserError, match="no two answers"):
        similar.show(new_class(tmp_path / "class"))
