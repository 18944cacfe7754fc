"""A Jupyter server extension: a deck and its live demos on one page, `{base_url}labs/talk/`.

The folder of the presenter's copies holds `stage.json`, which `labs.kit.talk.live` writes:
the talk, the file of its deck, and for each demo its slide, notebook and cell.
"""

import asyncio
import json
from pathlib import Path

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.utils import ensure_async, url_path_join
from tornado import web

from labs.kit.talk import copies, talks

PLACE = "labs/talk"
PAGE = Path(__file__).with_name("stage.html")
SCRIPT = Path(__file__).with_name("stage.js")
STAGE = "stage.json"  # in .labs of the folder of copies


def _jupyter_server_extension_points() -> list[dict]:
    return [{"module": "labs.kit.talk.stage"}]


def _load_jupyter_server_extension(server_app) -> None:
    settings = server_app.web_app.settings
    settings["labs_stage"] = Path(server_app.root_dir) / ".labs" / STAGE
    base = url_path_join(settings["base_url"], PLACE)
    parts = {"": Page, "deck.html": Deck, "stage.js": Script, "state": State, "reset": Reset}
    handlers = [(url_path_join(base, name or "/"), handler) for name, handler in parts.items()]
    server_app.web_app.add_handlers(".*$", handlers)


class Behind(JupyterHandler):
    """A page behind the server's own login; what it shows changes with each reset."""

    auth_resource = "contents"

    def stage(self) -> dict:
        """What the folder says of its talk."""
        return json.loads(self.settings["labs_stage"].read_text(encoding="utf-8"))

    def send(self, text: str, kind: str) -> None:
        """Answer with a text of that media type, which no browser keeps."""
        self.set_header("Content-Type", f"{kind}; charset=utf-8")
        self.set_header("Cache-Control", "no-store")
        self.finish(text)


class Page(Behind):
    """The stage."""

    @web.authenticated
    @authorized
    def get(self) -> None:
        """Write the page."""
        self.xsrf_token  # noqa: B018  sets the cookie that a reset needs
        self.send(PAGE.read_text(encoding="utf-8"), "text/html")


class Script(Behind):
    """What moves the stage."""

    @web.authenticated
    @authorized
    def get(self) -> None:
        """Write the script."""
        self.send(SCRIPT.read_text(encoding="utf-8"), "text/javascript")


class Deck(Behind):
    """The deck, as it was built when the talk was opened."""

    @web.authenticated
    @authorized
    def get(self) -> None:
        """Write the deck."""
        self.send(Path(self.stage()["deck"]).read_text(encoding="utf-8"), "text/html")


class State(Behind):
    """What the stage asks now and then: the demos, and how often they were reset."""

    @web.authenticated
    @authorized
    def get(self) -> None:
        """Write the state."""
        shown = {"base": self.base_url, "round": self.settings.get("labs_round", 0)}
        self.send(json.dumps(self.stage() | shown), "application/json")


class Reset(Behind):
    """Back to the start: the copies are written anew, and their kernels begin again."""

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Write the copies, and restart every kernel, all at once."""
        stage, kernels = self.stage(), self.settings["kernel_manager"]
        copies.write(talks.read(stage["talk"], stage["minutes"]))
        running = kernels.list_kernel_ids()
        await asyncio.gather(*(ensure_async(kernels.restart_kernel(one)) for one in running))
        self.settings["labs_round"] = self.settings.get("labs_round", 0) + 1
        self.send(json.dumps({"round": self.settings["labs_round"]}), "application/json")
