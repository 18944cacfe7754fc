"""Whose a file is: by the folder it lies in, by what it says of itself, or by its name."""

import re
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from labs.kit.grading.classroom import Classroom, Learner, learner_id

MOODLE = re.compile(r"(?P<name>.+?)_(?P<number>\d+)_assignsubmission_")
CANVAS = re.compile(r"(?P<name>[^_]+)(?:_LATE)?_(?P<number>\d+)_\d+_(?P<file>.+)", re.IGNORECASE)
COPY = re.compile(r"[ _-]*(\(\d+\)|copy\d*)$", re.IGNORECASE)  # as browsers and people add
ENDINGS = re.compile(r"(\.(ipynb|json|txt|zip))+$", re.IGNORECASE)  # browsers add a second one
SUBMITTED = re.compile(r"-\d{4}-\d\d-\d\d-\d{6}(-\d+)?$")  # as `labs submit` adds
WORKSPACE = re.compile(r"^\d\d[-_ ]")  # numbers of a learner's own workspace
CLAIMS = ("inbox", "submissions", "downloads", "exercises", "notebooks")  # folders of nobody


class Roster:
    """Finds learners by whatever they are called."""

    def __init__(self, classroom: Classroom):
        self.known: dict[str, str] = {}
        for learner in classroom.learners.values():
            for name in _names(learner):
                self.known.setdefault(name, learner.id)

    def find(self, said: str) -> str:
        """The id of the learner who is called so, or empty."""
        return self.known.get(_key(said), "")

    def whose(self, place: PurePosixPath, said: str = "", slugs: Iterable[str] = ()) -> str:
        """The id of the learner whose file lies at `place` and says that it is of `said`.

        A folder that Moodle or the roster names decides; then `said`, then the file's name
        beside the exercise's, then the folder. Empty if nothing of that is a name.
        """
        lms, own = list(_from_lms(place)), _beside(place.name, slugs)
        folders = place.parts[-2::-1]
        for name in (*lms, *folders, said, own):
            if found := self.find(name):
                return found
        if self.known:
            folders = folders[:-1]  # the one that was collected is rather a week than a person
        guesses = [*lms[-1:], said, own, *(one for one in folders if _key(one) not in CLAIMS)]
        return next(filter(None, map(learner_id, guesses)), "")


def _names(learner: Learner) -> Iterator[str]:
    called = (learner.id, learner.lms_id, learner.email, learner.email.partition("@")[0])
    yield from (_key(name) for name in called if name)
    if learner.name:
        yield _key(learner.name)
        parts = learner.name.split()
        yield _key("".join([parts[-1], *parts[:-1]]))  # Canvas: lovelaceada


def _key(name: str) -> str:
    return learner_id(name) or name.strip().casefold()


def _from_lms(place: PurePosixPath) -> Iterator[str]:
    """What Moodle and Canvas put into the names of folders and files; a name comes last."""
    if match := CANVAS.fullmatch(place.name):
        yield from (match["number"], match["name"])
    for part in place.parts:
        if match := MOODLE.match(part):
            named = f"{match['name']} {match['number']}"  # Participant 17, where names are hidden
            yield from (named, named if match["name"] == "Participant" else match["name"])


def _beside(name: str, slugs: Iterable[str]) -> str:
    """What a file's name says beside the exercise: ada of ada_cost-per-row."""
    name = SUBMITTED.sub("", COPY.sub("", ENDINGS.sub("", name)))
    for slug in sorted(slugs, key=len, reverse=True):
        at = name.casefold().find(slug)
        if at >= 0:
            rest = WORKSPACE.sub("", name[:at] + name[at + len(slug) :])
            return rest.strip(" _-.")
    return name
