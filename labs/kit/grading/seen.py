"""What a learner may see of a mark, and the words for it. Of a hidden check: next to nothing."""

import builtins
import re
from dataclasses import replace

from labs.kit.grading.verdict import Mark

RAISED = re.compile(r"the answer raised (\w+)")
UNUSABLE = "what came back cannot be used here"
DIFFERS = "what came back is not what is asked for"
UNJUDGED = "the answer could not be judged to its end"
LIBRARY = re.compile(r"\bACTUAL\b|\bDESIRED\b|\[left\]|Not equal to tolerance|Mismatched elements")
BROKEN = "the check itself broke, not by a mistake of yours; it takes no points from you"


def learners_view(mark: Mark) -> Mark:
    """The mark as its learner may see it.

    A hidden check's data and expectations stay hidden, also where an answer sends them back
    in an error's message, in what it returns, or in what it prints.
    """
    if mark.outcome == "broken":
        return replace(mark, why=BROKEN, called="", came="", expected="", printed="")
    if mark.public:
        return mark
    return replace(mark, why=_why(mark), called="", came="", expected="", printed="")


def _why(mark: Mark) -> str:
    """What a hidden check says: its author's words, and none of the answer's."""
    if mark.outcome in ("missing", "too long"):
        return mark.why
    if mark.outcome == "wrong":
        if mark.why.startswith(UNUSABLE):
            return UNUSABLE
        return DIFFERS if LIBRARY.search(mark.why) else mark.why
    raised = RAISED.match(mark.why)
    if raised:
        known = isinstance(getattr(builtins, raised[1], None), type)
        return f"the answer raised {raised[1] if known else 'an error of its own'}"
    return "" if mark.outcome in ("right", "a person") else UNJUDGED


def said(mark: Mark) -> list[tuple[str, str]]:
    """The lines below a criterion that is not right, each with its heading."""
    if mark.outcome in ("right", "a person"):
        return []
    came = "" if mark.came and mark.why.endswith(mark.came) else mark.came  # an error, told once
    lines = [("called", mark.called), ("came back" if mark.called else "answer", came)]
    lines += [("expected", mark.expected), ("because", mark.why), ("printed", mark.printed)]
    return [(head, words) for head, words in lines if words.strip()]


def sentence(words: str) -> str:
    """Words as a sentence: with a capital, and a full stop at the end."""
    words = capital(words.strip())
    return f"{words}." if words and words[-1] not in ".!?" else words


def capital(words: str) -> str:
    """Words with a capital at their beginning."""
    return words[:1].upper() + words[1:]


def counted(number: int, noun: str) -> str:
    """A number with its noun: "1 point", "2 points"."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
