"""A course of one lesson that is a talk, whose demos take no time."""

from pathlib import Path

import nbformat

NEW = nbformat.v4
COURSE = """
title = "Sums"

[tracks.sums]
title = "Sums"
description = "Adding up."

[[lessons]]
slug = "add-numbers"
track = "sums"
title = "Add numbers"
minutes = 15
objectives = ["add numbers"]
"""
OPENING = (
    "# Add numbers\n\n**What you'll do**: add.\n\n**What you'll learn**\n- to add\n\n"
    "**What you'll need**: numbers.\n\n**Time**: 15 minutes"
)
ANSWERS = "\n".join(
    f"<details><summary>{answer}</summary>\n\n{'Right' if answer == 3 else 'No'}. One and two "
    "are three.\n\n</details>"
    for answer in (2, 3, 4)
)
SLIDER = """from ipywidgets import IntSlider

from labs.kit.display import explore

explore(lambda more: f"<p>The sum is {sum(numbers) + more}.</p>", more=IntSlider(1, 0, 9))"""


def slide(name: str, source: str, stored: str = "", minutes: float = 1.0) -> list:
    """A code cell that is a slide of the shortest cut, with what it printed, and its notes."""
    outputs = [NEW.new_output("stream", name="stdout", text=stored)] if stored else []
    shown = {"labs": {"minutes": {"15": minutes}}}
    return [
        NEW.new_markdown_cell("A sentence.", id=f"before-{name}"),
        NEW.new_code_cell(source, id=name, outputs=outputs, execution_count=1, metadata=shown),
        NEW.new_markdown_cell(
            "Say it. Fallback: the sum. Ask.", id=f"say-{name}", metadata={"tags": ["notes"]}
        ),
    ]


def write(material: Path, *demos: list) -> None:
    """The course in the folder `material`; the lesson's first code cell is no slide."""
    rest = 12 - sum(cell.metadata["labs"]["minutes"]["15"] for _, cell, _ in demos)
    cells = [
        NEW.new_markdown_cell(OPENING, id="opening", metadata={"labs": {"minutes": {"15": rest}}}),
        NEW.new_markdown_cell("Welcome.", id="say-opening", metadata={"tags": ["notes"]}),
        NEW.new_code_cell("numbers = [1, 2]\nnumbers", id="numbers", execution_count=1),
        *(cell for demo in demos for cell in demo),
        NEW.new_markdown_cell(
            f"**1. What is one and two?**\n\n{ANSWERS}", id="quiz", metadata={"tags": ["quiz"]}
        ),
    ]
    for name in ("notebooks/sums", "notebooks/talks", "exercises", "book"):
        (material / name).mkdir(parents=True, exist_ok=True)
    (material / "exercises" / "course.toml").write_text(COURSE, encoding="utf-8")
    nbformat.write(
        NEW.new_notebook(cells=cells), material / "notebooks" / "sums" / "add-numbers.ipynb"
    )


TALK = """
title = "Sums for everyone"
audience = "everyone"
minutes = 15
opening = "What did you last add up?"

[[lessons]]
slug = "add-numbers"

[[polls]]
question = "Who adds by hand?"
choices = ["I do", "Nobody"]
after = "adds"
"""


def write_talk(material: Path, *demos: list) -> None:
    """The course, and a talk with a poll, which is called sums."""
    write(material, *demos)
    (material / "notebooks" / "talks" / "sums.toml").write_text(TALK, encoding="utf-8")
