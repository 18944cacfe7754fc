"""The presenter's copies of a talk's demos, in a folder of their own: never a learner's.

For each lesson there is a notebook with its demos alone, and a kernel that knows the rest of
the lesson's code (see `labs.kit.talk.kernel`). All of it is written anew at every call.
"""

import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from labs.kit import manifest, material, record
from labs.kit.normalise import dumps
from labs.kit.talk import demos, kernel, talks
from labs.kit.talk.slides import Slide
from labs.kit.talk.source import lesson_notebook
from labs.kit.warm import policy
from labs.kit.warm.use import cannot_be_warm, for_jupyterlab

NEW = nbformat.v4
ABOUT = """# {title}

The code of *{talk}*, for the presenter. Run the next cell before the talk: it runs what the
first demo needs. Each demo runs what it needs besides. If one fails, its stored output appears;
after a restart of the kernel any of them can be run again."""
HIDDEN = {"jupyter": {"source_hidden": True}}


def folder(talk: talks.Talk) -> Path:
    """Where the copies of a talk lie, and whatever its demos write."""
    return material.build_folder() / "live" / f"{talk.slug}-{talk.minutes}"


def notebook(place: int, lesson: str) -> Path:
    """The file of the talk's lesson in that place, from 1, within the folder."""
    return Path(f"{place:02d}-{lesson}.ipynb")


def lessons(every: list[demos.Demo]) -> list[str]:
    """The lessons that have demos, in the order of the talk."""
    return list(dict.fromkeys(demo.lesson for demo in every))


def write(talk: talks.Talk, into: Path | None = None) -> list[demos.Demo]:
    """Write the copies of the talk's demos into its folder, in place of what is there."""
    into = into or folder(talk)
    state = into / ".labs"
    shutil.rmtree(state / "lessons", ignore_errors=True)
    every = demos.of(talk)
    for place, lesson in enumerate(lessons(every), 1):
        own = [demo for demo in every if demo.lesson == lesson]
        plan = _text(state / "demos" / f"{lesson}.json", json.dumps(_plan(lesson, own)))
        _text(state / "kernels" / kernel_name(lesson) / "kernel.json", json.dumps(_spec(plan)))
        _text(into / notebook(place, lesson), dumps(_copy(talk, lesson, every)))
    return every


def kernel_name(lesson: str) -> str:
    """The name of the kernel that knows the lesson."""
    return f"labs-demos-{lesson}"


def environment(into: Path) -> dict[str, str]:
    """The variable that lets Jupyter find the kernels."""
    others = os.environ.get("JUPYTER_PATH", "")
    return {"JUPYTER_PATH": os.pathsep.join(filter(None, [str(into / ".labs"), others]))}


@contextmanager
def kernels(env: dict[str, str]) -> Iterator[dict[str, str]]:
    """The variables with which the copies' kernels are forked, or start the usual way."""
    if env.get(policy.KERNELS) == "cold":
        yield {}
        return
    with for_jupyterlab(env) as chosen:
        cold = {} if chosen.get(policy.SERVER) else {policy.KERNELS: "cold"}
        yield {**chosen, **cold}


def _text(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def _plan(lesson: str, own: list[demos.Demo]) -> dict:
    """What the kernel must know: the code up to the last demo, and what the demos show."""
    shown = {demo.cell.id for demo in own}
    code = demos.code_of(lesson)
    last = max(place for place, cell in enumerate(code) if cell.id in shown)
    cells = [
        {
            "id": cell.id,
            "source": cell.source,
            "demo": cell.id in shown,
            "outputs": cell.outputs if cell.id in shown else [],
        }
        for cell in code[: last + 1]
    ]
    return {"cells": cells, "verified": record.read().get(lesson, {}).get("date", "its last run")}


def _spec(plan: Path) -> dict:
    """A kernel that can be forked like any other of this environment."""
    module = kernel.__name__
    argv = ["-m", "ipykernel_launcher", "-f", "{connection_file}", f"--ext={module}"]
    provisioner = "local-provisioner" if cannot_be_warm() else policy.PROVISIONER
    return {
        "argv": [sys.executable, *argv],
        "display_name": "Demos",
        "language": "python",
        "env": {kernel.PLAN: str(plan)},
        "metadata": {"kernel_provisioner": {"provisioner_name": provisioner}},
    }


def _copy(talk: talks.Talk, lesson: str, every: list[demos.Demo]) -> NotebookNode:
    title = manifest.read().lesson(lesson).title
    first = next(demo.number for demo in every if demo.lesson == lesson)
    about = ABOUT.format(title=title, talk=talk.title)
    ready = f"# Run this before the talk: it runs what demo {first} needs."
    cells = [
        NEW.new_markdown_cell(about, id="about"),
        NEW.new_code_cell(ready, id=kernel.PREPARE),
    ]
    cells += _shown(talk, lesson, every)
    name = {"name": kernel_name(lesson), "display_name": "Demos", "language": "python"}
    return NEW.new_notebook(cells=cells, metadata={"kernelspec": name})


def _shown(talk: talks.Talk, lesson: str, every: list[demos.Demo]) -> Iterator[NotebookNode]:
    """A copy's demos and polls in the order of the slides; in the last copy the quiz, too."""
    live, current = {demo.place: demo for demo in every}, every[0].lesson
    for place, slide in enumerate(talks.slides(talk), 1):
        current = live[place].lesson if place in live else current
        if current == lesson and place in live:
            yield from _cells(live[place])
        elif current == lesson and slide.poll:
            yield _poll(slide)
    if lesson == every[-1].lesson:
        for cell in lesson_notebook(talk.quiz or talk.lessons[-1]).cells:
            if "quiz" in cell.metadata.get("tags", []):
                yield NEW.new_markdown_cell(cell.source, id="quiz")


def _poll(slide: Slide) -> NotebookNode:
    asked = ", ".join(json.dumps(text, ensure_ascii=False) for text in slide.poll.choices)
    question = json.dumps(slide.poll.question, ensure_ascii=False)
    call = f"from labs.kit.talk.polls import ask\n\nask({question}, {asked})"
    return NEW.new_code_cell(call, id=slide.name, metadata=HIDDEN)


def _cells(demo: demos.Demo) -> Iterator[NotebookNode]:
    """The heading of a demo, and its code: hidden where the slide does not show it either."""
    yield NEW.new_markdown_cell(
        f"## Demo {demo.number}: {demo.slide.heading}", id=f"heading-{demo.number}"
    )
    yield NEW.new_code_cell(
        demo.cell.source, id=demo.cell.id, metadata={} if demo.slide.code else HIDDEN
    )
