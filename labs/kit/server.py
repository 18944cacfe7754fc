"""`labs start`: the workspace, JupyterLab on top of it, and the book beside it."""

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import webbrowser
from contextlib import ExitStack, contextmanager
from pathlib import Path

from labs.kit import journey, manifest, workspace
from labs.kit.conditions import environment
from labs.kit.errors import UserError
from labs.kit.warm import policy, starting
from labs.kit.warm.use import for_jupyterlab

PORT = 8888  # Jupyter's usual one; the next free one is taken if it is in use
LOOPBACK = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # never by a proxy
JUPYTERLAB = "import labs.kit; from jupyterlab.labapp import main; main()"  # 2 s less than -m
READY_SECONDS = 90  # a slow laptop needs about 20
LAB_SETTINGS = {
    "@jupyterlab/apputils-extension:notification": {
        "fetchNews": "false",
        "checkForUpdates": False,
    }
}  # nothing asks the network on the learner's behalf
ON_STAGE = {
    "@jupyterlab/docmanager-extension:plugin": {"autosave": False},  # demos are not kept
    "@jupyterlab/notebook-extension:tracker": {"codeCellConfig": {"lineWrap": True}},
    "@jupyterlab/statusbar-extension:plugin": {"visible": False},
}


def start(folder: Path, port: int = PORT, browser: bool = True, slug: str = "") -> None:
    """Prepare the workspace, start JupyterLab in it, and stay until it ends.

    If one runs there already, its address is shown and nothing is started.
    """
    course = manifest.read()
    page = course.place(slug or course.lessons[0].slug)
    end_like_ctrl_c()
    _tell(folder, workspace.prepare(folder))
    process: list[subprocess.Popen] = []
    stack = ExitStack()  # what lives as long as JupyterLab does
    try:
        with workspace.Locked(folder / ".labs" / "start.lock"):
            running = find(folder)
            if not running:
                kernels = stack.enter_context(for_jupyterlab(_environment(folder)))
                with _uninterrupted():
                    process.append(_launch(folder, port, kernels))
            server = running or _wait(folder, process[0], kernels)
        _welcome(server, folder, port, page, browser, bool(running))
        if process:
            _stay(process[0])
    finally:
        for one in process:
            _end(one)
        stack.close()


def end_like_ctrl_c() -> None:
    """Let a closed window end this process as Ctrl-C does: no orphan stays."""
    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.default_int_handler)


def _welcome(server: dict, folder: Path, port: int, page: Path, browser: bool, running: bool):
    place = address(server, page)
    if running:
        print(f"JupyterLab already runs in {folder}. To stop it: labs stop")
    elif server["port"] != port:
        print(f"Port {port} is in use, so JupyterLab took {server['port']}.")
    token = f"?token={server['token']}" if server["token"] else ""
    print(f"The labs are open at\n\n    {place}\n")
    print(f"and the book beside them at\n\n    {server['url']}labs/book/{token}\n", flush=True)
    if browser:
        webbrowser.open(place)


@contextmanager
def _uninterrupted():
    """Put off Ctrl-C to the end of the block: a process begun in it must not be forgotten."""
    seen: list[int] = []
    signals = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(one, lambda number, frame: seen.append(number)) for one in signals]
    try:
        yield
    finally:
        for one, handler in zip(signals, before, strict=True):
            signal.signal(one, handler)
    if seen:
        raise KeyboardInterrupt


def _tell(folder: Path, done: workspace.Prepared) -> None:
    if done.written:
        print(f"Wrote {len(done.written)} new lesson(s) to {folder}.")
    for path in done.renewed:
        print(f"Renewed {path}: you had not changed it.")
    for kept in done.kept:
        print(f"You changed {kept.lesson}: your copy is kept, the new one is {kept.offered}.")


def find(folder: Path) -> dict | None:
    """What is known of the JupyterLab that runs in `folder`: url, token, port; or None."""
    from jupyter_server.serverapp import list_running_servers

    for server in list_running_servers():
        if Path(server["root_dir"]) == folder and _answers(server):
            return server
    return None


def _answers(server: dict) -> bool:
    request = urllib.request.Request(
        server["url"] + "api/status", headers={"Authorization": f"token {server['token']}"}
    )
    try:
        with LOOPBACK.open(request, timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False


def address(server: dict, path: Path) -> str:
    """The address that opens the file `path` of the workspace in JupyterLab."""
    token = f"?token={server['token']}" if server["token"] else ""
    return f"{server['url']}lab/tree/{path.as_posix()}{token}"


def _environment(folder: Path) -> dict[str, str]:
    return {**os.environ, **environment(folder), "PATH": _path()}


def _launch(
    folder: Path, port: int, kernels: dict[str, str], book: bool = True, talk: bool = False
) -> subprocess.Popen:
    settings = folder / ".labs" / "lab-settings"
    settings.mkdir(parents=True, exist_ok=True)
    chosen = LAB_SETTINGS | (ON_STAGE if talk else {})
    (settings / "overrides.json").write_text(json.dumps(chosen), encoding="utf-8")
    extensions = {"labs.kit.book_server": True} | ({"labs.kit.talk.stage": True} if talk else {})
    token = secrets.token_hex(24)  # in the environment, where other users cannot read it
    command = [
        *(sys.executable, "-c", JUPYTERLAB, "--no-browser"),
        f"--ServerApp.root_dir={folder}",
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=50",
        f"--ServerApp.jpserver_extensions={extensions}",
        f"--LabApp.app_settings_dir={settings}",
        f"--LabApp.workspaces_dir={folder / '.labs' / 'layout'}",  # open tabs: this folder's own
        "--LabApp.extension_manager=readonly",
        "--PasswordIdentityProvider.hashed_password=",  # whatever the learner has configured
        "--ServerApp.certfile=",
        "--ServerApp.base_url=/",
    ]
    if talk:  # its page, the stage, steers JupyterLab; a presenter's own settings stay out of it
        command += ["--LabApp.expose_app_in_browser=True"]
        command += [f"--LabApp.user_settings_dir={folder / '.labs' / 'user-settings'}"]
    if os.name != "nt":  # not a login shell, which may reset PATH
        shell = os.environ.get("SHELL", "/bin/sh")
        command.append(f"--ServerApp.terminado_settings={{'shell_command': ['{shell}']}}")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")
    if book:
        _build_book_meanwhile()
    with open(_log(folder), "w", encoding="utf-8") as log:
        return subprocess.Popen(
            command,
            stdout=log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env={**_environment(folder), **kernels, "JUPYTER_TOKEN": token},
            start_new_session=True,  # so that Ctrl-C is ours to handle, without a prompt
        )


def _path() -> str:
    """PATH with this environment first, so that `labs` works in JupyterLab's terminal."""
    return os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])


def _build_book_meanwhile() -> None:
    """Build the book in the background; its page says so until it is there."""
    subprocess.Popen(
        [sys.executable, "-m", "labs", "book"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )


def _log(folder: Path) -> Path:
    return folder / ".labs" / "jupyter.log"


def _wait(folder: Path, process: subprocess.Popen, kernels: dict[str, str]) -> dict:
    """What is known of JupyterLab, once it answers and a kernel can begin at once.

    JupyterLab forgets a click on *Run* while it waits for a kernel to begin.
    """
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if server := find(folder):
            if address := kernels.get(policy.SERVER):
                starting.until_ready(address)
            return server
        time.sleep(0.1)
    last = _log(folder).read_text(encoding="utf-8", errors="replace").splitlines()[-5:]
    raise UserError(
        "JupyterLab did not start. Its last lines were:\n    "
        + "\n    ".join(last)
        + f"\nRun `labs doctor`; the whole log is {_log(folder)}."
    )


def _stay(process: subprocess.Popen) -> None:
    print("Leave this window open. Ctrl-C stops the labs; your work is saved.", flush=True)
    try:
        process.wait()
    except KeyboardInterrupt:
        print("\nStopping the labs. Start them again with the same command.")


def _end(process: subprocess.Popen) -> None:
    """Ask the server to end, and make it after ten seconds."""
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()


def stop(folder: Path) -> None:
    """Stop the JupyterLab that runs in `folder`; raises UserError if there is none."""
    server = find(folder)
    if not server:
        raise UserError(f"No JupyterLab runs in {folder}; start one with: labs start")
    headers = {"Authorization": f"token {server['token']}"}
    request = urllib.request.Request(server["url"] + "api/shutdown", b"", headers)
    with LOOPBACK.open(request, timeout=10):
        print(f"Stopped JupyterLab in {folder}. Your work is saved.")


def port_is_free(port: int) -> bool:
    """Whether a server could listen on `port` of this machine's loopback."""
    with socket.socket() as probe:
        if os.name != "nt":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def open_lesson(slug: str, folder: Path, port: int = PORT, browser: bool = True) -> None:
    """Open the learner's copy of a lesson or exercise, in the JupyterLab that runs or a new one."""
    path = _copy_of(slug, folder)
    if server := find(folder):
        place = address(server, path.relative_to(folder))
        print(place)
        if browser:
            webbrowser.open(place)
    else:
        start(folder, port, browser, slug)


def _copy_of(slug: str, folder: Path) -> Path:
    """The learner's copy of a lesson or an exercise, written first if it is not there."""
    if isinstance(manifest.read().notebook(slug), manifest.Exercise):
        from labs.kit.exercise import desk

        return desk.open_exercise(slug, folder)
    return workspace.open_lesson(slug, folder)


def open_next(folder: Path, port: int = PORT, browser: bool = True) -> None:
    """Say how far the learner has come, and open the first lesson that is not done."""
    found = journey.stages(folder)
    coming = journey.following(found)
    print(journey.summary(found))
    if coming is None:
        print("You have done them all. labs open SLUG opens one again.")
        return
    lesson = coming.lesson
    print(f"Next: {lesson.title} ({lesson.slug}), {lesson.minutes} minutes, {coming}.")
    if coming.ran:
        print("Cells count in the copy that is saved: press Ctrl+S in JupyterLab.")
    open_lesson(lesson.slug, folder, port, browser)
