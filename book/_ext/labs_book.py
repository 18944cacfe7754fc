"""The book's own Sphinx extension: lesson headers, and pages made from the kit itself.

Thin on purpose: what it shows comes from `labs.kit.manifest`, the record of
`labs test` and the parser of the command line.
"""

import argparse
import html
import importlib.util
import json
import posixpath
import re
from pathlib import Path

from docutils import nodes
from sphinx.util.docutils import SphinxDirective
from sphinx.util.fileutil import copy_asset

from labs.kit import book, manifest, material

HERE = Path(__file__).resolve().parent
MATHJAX = ("tex-mml-chtml.js", "output/chtml", "input/tex/extensions", "a11y", "sre")
PRESENTER_ONLY = {"notes", "skip-book"}
HEADER = """<div class="labs-lesson">
<p class="labs-facts">{facts}</p>
<div class="labs-actions">
<a class="labs-open" data-path="{path}" target="labs-lesson" hidden>Open this lesson</a>
<span class="labs-command">Open it with <code>labs open {slug}</code>
<button type="button" hidden>Copy</button> <span role="status"></span></span>
<a class="labs-download" href="{source}" download="{slug}.ipynb">Download notebook</a>
</div></div>
"""


def setup(app) -> dict:
    """Register the directives and the steps of the build that the lessons pass through."""
    app.add_directive("labs-course", CourseMap)
    app.add_directive("labs-track", TrackMap)
    app.add_directive("labs-exercises", ExerciseMap)
    app.add_directive("labs-verified", LastVerified)
    app.add_directive("labs-cli", CommandLine)
    app.connect("config-inited", add_browser_files)
    app.connect("source-read", drop_presenter_cells)
    app.connect("doctree-resolved", add_lesson_header)
    app.connect("build-finished", copy_mathjax)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def add_browser_files(app, config) -> None:
    """Serve the book's own scripts and styles from `_static`."""
    config.html_static_path = [str(HERE.parent / "_web")]


def copy_mathjax(app, problem) -> None:
    """Copy the parts of MathJax that pages can ask for, from its wheel."""
    if problem is None:
        wheel = importlib.util.find_spec("sphinx-mathjax-offline").submodule_search_locations[0]
        for part in MATHJAX:
            target = Path(app.outdir, "_static", "mathjax", part)
            folder = target.parent if target.suffix else target
            copy_asset(str(Path(wheel, "static", "mathjax", part)), str(folder))


def drop_presenter_cells(app, docname: str, source: list[str]) -> None:
    """Leave out of a lesson the cells that only a presenter, or only the notebook, needs."""
    if not docname.startswith("notebooks/"):
        return
    notebook = json.loads(source[0])
    notebook["cells"] = [cell for cell in notebook["cells"] if not _is_presenter_only(cell)]
    source[0] = json.dumps(notebook)


def _is_presenter_only(cell: dict) -> bool:
    metadata = cell.get("metadata", {})
    slide = metadata.get("slideshow", {}).get("slide_type")
    return slide == "notes" or bool(PRESENTER_ONLY & set(metadata.get("tags", [])))


def add_lesson_header(app, doctree, docname: str) -> None:
    """Put track, minutes, needs and the two buttons below a lesson's title."""
    course = manifest.read()
    for lesson in course.lessons:
        if book.page_of(lesson) == docname:
            header = nodes.raw("", _header(app, course, lesson), format="html")
            next(doctree.findall(nodes.section)).insert(1, header)


def _header(app, course: manifest.Course, lesson: manifest.Lesson) -> str:
    docname = book.page_of(lesson)
    track = next(track for track in course.tracks if track.slug == lesson.track)
    facts = [html.escape(track.title), f"{lesson.minutes} minutes"]
    if lesson.needs:
        facts.append("after " + ", ".join(_link(app, course, docname, n) for n in lesson.needs))
    return HEADER.format(
        facts=" &middot; ".join(facts),
        path=course.workspace_path(lesson).as_posix(),
        slug=lesson.slug,
        source=posixpath.relpath(f"_sources/{docname}.ipynb", posixpath.dirname(docname)),
    )


def _link(app, course: manifest.Course, docname: str, slug: str) -> str:
    needed = course.lesson(slug)
    address = app.builder.get_relative_uri(docname, book.page_of(needed))
    return f'<a href="{address}">{html.escape(needed.title)}</a>'


class _Made(SphinxDirective):
    """A directive whose content is Markdown made by `text`."""

    def run(self) -> list[nodes.Node]:
        return self.parse_text_to_nodes(self.text(), allow_section_headings=True)

    def text(self) -> str:
        raise NotImplementedError


class CourseMap(_Made):
    """`{labs-course}`: tracks and lessons, with minutes and objectives."""

    def text(self) -> str:
        """A heading for each track that has lessons, and a list below it."""
        course = manifest.read()
        return "\n".join(_track(course, track) for track in course.tracks)


def _track(course: manifest.Course, track: manifest.Track) -> str:
    lessons = course.in_track(track)
    if not lessons:
        return ""
    minutes = sum(lesson.minutes for lesson in lessons)
    return f"## {_plain(track.title)}\n\n{_plain(track.description)} {minutes} minutes.\n\n" + (
        "\n".join(_lesson(lesson) for lesson in lessons)
    )


class TrackMap(_Made):
    """`{labs-track} SLUG`: the lessons of one track, and the time they take."""

    required_arguments = 1

    def text(self) -> str:
        """A numbered list, each lesson with what it enables and what comes before it."""
        course = manifest.read()
        (track,) = (track for track in course.tracks if track.slug == self.arguments[0])
        lessons = course.in_track(track)
        minutes = sum(lesson.minutes for lesson in lessons)
        said = (
            f"## The lessons\n\n{len(lessons)} lessons, {minutes} minutes in all, in this order.\n"
        )
        return "\n".join([said, *(f"1. {_step(course, lesson)}" for lesson in lessons)])


def _step(course: manifest.Course, lesson: manifest.Lesson) -> str:
    link = f"[{_plain(lesson.title)}](/{lesson.path.as_posix()})"
    before = ", ".join(f"*{_plain(course.lesson(need).title)}*" for need in lesson.needs)
    after = f"; after {before}" if before else ""
    objectives = "; ".join(_plain(objective) for objective in lesson.objectives)
    return f"{link}, {lesson.minutes} minutes{after}. You can then {objectives}."


def _lesson(lesson: manifest.Lesson) -> str:
    objectives = "".join(f"  - {_plain(objective)}\n" for objective in lesson.objectives)
    link = f"[{_plain(lesson.title)}](/{lesson.path.as_posix()})"
    return f"- {link}, {lesson.minutes} minutes. Afterwards you can\n{objectives}"


class ExerciseMap(_Made):
    """`{labs-exercises}`: the exercises of each track, with minutes and the command."""

    def text(self) -> str:
        """A heading for each track that has exercises, and a list below it."""
        course = manifest.read()
        return "\n".join(_exercises(course, track) for track in course.tracks)


def _exercises(course: manifest.Course, track: manifest.Track) -> str:
    ours = [exercise for exercise in course.exercises if exercise.track == track.slug]
    if not ours:
        return ""
    return f"## {_plain(track.title)}\n\n" + "\n".join(_exercise(course, one) for one in ours)


def _exercise(course: manifest.Course, exercise: manifest.Exercise) -> str:
    lessons = [course.lesson(need) for need in exercise.needs]
    links = ", ".join(f"[{_plain(one.title)}](/{one.path.as_posix()})" for one in lessons)
    after = f" After {links}." if links else ""
    objectives = "".join(f"  - {_plain(objective)}\n" for objective in exercise.objectives)
    return (
        f"- **{_plain(exercise.title)}**, {exercise.minutes} minutes, {exercise.points} points: "
        f"`labs open {exercise.slug}`.{after} You practise to\n{objectives}"
    )


class LastVerified(_Made):
    """`{labs-verified}`: each lesson's last run as a test, with its versions."""

    def text(self) -> str:
        """The table, or what is true when there is no record."""
        path = material.build_folder() / "verified.json"
        self.env.note_dependency(str(path))
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return (
                "The lessons have **not been verified on this machine yet**. "
                "Run `labs test`, then `labs book`."
            )
        return f"{_runs(record)}\n\n{_versions(record)}"


def _runs(record: dict) -> str:
    rows = ["| Lesson | Date | nbval | papermill | Seconds |", "|---|---|---|---|--:|"]
    for lesson in manifest.read().lessons:
        run = record.get(lesson.slug, {})
        date = run.get("date", "never verified here")
        cells = [date, *(run.get(key, "–") for key in ("nbval", "papermill", "seconds"))]
        link = f"[{_plain(lesson.title)}](/{lesson.path.as_posix()})"
        rows.append(f"| {link} | {' | '.join(str(cell) for cell in cells)} |")
    return "\n".join(rows)


def _versions(record: dict) -> str:
    """One paragraph for each environment, newest first, with the lessons that ran in it."""
    used: dict[str, list[str]] = {}
    for lesson in manifest.read().lessons:
        if run := record.get(lesson.slug):
            packages = ", ".join(f"{name} {version}" for name, version in run["packages"].items())
            where = f"Python {run['python']} on {run['platform']}, with {packages}"
            used.setdefault(_plain(where), []).append(_plain(lesson.title))
    return "\n".join(f"{where}\n: {'; '.join(lessons)}\n" for where, lessons in used.items())


class CommandLine(_Made):
    """`{labs-cli}`: every command, from the parser that reads the command line."""

    def text(self) -> str:
        """A heading, a usage line and the options of each command."""
        from labs import cli

        return "\n".join(_command(parser, help_) for parser, help_ in _commands(cli.parser()))


def _commands(parser: argparse.ArgumentParser) -> list[tuple[argparse.ArgumentParser, str]]:
    """The commands at the ends of the tree of `parser`, each with its one-line help."""
    found = []
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            helps = {choice.dest: choice.help for choice in action._choices_actions}
            for name, command in action.choices.items():
                found += _commands(command) or [(command, helps.get(name) or "")]
    return found


def _command(parser: argparse.ArgumentParser, help_: str) -> str:
    said = _plain(parser.description or help_)
    usage = parser.format_usage().removeprefix("usage: ")
    lines = [f"## {parser.prog}\n", f"{said}\n", f"```text\n{usage}```\n"]
    formatter = parser._get_formatter()
    for action in parser._actions:
        if action.help != argparse.SUPPRESS and action.dest != "help":
            name = formatter._format_action_invocation(action)
            text = formatter._expand_help(action) if action.help else ""
            lines.append(f"`{name}`\n: {_plain(text)}\n")
    return "\n".join(lines)


def _plain(text: str) -> str:
    """`text` with everything that Markdown would take for markup escaped."""
    return re.sub(r"([\\`*_{}\[\]<>|$#])", r"\\\1", text)
