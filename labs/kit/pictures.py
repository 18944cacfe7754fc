"""Pictures that a person has looked at: no test can tell a better figure from a broken one.

The metadata of a cell, `labs: {pictures: [...]}`, holds the hash of each picture that was
accepted. `labs refresh` stores a picture that looks different, and the gate refuses it until
`labs refresh --accept-pictures`.
"""

import base64
import binascii
import hashlib
import re
import struct
from collections.abc import Iterator
from pathlib import Path

from nbformat import NotebookNode, from_dict

from labs.kit import material
from labs.kit.display import bare_png

EMBEDDED = re.compile(r"data:image/png;base64,([A-Za-z0-9+/=]+)")
PNG = b"\x89PNG\r\n\x1a\n"


def drawn(cell: NotebookNode) -> list[bytes]:
    """The PNG pictures in the outputs of a cell, in order, bare or within HTML."""
    texts = []
    for output in cell.get("outputs", []):
        for kind, value in output.get("data", {}).items():
            if kind == "image/png":
                texts.append(value)
            elif isinstance(value, str):
                texts += EMBEDDED.findall(value)
    return [_decoded(text) for text in texts]


def _decoded(text: str) -> bytes:
    try:
        data = base64.b64decode(text)
        return bare_png(data) if data.startswith(PNG) else data
    except (binascii.Error, struct.error):  # not a picture, but still something that can change
        return text.encode()


def digest(picture: bytes) -> str:
    """The hash by which a picture is known: 16 hexadecimal digits."""
    return hashlib.sha256(picture).hexdigest()[:16]


def accepted(cell: NotebookNode) -> list[str]:
    """The hashes of the pictures that were accepted for this cell."""
    return list(cell.metadata.get("labs", {}).get("pictures", []))


def problems(notebook: NotebookNode) -> Iterator[str]:
    """Each cell whose pictures are not the accepted ones, and what to do."""
    for cell in notebook.cells:
        if what := _difference(cell):
            yield (
                f"cell {cell.id}: {what}. Run labs refresh SLUG, look at the pictures that it "
                "names, and if they are right: labs refresh --accept-pictures SLUG"
            )


def _difference(cell: NotebookNode) -> str:
    """In words, how a cell's pictures differ from the accepted ones; "" if they do not."""
    now, known = [digest(picture) for picture in drawn(cell)], accepted(cell)
    if now == known:
        return ""
    if not known:
        return "draws a picture that nobody has accepted yet"
    if not now:
        return "no longer draws the picture that was accepted"
    return "its picture is not the one that was accepted"


def accept(notebook: NotebookNode) -> list[str]:
    """Accept every picture as it is stored; the ids of the cells for which that was new."""
    changed = [cell for cell in notebook.cells if _difference(cell)]
    for cell in changed:
        marks = {**cell.metadata.get("labs", {}), "pictures": [digest(p) for p in drawn(cell)]}
        cell.metadata["labs"] = from_dict({key: value for key, value in marks.items() if value})
        if not cell.metadata["labs"]:
            del cell.metadata["labs"]
    return [cell.id for cell in changed]


def folder(slug: str) -> Path:
    """Where the pictures of a lesson lie that wait for a person to look at them."""
    return material.build_folder() / "pictures" / slug


def lay_out(slug: str, before: NotebookNode, after: NotebookNode) -> list[str]:
    """Write the pictures that differ from the accepted ones as files; sentences naming them.

    `<cell>-after.png` is the picture now stored, `<cell>-before.png` the accepted one. If
    `before` no longer holds that, the file of an earlier refresh stays.
    """
    place, pictures = folder(slug), {cell.id: drawn(cell) for cell in before.cells}
    wanted: dict[Path, bytes] = {}
    said = []
    for cell in after.cells:
        if what := _difference(cell):
            files = _files(place, cell, pictures.get(cell.id, []))
            wanted |= files
            said.append(f"cell {cell.id}: {what}; look at {_names(files)}")
    for old in set(place.glob("*.png")) - set(wanted):
        old.unlink()
    for path, picture in wanted.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture)
    return said


def _files(place: Path, cell: NotebookNode, before: list[bytes]) -> dict[Path, bytes]:
    """The files to look at for one cell, accepted pictures first."""
    known = accepted(cell)
    kept = [path.read_bytes() for path in sorted(place.glob(f"{cell.id}-*before.png"))]
    by_digest = {digest(picture): picture for picture in [*kept, *before]}
    versions = {
        "before": [by_digest[name] for name in known if name in by_digest],
        "after": drawn(cell),
    }
    return {
        place / f"{cell.id}-{f'{number}-' if number > 1 else ''}{version}.png": picture
        for version, pictures in versions.items()
        for number, picture in enumerate(pictures, 1)
    }


def _names(files: dict[Path, bytes]) -> str:
    """The files, named from where a person stands if that is shorter."""
    root = material.root()
    shown = [path.relative_to(root) if path.is_relative_to(root) else path for path in files]
    return " and ".join(map(str, shown)) or "the code: there is no picture left"
