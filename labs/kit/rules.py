"""What differs from run to run or from machine to machine, and carries no meaning.

One table serves both sides of the comparison. The normaliser stores a pseudonym for
each match (`pseudonyms`), and nbval turns a fresh match and a stored pseudonym into the
same constant (`sanitising`), so that the two meet.

Left out on purpose: dates and ISO times (Norrmotor's clock is simulated, so a time is
content), hashes and their first digits, UUIDs that are made from a name, plain durations
and process numbers. A lesson that prints one of these by accident fails, as it should.
"""

import functools
import importlib.util
import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from nbformat import NotebookNode

TEXT = ("image/svg+xml", "application/javascript")  # text beside text/*, as nbval sees it
BASE64 = re.compile(r"(base64,[A-Za-z0-9+/=]+)")


def _begin(first: str, not_after: str) -> str:
    """One of the characters `first`, but not after `not_after`.

    A pattern begins with its characters, and looks back only then: so a search runs through
    the data of a picture several times as quickly.
    """
    return f"[{first}](?<![{not_after}][{first}])"


# Fragments. A pseudonym's brackets count as part of a word, or a second pass could find more.
END = r"(?![\w⟨⟩])"
STEP = r"(?:/|\\\\?)"  # one step down a path, as printed or as in a repr on Windows
NAME = r"[\w.+~-]+"  # what a folder may be called
TOP = _begin(r"/\\", r"\w.+~⟨⟩-") + r"\\?"  # where a path begins, after a drive if there is one
PATH = rf"{TOP}{NAME}+(?:{STEP}{NAME}+){{0,20}}?"  # + after +: a name is taken whole
RANDOM = r"[a-z0-9_]{8}"  # what Python's tempfile appends


@dataclass(frozen=True)
class Rule:
    """Values that match `pattern` are noise, because of `why`.

    Two values of a numbered rule are told apart by their pseudonyms; of any other, they
    are not: whether two addresses or two clocks agree is chance.
    """

    name: str
    pattern: str
    why: str
    numbered: bool = True
    form: str = "⟨{name}-{number}⟩"

    def pseudonym(self, number: int) -> str:
        """What stands for the value that was the notebook's `number`th of this rule."""
        if not self.numbered:
            return f"⟨{self.name}⟩"
        return self.form.format(name=self.name, number=number)

    @functools.cached_property
    def both(self) -> str:
        """A regular expression for a fresh value and for a stored pseudonym."""
        return rf"{self.pattern}|⟨{self.name}(?:-\d+)?⟩"


@functools.cache
def table() -> tuple[Rule, ...]:
    """The rules, in the order in which they are applied."""
    return (
        Rule(
            "cell-file",
            rf"{PATH}{STEP}ipykernel_\d+{STEP}\d+\.py{END}",
            "a cell's file is named after the kernel's process",
        ),
        Rule(
            "lesson-folder",
            rf"{PATH}{STEP}\.labs{STEP}lessons{STEP}{NAME}{STEP}run-{RANDOM}{END}",
            "a lesson gets a new folder at every run",
        ),
        Rule(
            "workspace",
            rf"{PATH}(?={STEP}\.labs{END})",
            "every learner's workspace lies elsewhere",
        ),
        Rule(
            "temporary-path",
            rf"{TOP}(?:{_temporary_roots()}){STEP}(?:tmp|{NAME}[-.]){RANDOM}{END}",
            "the system chooses temporary names at random",
        ),
        Rule(
            "random-id",
            _begin("0-9a-ft", "0-9A-Za-z⟨⟩")
            + r"(?:[0-9a-f]{7}-[0-9a-f]{4}-[1467][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
            + rf"|[0-9a-f]{{11}}4[0-9a-f]{{3}}[89ab][0-9a-f]{{15}}|(?<=t)r-[0-9a-f]{{32}}){END}",
            "UUIDs that are drawn or taken from the clock, as MLflow's run, model and trace ids",
        ),
        Rule(
            "run-name",
            rf"(?<![\w⟨⟩-]){_words()}-\d{{1,4}}(?![\w⟨⟩-])",
            "MLflow draws a name for a run that was given none",
        ),
        Rule(
            "address",
            rf"0x(?<=\bat 0x)[0-9a-fA-F]{{6,16}}{END}",
            "where an object lies in memory",
            numbered=False,
        ),
        Rule(
            "log-time",
            _begin("12", r"\w/⟨⟩")
            + r"\d{3}/\d\d/\d\d \d\d:\d\d:\d\d(?= (?:DEBUG|INFO|WARNING|ERROR|CRITICAL) )",
            "the clock at the head of MLflow's log lines",
            numbered=False,
        ),
        Rule(
            "epoch-time",
            rf"1(?:{_after_labels('1')})\d{{12}}(?![\w.⟨⟩])",
            "milliseconds that MLflow took from the computer's clock",
            numbered=False,
        ),
        Rule(
            "duration",
            _begin("0-9", r"\w.⟨⟩")
            + r"[\d.]* (?:min|[nmuµμ]?s)(?: [\d.]+ s)? ± [\d.]+ (?:min|[nmuµμ]?s)"
            + r"(?: [\d.]+ s)? per loop \(mean ± std\. dev\. of [\d,]+ runs?, [\d,]+ loops? each\)",
            "what timeit measured",
            numbered=False,
        ),
        Rule(
            "styler",
            r"""T_(?<=[#"']T_)[0-9a-f]{5}(?=[_"' ])""",
            "pandas draws an id for each styled table",
            form="T_{number:05d}",  # remains a name that CSS understands
        ),
    )


def _temporary_roots() -> str:
    """Where temporary files lie: on Linux, macOS, Windows, and as set on this machine."""
    here = Path(tempfile.gettempdir())
    return "|".join(
        (
            "(?:private/)?(?:var/)?tmp",
            r"(?:private/)?var/folders/\w+/\w+/T",
            rf"(?:{NAME}+{STEP}){{1,20}}?Temp",
            STEP.join(re.escape(part) for part in here.relative_to(here.anchor).parts),
        )
    )


def _words() -> str:
    """MLflow's words for run names; its module is loaded alone, which takes no time."""
    folder = Path(importlib.util.find_spec("mlflow").submodule_search_locations[0])
    spec = importlib.util.spec_from_file_location("_names", folder / "utils" / "name_utils.py")
    names = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(names)
    predicates, nouns = names._GENERATOR_PREDICATES, names._GENERATOR_NOUNS
    return f"(?:{'|'.join(predicates)})-(?:{'|'.join(nouns)})"


def _after_labels(first: str) -> str:
    """Looks back, over `first`, for what stands before MLflow's times: `creation_timestamp=`."""
    ends = ("=", ": ", "': ", '": ')
    return "|".join(f"(?<={word}{end}{first})" for word in ("time", "timestamp") for end in ends)


def pseudonyms(notebook: NotebookNode) -> NotebookNode:
    """Put a pseudonym for each match in the outputs; equal values get equal pseudonyms.

    They are numbered by first appearance in the notebook. Sources and the data of
    pictures are left alone.
    """
    numbers: dict[str, dict[str, int]] = {rule.name: {} for rule in table()}
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            _rewrite(output, lambda text: _outside_base64(text, numbers))
    return notebook


def _rewrite(output: NotebookNode, change: Callable[[str], str]) -> None:
    """Apply `change` to each text of `output` that nbval compares."""
    for key in ("text", "evalue"):
        if key in output:
            output[key] = change(output[key])
    data = output.get("data", {})
    for kind, value in data.items():
        if isinstance(value, str) and (kind.startswith("text/") or kind in TEXT):
            data[kind] = change(value)


def _outside_base64(text: str, numbers: dict[str, dict[str, int]]) -> str:
    parts = BASE64.split(text)
    parts[::2] = [_replaced(part, numbers) for part in parts[::2]]
    return "".join(parts)


def _replaced(text: str, numbers: dict[str, dict[str, int]]) -> str:
    for rule in table():
        text = re.sub(rule.both, lambda match, rule=rule: _name(rule, match[0], numbers), text)
    return text


def _name(rule: Rule, value: str, numbers: dict[str, dict[str, int]]) -> str:
    known = numbers[rule.name]
    return rule.pseudonym(known.setdefault(value, len(known) + 1))


def sanitising() -> str:
    """The text of a file for nbval's --nbval-sanitize-with.

    It is ASCII alone: nbval reads it in the encoding of the machine.
    """
    pairs = [(rule.pattern, f"<{rule.name}>") for rule in table()]
    names = "|".join(rule.name for rule in table())
    pairs.append((rf"⟨({names})(?:-\d+)?⟩", r"<\1>"))
    lines = [f"regex: {pattern}\nreplace: {constant}\n" for pattern, constant in pairs]
    return "\n".join(lines).encode("ascii", "backslashreplace").decode()
