"""The one error that a user of the kit is meant to read."""


class UserError(Exception):
    """Something the user can put right: names the thing, the value and the next action.

    The command line prints its text alone, without a traceback, and exits with 1.
    """


def nearest(word: str, choices: list[str]) -> str:
    """'; did you mean X?' for the choice most like `word`, or '' if none is near."""
    import difflib

    close = difflib.get_close_matches(word, choices, n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else ""
