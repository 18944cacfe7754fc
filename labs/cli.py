"""The command line: argument parsing only; each command calls one function."""

import argparse
import sys
from pathlib import Path

import labs
from labs.kit.errors import UserError
from labs.kit.grading import arguments


def parser() -> argparse.ArgumentParser:
    """The whole command line, from which the book's reference is generated."""
    top = argparse.ArgumentParser(
        prog="labs", description="MLOps Labs: learn MLOps by running it on your own machine."
    )
    top.add_argument("--version", action="version", version=f"MLOps Labs {labs.__version__}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)

    def command(name: str, text: str, run) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=text)
        added.set_defaults(run=run)
        return added

    start = command("start", "Write your workspace and open JupyterLab in it.", _start)
    _add_workspace(start)
    _add_server(start)

    opened = command("open", "Open one lesson or exercise in your workspace.", _open)
    opened.add_argument("slug", help="the lesson or exercise, for example welcome")
    _add_workspace(opened)
    _add_server(opened)

    following = command("next", "Open the first lesson that you have not done.", _next)
    _add_workspace(following)
    _add_server(following)

    _add_exercises(command)
    arguments.add(command, _add_server)

    stopped = command("stop", "Stop the JupyterLab that runs in your workspace.", _stop)
    _add_workspace(stopped)

    doctor = command(
        "doctor", "Check this machine, and say what to do about each problem.", _doctor
    )
    _add_workspace(doctor)

    book = command("book", "Build the book, without running anything.", _book)
    book.add_argument("--open", action="store_true", help="open it in the browser")
    book.add_argument("--serve", action="store_true", help="serve it until Ctrl-C")
    book.add_argument("--port", type=int, default=8000, help="port for --serve (default 8000)")

    test = command("test", "Run every test: the kit's own, and every lesson twice.", _test)
    test.add_argument("slugs", nargs="*", metavar="slug", help="only these lessons")
    test.add_argument("--release", action="store_true", help="further parameter sets too")
    test.add_argument("--cold", action="store_true", help="every kernel started the usual way")
    test.add_argument("--changed", action="store_true", help="only lessons that have changed")

    refresh = command("refresh", "Execute lessons and store their outputs.", _refresh)
    refresh.add_argument("slugs", nargs="*", metavar="slug", help="default: every lesson")
    refresh.add_argument(
        "--accept-pictures",
        action="store_true",
        help="execute nothing; the stored pictures are right, you have looked at them",
    )

    new = command("new", "Make a lesson or an exercise that passes its tests.", _new)
    new.add_argument("kind", choices=["lesson", "exercise"], help="what to make")
    new.add_argument("slug", help="its name in small letters, as in roll-back-a-bad-release")
    new.add_argument("--track", default="", help="the track it belongs to (default: the last)")
    new.add_argument("--title", default="", help="its title, with a verb")

    _add_talks(command)

    lock = command("lock", "Check the lock against pyproject.toml, or renew it.", _lock)
    lock.add_argument("--upgrade", action="store_true", help="renew it, and say what breaks")
    lock.add_argument("--adopt", action="store_true", help="keep a renewal although lessons break")

    bench = command("bench", "Run the benchmarks and print the ratios.", _bench)
    bench.add_argument("names", nargs="*", metavar="name", help="only these, for example lessons")
    return top


def _add_exercises(command) -> None:
    """The commands about exercises."""
    for name, text, run, slugs in (
        ("exercises", "List the exercises.", _exercises, ""),
        ("check", "Check the answers that you saved.", _check, "*"),
        ("hint", "Show the next hint of an exercise.", _hint, "1"),
        ("solution", "Show the solution, once your checks pass.", _solution, "1"),
        ("reset", "Begin an exercise anew; what you wrote is kept.", _reset, "1"),
        ("update", "Bring lessons and exercises up to date, with your answers.", _update, ""),
        ("progress", "Show how far you have come with the exercises.", _progress, ""),
        ("submit", "Write your answers into one file, to hand in.", _submit, "+"),
    ):
        added = command(name, text, run)
        _add_workspace(added)
        if slugs == "1":
            added.add_argument("slug", help="the exercise")
        elif slugs:
            added.add_argument("slugs", nargs=slugs, metavar="slug", help="exercises")
        if name == "submit":
            added.add_argument("--name", default="", help="who you are (default: $LABS_LEARNER)")
            added.add_argument("--into", type=Path, help="a shared folder to put a copy into")
    proven = command("verify", "Prove that the checks of exercises are right.", _verify)
    proven.add_argument("slugs", nargs="*", metavar="slug", help="default: every exercise")


def _add_talks(command) -> None:
    """The commands about talks."""
    present = command("present", "Make the slides of a talk, a lesson or a track.", _present)
    present.add_argument("name", help="a talk, a lesson or a track; or the file of a talk")
    _add_minutes(present, "the length, questions included (default: the talk's own)")
    present.add_argument("--pdf", action="store_true", help="the slides as PDF too")
    present.add_argument("--handout", action="store_true", help="a page for the room, and your own")
    present.add_argument("--open", action="store_true", help="open the slides in the browser")
    present.add_argument("--live", action="store_true", help="the slides, and JupyterLab beside")
    present.add_argument("--reset", action="store_true", help="live demos back to their start")
    _add_server(present)

    ready = command("preflight", "Run a talk's demos offline: go, or what to mend.", _preflight)
    ready.add_argument("name", help="a talk, a lesson or a track; or the file of a talk")
    _add_minutes(ready, "the length to try (default: the talk's own)")
    ready.add_argument(
        "--port", type=_port, default=8888, help="port of the live demos (default 8888)"
    )

    talk = command("talk", "Make a talk of your own from a lesson.", _talk)
    talk.add_argument("action", choices=["new"], help="what to do")
    talk.add_argument("slug", help="its name in small letters, as in when-a-model-goes-bad")
    talk.add_argument("--lesson", default="welcome", help="a lesson to begin with")
    talk.add_argument("--title", default="", help="its title")
    _add_minutes(talk, "its length, questions included (default 30)")


def _add_minutes(command: argparse.ArgumentParser, text: str) -> None:
    command.add_argument("--minutes", type=int, choices=(15, 30, 45), help=text)


def _add_workspace(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--workspace",
        type=Path,
        metavar="FOLDER",
        help="your own folder (default: $LABS_WORKSPACE or ~/mlops-labs-workspace)",
    )


def _add_server(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--port", type=_port, default=8888, help="first port to try (default 8888)"
    )
    command.add_argument("--no-browser", action="store_true", help="only print the address")


def _port(text: str) -> int:
    if not text.isdigit() or not 1024 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a port; give a number from 1024 to 65535"
        )
    return int(text)


def _workspace(args: argparse.Namespace) -> Path:
    from labs.kit.folders import default_folder

    return args.workspace.expanduser().resolve() if args.workspace else default_folder()


def _start(args) -> int | None:
    from labs.kit import server

    return server.start(_workspace(args), args.port, not args.no_browser)


def _exercises(args) -> int | None:
    from labs.kit.exercise import commands

    return commands.exercises(_workspace(args))


def _check(args) -> int | None:
    from labs.kit.exercise import commands

    return commands.check(args.slugs, _workspace(args))


def _hint(args) -> int | None:
    from labs.kit.exercise import commands

    return commands.hint(args.slug, _workspace(args))


def _solution(args) -> int | None:
    from labs.kit.exercise import commands

    return commands.solution(args.slug, _workspace(args))


def _reset(args) -> int | None:
    from labs.kit.exercise import commands

    return commands.reset(args.slug, _workspace(args))


def _update(args) -> int | None:
    from labs.kit.exercise import commands

    return commands.update(_workspace(args))


def _progress(args) -> int | None:
    from labs.kit.exercise import commands

    return commands.show_progress(_workspace(args))


def _submit(args) -> int | None:
    from labs.kit.exercise import commands

    return commands.submit(args.slugs, _workspace(args), args.name, args.into)


def _verify(args) -> int | None:
    from labs.kit.exercise import verify

    return verify.main(args.slugs)


def _preflight(args) -> int | None:
    from labs.kit.talk import preflight

    return preflight.main(args.name, args.minutes, args.port)


def _stop(args) -> int | None:
    from labs.kit import server

    return server.stop(_workspace(args))


def _open(args) -> int | None:
    from labs.kit import server

    return server.open_lesson(args.slug, _workspace(args), args.port, not args.no_browser)


def _next(args) -> int | None:
    from labs.kit import server

    return server.open_next(_workspace(args), args.port, not args.no_browser)


def _doctor(args) -> int | None:
    from labs.kit import doctor

    return doctor.main(_workspace(args))


def _book(args) -> int | None:
    from labs.kit import book

    return book.main(open_browser=args.open, serve=args.serve, port=args.port)


def _test(args) -> int | None:
    from labs.kit import verify

    return verify.run(args.slugs, args.release, args.pytest, args.cold, args.changed)


def _refresh(args) -> int | None:
    from labs.kit import execute

    done = execute.accept_pictures if args.accept_pictures else execute.main
    return done(args.slugs)


def _new(args) -> int | None:
    from labs.kit import new, new_exercise

    make = {"lesson": new.lesson, "exercise": new_exercise.exercise}[args.kind]
    return make(args.slug, args.track, args.title)


def _present(args) -> int | None:
    from labs.kit.talk import commands, live

    if args.reset:
        return live.reset(args.name, args.minutes)
    if args.live:
        return live.start(args.name, args.minutes, args.port, not args.no_browser)
    return commands.present(args.name, args.minutes, args.pdf, args.handout, args.open)


def _talk(args) -> int | None:
    from labs.kit.talk import commands

    commands.new(args.slug, args.lesson, args.title, args.minutes or 30)


def _lock(args) -> int | None:
    from labs.kit import lock

    return lock.main(upgrade=args.upgrade, adopt=args.adopt)


def _bench(args) -> int | None:
    from labs.kit import bench

    return bench.run(args.names)


OF_TEST = ("--release", "--cold", "--changed", "-h", "--help")


def _divided(argv: list[str]) -> tuple[list[str], list[str]]:
    """Our arguments, and those for pytest: from the first option of `labs test` not our own."""
    if argv[:1] == ["test"]:
        for place, argument in enumerate(argv):
            if argument.startswith("-") and argument not in OF_TEST:
                return argv[:place], argv[place + (argument == "--") :]
    return argv, []


def main(argv: list[str] | None = None) -> int:
    """Run one command; its exit code. What a user did wrong is one message, no traceback."""
    ours, pytests = _divided(sys.argv[1:] if argv is None else argv)
    args = parser().parse_args(ours)
    args.pytest = pytests
    try:
        return args.run(args) or 0
    except UserError as error:
        print(error, file=sys.stderr)
        return 1
    except BrokenPipeError:  # as in `labs doctor | head`
        sys.stdout = None
        return 1
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print(f"{where}{error.strerror or error}. Mend that and try again.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped. Nothing you wrote was lost.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
