"""Files that may be submissions: in folders, and in the archives that Moodle and Canvas make."""

import datetime
import io
import os
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from labs.kit.errors import UserError
from labs.kit.grading.raw import LIMIT, Unreadable, content

ENDINGS = (".ipynb", ".json")
SYSTEM = ("thumbs.db", "desktop.ini")  # files that no person made
FOLDERS = ("__macosx", "__pycache__")
MEMBERS = 5_000  # of one archive
NESTED = 2  # archives within archives


@dataclass(frozen=True)
class Incoming:
    """A file as it came: its `place` below what was collected, and its content.

    Where it could not be read `content` is None, and `why` says so.
    """

    place: PurePosixPath
    handed: datetime.datetime
    content: bytes | None
    why: str = ""


def incoming(paths: Iterable[Path]) -> Iterator[Incoming]:
    """Every file in `paths`, which are files, folders and archives; links are not followed.

    Raises UserError if one of `paths` is not there.
    """
    for path in paths:
        if not path.exists():
            raise UserError(f"{path} is not there; name a file, a folder or a .zip to collect.")
        if path.is_dir():
            for found in _walk(path):
                place = PurePosixPath(*path.resolve().parts[-1:], *found.relative_to(path).parts)
                yield from _file(found, place)
        else:
            yield from _file(path, PurePosixPath(path.name))


def _walk(folder: Path) -> Iterator[Path]:
    for where, folders, names in os.walk(folder):
        folders[:] = sorted(one for one in folders if not _is_systems(one))
        for name in sorted(names):
            if not _is_systems(name):
                yield Path(where, name)


def _is_systems(name: str) -> bool:
    return name.startswith((".", "~$")) or name.casefold() in (*SYSTEM, *FOLDERS)


def _file(path: Path, place: PurePosixPath) -> Iterator[Incoming]:
    if path.suffix.casefold() == ".zip" and not path.is_symlink():
        yield from _archive(path, place, NESTED)
        return
    changed = datetime.datetime.fromtimestamp(path.lstat().st_mtime, datetime.UTC)
    try:
        yield Incoming(place, changed, content(path))
    except Unreadable as error:
        yield Incoming(place, changed, None, str(error))


def _archive(file, place: PurePosixPath, depth: int) -> Iterator[Incoming]:
    """What is in an archive; nothing of it is written anywhere."""
    now = datetime.datetime.now(datetime.UTC)
    try:
        with zipfile.ZipFile(file) as archive:
            members = [one for one in archive.infolist() if not one.is_dir()]
            for member in members[:MEMBERS]:
                yield from _member(archive, member, place.with_suffix(""), depth)
            if len(members) > MEMBERS:
                why = f"it holds {len(members):,} files, of which {MEMBERS:,} were read"
                yield Incoming(place, now, None, why)
    except (zipfile.BadZipFile, OSError, NotImplementedError, EOFError) as error:
        yield Incoming(place, now, None, f"the archive cannot be read: {error}")


def _member(archive: zipfile.ZipFile, member, place: PurePosixPath, depth: int):
    parts = [part for part in member.filename.split("/") if part not in ("", ".", "..")]
    if not parts or any(map(_is_systems, parts)):
        return
    place = place.joinpath(*parts)
    handed = datetime.datetime(*member.date_time).astimezone(datetime.UTC)
    try:
        with archive.open(member) as stream:
            found = stream.read(LIMIT + 1)
    except (RuntimeError, zipfile.BadZipFile, NotImplementedError, OSError, EOFError) as error:
        yield Incoming(place, handed, None, f"it cannot be taken out of the archive: {error}")
        return
    if len(found) > LIMIT:
        yield Incoming(place, handed, None, f"it is larger than {LIMIT >> 20} MB")
    elif place.suffix.casefold() == ".zip" and depth > 1:
        yield from _archive(io.BytesIO(found), place, depth - 1)
    else:
        yield Incoming(place, handed, found)
