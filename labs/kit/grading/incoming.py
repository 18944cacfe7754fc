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
    changed = _now()
    try:
        changed = datetime.datetime.fromtimestamp(path.lstat().st_mtime, datetime.UTC)
        yield Incoming(place, changed, content(path))
    except Unreadable as error:
        yield Incoming(place, changed, None, str(error))
    except (OSError, OverflowError) as error:  # gone since it was listed, or dated in no year
        yield Incoming(place, changed, None, f"the file cannot be opened: {error}")


def _archive(file, place: PurePosixPath, depth: int) -> Iterator[Incoming]:
    """What is in an archive; nothing of it is written anywhere."""
    try:
        with zipfile.ZipFile(file) as archive:
            members = [one for one in archive.infolist() if not one.is_dir()]
            for member in members[:MEMBERS]:
                yield from _member(archive, member, place.with_suffix(""), depth)
            if len(members) > MEMBERS:
                why = f"it holds {len(members):,} files, of which {MEMBERS:,} were read"
                yield Incoming(place, _now(), None, why)
    except (zipfile.BadZipFile, OSError, NotImplementedError, EOFError, ValueError) as error:
        yield Incoming(place, _now(), None, f"the archive cannot be read: {error}")


def _member(archive: zipfile.ZipFile, member, place: PurePosixPath, depth: int):
    parts = [part for part in member.filename.split("/") if part not in ("", ".", "..")]
    if not parts or any(map(_is_systems, parts)):
        return
    place = place.joinpath(*parts)
    handed = _moment(member.date_time)
    try:
        with archive.open(member) as stream:
            found = stream.read(LIMIT + 1)
    except Exception as error:  # each way of packing has errors of its own
        yield Incoming(place, handed, None, f"it cannot be taken out of the archive: {error}")
        return
    if len(found) > LIMIT:
        yield Incoming(place, handed, None, f"it is larger than {LIMIT >> 20} MB")
    elif place.suffix.casefold() == ".zip" and depth > 1:
        yield from _archive(io.BytesIO(found), place, depth - 1)
    else:
        yield Incoming(place, handed, found)


def _moment(parts: tuple[int, ...]) -> datetime.datetime:
    """When a member was packed; archives made by programs hold days that there are not."""
    try:
        return datetime.datetime(*parts).astimezone(datetime.UTC)
    except (ValueError, OverflowError):
        return _now()


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)
