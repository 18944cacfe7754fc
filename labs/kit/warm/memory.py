"""The memory of a fork server, arranged so that forks copy little of it.

A fork copies the page tables of its parent, and each page that either of them then writes
to. In CPython that is also each page with an object that is only looked at: its count of
references changes.
"""

import ctypes
import sys
from collections.abc import Iterator
from pathlib import Path

LARGE = 2 << 20  # bytes of a huge page, on x86-64 and on arm64 with pages of 4 kB
MADV_COLLAPSE = 25  # Linux 6.1: make huge pages of what is there, now


def collapse() -> int:
    """Lay this process's private memory in huge pages, where the system can; how many.

    A fork then copies one entry of a page table instead of 512, and its end frees one. See
    madvise(2). An older Linux, and a range that is mostly empty, stays as it is.
    """
    madvise = ctypes.CDLL(None, use_errno=True).madvise
    madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    return sum(
        madvise(place, LARGE, MADV_COLLAPSE) == 0
        for begin, end in private()
        for place in range(-(-begin // LARGE) * LARGE, end // LARGE * LARGE, LARGE)
    )


def anew(text: str) -> str:
    """An equal text; made one after the other, such texts lie side by side."""
    return text.encode().decode()


def gather_names() -> None:
    """Lay the names of all modules side by side: each kernel takes a copy of their list."""
    modules = {anew(name): module for name, module in sys.modules.items()}
    sys.modules.clear()
    sys.modules.update(modules)


def private() -> Iterator[tuple[int, int]]:
    """Begin and end of each part of this process's memory that is written and of no file."""
    for line in Path("/proc/self/maps").read_text(encoding="ascii", errors="replace").splitlines():
        place, rights, *_, name = [*line.split(maxsplit=5), ""][:6]
        if rights == "rw-p" and name.strip() in ("", "[heap]"):
            begin, end = (int(part, 16) for part in place.split("-"))
            yield begin, end
