"""The command line is documented, helpful, and never shows a traceback for a user's mistake."""

import argparse
import subprocess
import sys

import pytest

from labs import cli
from labs.kit import material


def commands(parser: argparse.ArgumentParser | None = None) -> dict[str, argparse.ArgumentParser]:
    """Every command by name, also those below another one, as in `class new`."""
    found = {}
    for action in (parser or cli.parser())._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, command in action.choices.items():
                found[name] = command
                found |= {f"{name} {part}": one for part, one in commands(command).items()}
    return found


@pytest.mark.parametrize("name", commands())
def test_every_command_and_option_has_help(name):
    command = commands()[name]
    assert command.description.endswith(".")
    for action in command._actions:
        assert action.help, f"labs {name} {action.option_strings or action.dest} has no help"


def test_the_readme_names_the_real_commands():
    readme = (material.root() / "README.md").read_text(encoding="utf-8")
    for name in ("start", "test", "open", "doctor", "book", "refresh", "new", "lock"):
        assert f"labs {name}" in readme
        assert name in commands()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["open", "welcom"], "did you mean 'welcome'"),
        (["test", "welcom"], "did you mean 'welcome'"),
        (["refresh", "welcom"], "did you mean 'welcome'"),
        (["bench", "lesons"], "did you mean 'lessons'"),
        (["new", "lesson", "Bad Slug"], "is not a slug"),
        (["start", "--porte", "1"], "unrecognized arguments: --porte"),
        (["strat"], "invalid choice: 'strat'"),
        (["class"], "PART"),
        (["class", "nwe"], "invalid choice: 'nwe'"),
        (["grade", "--workers", "0"], "give 1 to 256"),
        (["gradebook", "--export", "word"], "invalid choice: 'word'"),
        ([], "COMMAND"),
    ],
)
def test_mistakes_get_one_message(arguments, said):
    done = subprocess.run(
        [sys.executable, "-m", "labs.cli", *arguments], capture_output=True, text=True
    )
    assert done.returncode != 0
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_help_is_quick_to_load():
    """Parsing must not import the libraries of the course."""
    script = "import sys, labs.cli; labs.cli.parser(); print([m for m in ('mlflow', 'nbclient', "
    script += "'pandas', 'jupyter_server') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("given", "ours", "pytests"),
    [
        (["test", "welcome", "-k", "x"], ["test", "welcome"], ["-k", "x"]),
        (["test", "--release", "welcome", "-x"], ["test", "--release", "welcome"], ["-x"]),
        (["test", "--", "-k", "x"], ["test"], ["-k", "x"]),
        (["book", "--open"], ["book", "--open"], []),
    ],
)
def test_what_labs_test_does_not_know_is_for_pytest(given, ours, pytests):
    assert cli._divided(given) == (ours, pytests)
