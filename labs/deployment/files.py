"""Files that are whole or absent, whatever happens while they are written."""

import errno
import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

FULL = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}


def write_whole(path: Path, write: Callable[[IO[bytes]], Any]) -> None:
    """Let `write` fill a file that appears at `path` once it is whole and on disk."""
    half = path.with_name(f"{path.name}.half")
    try:
        with open(half, "wb") as stream:
            write(stream)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(half, path)
    except BaseException:
        half.unlink(missing_ok=True)
        raise


def write_json(path: Path, record: dict) -> None:
    """Write `record` as readable JSON, whole."""
    text = json.dumps(record, indent=2, sort_keys=True) + "\n"
    write_whole(path, lambda stream: stream.write(text.encode()))


def read_json(path: Path) -> dict | None:
    """What `write_json` has written to `path`, or None if there is no such file."""
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def sha256(path: Path) -> str:
    """The SHA-256 of a file's bytes: 64 hexadecimal digits."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def is_full(error: OSError) -> bool:
    """Whether a write failed for want of space: the disk's, the quota's or the limit's."""
    return error.errno in FULL
