"""`labs feedback`: what a learner reads, and what a hidden check keeps to itself."""

import re

import pytest
from graded_class import SLUG, graded, mark, new_class, verdict, waiting

from labs.kit.grading import feedback, record
from labs.kit.grading.told import OUTCOMES
from labs.kit.grading.verdict import OUTCOMES as KNOWN

CANARIES = {
    "called": "leans(CANARY-INPUT)",
    "came": "CANARY-CAME",
    "expected": "came == CANARY-EXPECTED",
    "printed": "CANARY-PRINTED",
}


@pytest.fixture
def classroom(tmp_path):
    return new_class(tmp_path / "class")


def written(classroom, learner="ada"):
    """The page and the text that this learner gets."""
    feedback.write_all(classroom)
    folder = classroom.feedback / learner
    return [(folder / f"{SLUG}{kind}").read_text(encoding="utf-8") for kind in (".html", ".md")]


def test_a_wrong_answer_is_told_call_answer_expectation_and_reason(classroom):
    wrong = mark(
        earned=0,
        called="leans([1, 2], [3, 4], ['a', 'a'])",
        came="{'a': 0.5}",
        expected="abs(came['a'] - 0.2) < 1e-6",
        why="the middle of `ratio` is 1.2",
        printed="half way\r100 %\x1b[32m done\x1b[0m\n",
    )
    graded(classroom, "ada", verdict(wrong, mark("apart")))
    page, text = written(classroom)
    for said in ("2 of 4 points", "leans([1, 2]", "1e-6", "100 % done", "Ada Lovelace"):
        assert said in page.replace("&lt;", "<") and said in text
    assert "<code>ratio</code>" in page and "`ratio`" in text
    assert "half way" not in page + text, "a progress bar is shown as it ended"
    assert "Begin with: The lean is taken from the middle." in page


def test_an_error_is_told_once(classroom):
    raised = {
        "outcome": "failed",
        "came": "KeyError: 'x'",
        "why": "the answer raised KeyError: 'x'",
    }
    graded(classroom, "ada", verdict(mark(earned=0, called="leans()", **raised)))
    for content in written(classroom):
        assert content.count("KeyError") == 1


@pytest.mark.parametrize(
    ("outcome", "why", "shown"),
    [
        ("wrong", "a shift must be flagged", "a shift must be flagged"),
        ("wrong", "Arrays are not equal ACTUAL: 1 DESIRED: CANARY", "not what is asked for"),
        ("wrong", "what came back cannot be used here (ValueError: CANARY)", "cannot be used here"),
        ("failed", "the answer raised ValueError: CANARY", "the answer raised ValueError"),
        ("failed", "the answer raised CANARY: 7", "raised an error of its own"),
        ("too long", "it did not end within 10 seconds", "within 10 seconds"),
        ("broken", "KeyError in line 7: assert CANARY", "not by a mistake of yours"),
        ("crashed", "while it ran leans(CANARY)", "could not be judged to its end"),
    ],
)
def test_of_a_hidden_check_only_its_title_and_message_are_told(classroom, outcome, why, shown):
    earned = None if outcome == "broken" else 0
    graded(
        classroom,
        "ada",
        verdict(mark(earned=earned, public=False, outcome=outcome, why=why, **CANARIES)),
    )
    for content in written(classroom):
        assert "CANARY" not in content
        assert shown in content and "The lean is taken from the middle" in content


def test_what_an_answer_says_is_never_markup(classroom):
    evil = "<script>alert(1)</script> \u202e ```\n````\n# [x](javascript:alert(1)) \ud800"
    marks = mark(earned=0, called="f()", came=evil, why=evil), waiting()
    texts = {"explains_the_refusal": evil}
    graded(classroom, "ada", verdict(*marks, texts=texts, printed=evil, errors=(evil,)))
    page, text = written(classroom)
    assert "<script" not in page and "default-src 'none'" in page
    prose = re.sub(r"(?ms)^(`{3,})text\n.*?^\1\n", "", text)
    assert "<script" not in prose and "[x](" not in prose
    assert "\u202e" not in page + text


def test_points_of_a_person_come_with_their_comment(classroom):
    number = graded(
        classroom,
        "ada",
        verdict(
            mark(),
            waiting(),
            outcome="needs a person",
            texts={"explains_the_refusal": "Dear colleagues"},
        ),
    )
    page, text = written(classroom)
    for content in (page, text):
        assert "2 of 6 points so far" in content and "Up to 4 points can still be added" in content
        assert "A person has not read your text yet" in content
    with record.open_record(classroom) as opened:
        opened.read(number, "explains_the_refusal", 3, "Name the <cause>.", "Kim")
    page, text = written(classroom)
    for content in (page, text):
        assert "5 of 6 points" in content and "so far" not in content
        assert "Kim writes" in content and "Dear colleagues" in content
    assert "Name the &lt;cause&gt;." in page and "Name the <cause>." in text


def test_every_outcome_has_words(classroom):
    assert set(OUTCOMES) == set(KNOWN)
    for outcome in ("unreadable", "crashed", "out of memory", "timed out", "failed"):
        why = "the file is empty" if outcome == "unreadable" else "a hidden one: CANARY"
        found = verdict(mark(earned=0), outcome=outcome, why=why, errors=("cell 3 of 9",))
        graded(classroom, "ada", found)
        for content in written(classroom):
            assert OUTCOMES[outcome] in content and "cell 3 of 9" in content
            assert ("The file is empty." in content) == (outcome == "unreadable")
            assert ("Not graded yet" in content) == (outcome == "unreadable")
            assert ("0 of 2 points" in content) == (outcome != "unreadable")
            assert "CANARY" not in content
