"""What one submission may use."""

LIMITS: dict[str, float] = {
    "total_seconds": 120.0,  # for all cells and all calls of one submission
    "cell_seconds": 60.0,  # for one cell, as in the lessons' tests
    "call_seconds": 10.0,  # for one criterion; a right answer needs far less than one
    "grace_seconds": 3.0,  # before a process that does not keep a limit itself is killed
    "memory": 1_500_000_000,  # bytes beyond what the libraries took
    "disk": 200_000_000,  # bytes of files
    "processes": 40,
    "printed": 100_000,  # bytes of what is printed that are kept
    "answer": 16_000_000,  # bytes of one answer to the judge
}


def limits(**others: float) -> dict[str, float]:
    """The limits, with `others` in place of some of them."""
    if unknown := set(others) - set(LIMITS):
        raise ValueError(f"there are no limits {sorted(unknown)}")
    return LIMITS | others
