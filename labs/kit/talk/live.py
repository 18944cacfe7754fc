"""`labs present --live`: the deck and its demos on one page, in a JupyterLab of the talk's own."""

import json
import urllib.request
import webbrowser
from contextlib import ExitStack
from pathlib import Path

from labs.kit import server, workspace
from labs.kit.errors import UserError
from labs.kit.talk import copies, demos, stage, talks

RESET_SECONDS = 60  # kernels are given time to end in good order


def start(
    name: str, minutes: int | None = None, port: int = server.PORT, browser: bool = True
) -> None:
    """Write the presenter's copies, start JupyterLab on them, and stay until it ends.

    If one runs there already, its address is shown, and nothing is written.
    """
    from labs.kit.talk import deck

    talk = talks.read(name, minutes)
    folder, process, stack = copies.folder(talk), [], ExitStack()
    built = deck.build(talk)
    server.end_like_ctrl_c()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with workspace.Locked(folder / "start.lock"):
            running = server.find(folder)
            if not running:
                write(talk, built, name)
                env = server._environment(folder)
                kernels = stack.enter_context(copies.kernels(env))
                kernels = {**kernels, **copies.environment(folder)}
                with server._uninterrupted():
                    process.append(server._launch(folder, port, kernels, book=False, talk=True))
            found = running or server._wait(folder, process[0], kernels)
        print(f"{talk.title} is on stage at\n\n    {address(found)}\n", flush=True)
        print(f"Back to the start: labs present {name} --minutes {talk.minutes} --reset")
        if browser:
            webbrowser.open(address(found))
        if process:
            server._stay(process[0])
    finally:
        for one in process:
            server._end(one)
        stack.close()


def write(talk: talks.Talk, built: Path, name: str) -> None:
    """Write the copies of the talk's demos, and what the stage must know of them."""
    named = str(talk.source.resolve()) if name.endswith(".toml") else name
    every = copies.write(talk)
    shown = [
        {
            "number": demo.number,
            "slide": demo.place,
            "title": demo.slide.heading,
            "cell": demo.cell.id,
            "notebook": copies.notebook(_place(every, demo), demo.lesson).as_posix(),
        }
        for demo in every
    ]
    told = {"talk": named, "title": talk.title, "minutes": talk.minutes, "demos": shown}
    text = json.dumps(told | {"deck": str(built), "prepare": copies.kernel.PREPARE})
    copies._text(copies.folder(talk) / ".labs" / stage.STAGE, text)


def _place(every: list[demos.Demo], demo: demos.Demo) -> int:
    return 1 + copies.lessons(every).index(demo.lesson)


def address(found: dict) -> str:
    """The address of the stage."""
    token = f"?token={found['token']}" if found["token"] else ""
    return f"{found['url']}{stage.PLACE}/{token}"


def reset(name: str, minutes: int | None = None) -> None:
    """Bring the demos back to their start: in the running JupyterLab, if there is one."""
    talk = talks.read(name, minutes)
    folder = copies.folder(talk)
    if found := server.find(folder):
        headers = {"Authorization": f"token {found['token']}"}
        request = urllib.request.Request(f"{found['url']}{stage.PLACE}/reset", b"", headers)
        try:
            with server.LOOPBACK.open(request, timeout=RESET_SECONDS):
                print("The demos are as they were before the talk; the stage shows it by itself.")
        except OSError as error:
            raise UserError(
                f"{talk.title}: the demos were not reset ({error}). Stop `labs present --live` "
                "with Ctrl-C and start it again."
            ) from None
        return
    copies.write(talk)
    again = f"labs present {name} --minutes {talk.minutes} --live"
    print(f"The demos in {folder} are as they were. Start them with: {again}")
