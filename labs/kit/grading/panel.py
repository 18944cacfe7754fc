"""What a reader of free texts sees: text, rubric, points, comment, and the ways on."""

from collections.abc import Callable
from typing import Any

from labs.kit import manifest
from labs.kit.errors import UserError
from labs.kit.grading import page
from labs.kit.grading.to_read import Queue, Text, asked, rubric

LONGEST = 50_000  # characters of a text that are shown
KEYS = "Keys: a figure gives points, C comment, Escape leaves it, N next, S skip, B back."


class Panel:
    """A queue as widgets; whatever it is told is on record at once."""

    def __init__(self, queue: Queue):
        import ipywidgets as ui

        self.queue, self.ui = queue, ui
        self.head, self.text, self.aside = (
            self._html("head"),
            self._html("text"),
            self._html("aside"),
        )
        self.status = self._html("status")
        self.points = ui.HBox()
        self.points.add_class("labs-read-points")
        self.comment = ui.Textarea(
            description="Comment", placeholder="for the learner; or none", continuous_update=False
        )
        self.comment.add_class("labs-read-comment")
        self.comment.observe(self._commented, "value")
        self.drafts: dict[tuple, str] = {}
        ways = [("Back", "back", "b"), ("Skip", "skip", "s"), ("Next", "next", "n")]
        self.ways = ui.HBox([self._way(*one) for one in ways])
        self.ways.add_class("labs-read-ways")
        both = ui.Box([self.text, self.aside])
        both.add_class("labs-read-both")
        keys = ui.HTML(f"<p>{KEYS} You read as {page.text(queue.reader)}.</p>")
        shown = [self.head, both, self.points, self.status, self.comment, self.ways, keys]
        self.box = ui.VBox(shown)
        self.box.add_class("labs-read")
        self._move(queue.onward)

    def _html(self, name: str) -> Any:
        made = self.ui.HTML()
        made.add_class(f"labs-read-{name}")
        return made

    def _way(self, label: str, name: str, key: str) -> Any:
        made = self.ui.Button(description=label, tooltip=f"{label} (key {key.upper()})")
        made.add_class(f"labs-read-{name}")
        made.on_click(lambda _: getattr(self, name)())
        return made

    def next(self) -> None:
        """The next text, once this one has points."""
        if self.queue.shown and not self._given:
            self._say("Give points first, or skip this text.")
            return
        self.skip()

    def skip(self) -> None:
        """The next text, whether or not this one has points."""
        self._move(self.queue.onward)

    def back(self) -> None:
        """The text before."""
        self._move(self.queue.back)

    def give(self, points: int) -> None:
        """Put points, and the comment as it stands, on record."""
        try:
            said = self.queue.give(points, self.comment.value.strip())
        except UserError as error:
            said = f"Not saved: {error}"
        self._show_points()
        self._say(f"{said} {self._left}")

    def _commented(self, change: dict) -> None:
        """A comment on points that are given is on record as soon as its field is left."""
        shown = self.queue.shown
        if shown is None or self._loading:
            return
        self.drafts[shown.key] = change["new"]
        if self._given:
            self.give(self._given.points)
        else:
            self._say("The comment is saved with the points.")

    @property
    def _given(self) -> Any:
        """The reading that counts for the text that is shown."""
        shown = self.queue.shown
        return shown.readings[-1] if shown and shown.readings else None

    @property
    def _left(self) -> str:
        count = len(self.queue.left)
        return f"{count} {'text is' if count == 1 else 'texts are'} left."

    def _say(self, words: str) -> None:
        self.status.value = f"<p>{page.text(words)}</p>"

    def _move(self, way: Callable[[], Text | None]) -> None:
        try:
            shown = way()
        except UserError as error:
            self._say(str(error))
            return
        self._loading = True
        self.comment.value = self._comment_of(shown)
        self.comment.disabled = shown is None
        self.head.value, self.text.value, self.aside.value = _shown(shown, bool(self.queue.left))
        self._loading = False
        self._show_points()
        self._say(self._left)

    def _comment_of(self, shown: Text | None) -> str:
        if shown is None:
            return ""
        return self.drafts.get(shown.key, self._given.comment if self._given else "")

    def _show_points(self) -> None:
        """Mark what was given; the buttons stay the same ones, for the sake of the focus."""
        shown, given = self.queue.shown, self._given
        of = shown.mark.points if shown else -1
        if len(self.points.children) != of + 1:
            self.points.children = [self._button(points, of) for points in range(of + 1)]
        for points, button in enumerate(self.points.children):
            is_given = given is not None and given.points == points
            button.description = f"{points} ✓" if is_given else str(points)
            button.button_style = "primary" if is_given else ""

    def _button(self, points: int, of: int) -> Any:
        made = self.ui.Button(tooltip=f"{points} of {of} points")
        made.add_class(f"labs-read-points-{points}")
        made.on_click(lambda _: self.give(points))
        return made


def _shown(one: Text | None, left: bool) -> tuple[str, str, str]:
    """Heading, text and rubric as HTML."""
    if one is None:
        again = "Those that you skipped are still there: go on with Next."
        done = "All texts are read. What learners get to see is written by: labs feedback"
        return "<h2>The end of the queue</h2>", f"<p>{again if left else done}</p>", ""
    slug, criterion, _ = one.key
    known = {each.slug: each.title for each in manifest.read().exercises}
    head = f"<p>{page.text(known.get(slug, slug))}</p><h2>{page.text(one.mark.title)}</h2>"
    if one.broken:
        text = (
            f"<p>This check broke: {page.text(one.mark.why)}</p><p>Better than points by hand: "
            "mend checks.py of the exercise, and grade again with labs grade.</p>"
        )
        return head, text, ""
    words = page.code(one.text, LONGEST) or "(nothing)"
    return head, f'<div class="labs-read-words">{words}</div>', _aside(slug, criterion)


def _aside(slug: str, criterion: str) -> str:
    rows = "".join(f"<li>{page.prose(line)}</li>" for line in rubric(slug, criterion))
    task = page.code(asked(slug, criterion), LONGEST)
    told = f"<details><summary>What was asked</summary><div>{task}</div></details>" if task else ""
    return f"<h3>Points for</h3><ul>{rows}</ul>{told}" if rows else told
