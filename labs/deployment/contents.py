"""Data versioned by content: each file is kept once, under the hash of its bytes."""

import hashlib
import shutil
from pathlib import Path

from labs.deployment.files import sha256, write_whole


class Contents:
    """The files in `folder`, which is made if there is none. What is added never changes."""

    def __init__(self, folder: Path | str):
        self.folder = Path(folder)

    def add(self, file: Path | str) -> str:
        """Keep a copy of `file`; its hash, 64 hexadecimal digits."""
        digest = sha256(Path(file))
        if digest in self:
            return digest
        with open(file, "rb") as source:
            self._keep(digest, lambda target: shutil.copyfileobj(source, target))
        if sha256(self._path(digest)) != digest:
            self._path(digest).unlink()
            raise ValueError(f"{file} changed while it was copied; add it again")
        return digest

    def add_bytes(self, content: bytes) -> str:
        """Keep `content`; its hash."""
        digest = hashlib.sha256(content).hexdigest()
        if digest not in self:
            self._keep(digest, lambda target: target.write(content))
        return digest

    def checkout(self, digest: str, target: Path | str) -> Path:
        """Write the content with that hash to the file `target`, which is whole or absent."""
        content, target = self.read(digest), Path(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        write_whole(target, lambda stream: stream.write(content))
        return target

    def read(self, digest: str) -> bytes:
        """The bytes with that hash. Raises LookupError if they are absent or damaged."""
        if digest not in self:
            raise LookupError(f"{self.folder} has no content {digest[:12]}; add the file first")
        content = self._path(digest).read_bytes()
        if hashlib.sha256(content).hexdigest() != digest:
            raise LookupError(f"{self._path(digest)} is damaged; delete it and add the file again")
        return content

    def __contains__(self, digest: str) -> bool:
        return self._path(digest).is_file()

    def _keep(self, digest: str, write) -> None:
        path = self._path(digest)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, write)

    def _path(self, digest: str) -> Path:
        return self.folder / digest[:2] / digest[2:]
