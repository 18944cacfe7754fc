"""A class with grades on record, as its mentor finds it after a night of grading."""

import datetime
from pathlib import Path

from labs.kit.grading import classroom, record
from labs.kit.grading.verdict import Mark, Verdict

SLUG = "pass-the-gates"
GATE = "write a gate that judges each group of cars on its own"
RECORD = "promote what passes, refuse what does not, and leave a record of both"
LETTER = "tell colleagues why their version was refused, and what would let it pass"
LETTERS = {
    "ada": "Dear colleagues in Lund, your version 2 was refused: its quotes in the south are a "
    "fifth below the prices.\n\n- compare the prices with the invoices\n- train again",
    "grace": "Dear team, the gate failed.",
    "alan": "Your mean error is smaller, but an average over all cars hides the south.",
}
ROSTER = {"ada": "Ada Lovelace", "grace": "Grace Hopper", "alan": "Alan Turing", "mary": "Mary"}


def mark(criterion="middle", earned: int | None = 2, points=2, **other) -> Mark:
    """One criterion, right unless said otherwise."""
    facts = {"title": "The lean is taken from the middle", "objective": GATE, "public": True}
    facts |= {"by_hand": False, "outcome": "right" if earned == points else "wrong", **other}
    return Mark(criterion, points=points, earned=earned, **facts)


def waiting(**other) -> Mark:
    """The letter, which a person reads."""
    facts = {"title": "The letter explains the refusal", "objective": LETTER, "by_hand": True}
    return mark("explains_the_refusal", None, 4, outcome="a person", **{**facts, **other})


def verdict(*marks: Mark, outcome="graded", **other) -> Verdict:
    """How it went, on a machine with a sandbox."""
    return Verdict(outcome, marks=marks, tier="bubblewrap and Landlock", **other)


def new_class(folder: Path) -> classroom.Classroom:
    """An empty class of four."""
    made = classroom.new(folder, "MLOps, autumn")
    learners = "".join(f'[learners.{one}]\nname = "{name}"\n' for one, name in ROSTER.items())
    with (made.folder / classroom.FILE).open("a", encoding="utf-8") as file:
        file.write(learners)
        file.write(f'[[assignments]]\nname = "week 1"\nexercises = ["{SLUG}", "cost-per-row"]\n')
    return classroom.open_class(folder)


def graded(made, learner: str, given: Verdict, slug: str = SLUG, minute: int = 0) -> int:
    """Put a submission and its grade on record; the grade's id."""
    content = record.sha256(learner, slug, str(minute))
    handed = datetime.datetime(2026, 11, 20, 9, tzinfo=datetime.UTC)
    handed += datetime.timedelta(minutes=minute)
    facts = {"learner": learner, "exercise": slug, "submission": content, "assignment": "week 1"}
    with record.open_record(made) as opened:
        opened.hand_in(path="submissions/not-there", handed=handed, readable=True, note="", **facts)
        return opened.add(verdict=given, **facts)


def letters(made) -> None:
    """Three learners whose letters wait for a person."""
    for learner, letter in LETTERS.items():
        found = verdict(
            mark(), waiting(), outcome="needs a person", texts={"explains_the_refusal": letter}
        )
        graded(made, learner, found)
