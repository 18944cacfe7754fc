"""A Jupyter server extension: the built book at `{base_url}labs/book/`.

The pages are behind the server's own login. They learn the server's address from
one small script, so that their buttons open lessons in this JupyterLab.
"""

import html
import json
import re
from pathlib import Path

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.utils import url_path_join
from tornado import web

from labs.kit import book

PLACE = "labs/book"
WAITING = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width"><meta http-equiv="refresh" content="3">
<style>:root {{ color-scheme: light dark }}
body {{ font: 1.1rem/1.6 system-ui, sans-serif; max-width: 44rem; margin: 15vh auto;
  padding: 1rem }}
pre {{ white-space: pre-wrap }}</style></head>
<body><main><h1>{title}</h1>{body}</main></body></html>
"""
BUILDING = """<p>This takes less than a minute, and the page then opens by itself.</p>
<p>If it does not, run <code>labs book</code> in a terminal; it says what is wrong.</p>"""
FAILED = """<p>Once the problem is mended, run <code>labs book</code> in a terminal.
This page then opens by itself.</p><pre>{error}</pre>"""


def _jupyter_server_extension_points() -> list[dict]:
    return [{"module": "labs.kit.book_server"}]


def _load_jupyter_server_extension(server_app) -> None:
    base_url = server_app.web_app.settings["base_url"]
    place = re.escape(url_path_join(base_url, PLACE))
    handlers = [
        (place, web.RedirectHandler, {"url": url_path_join(base_url, PLACE, "/")}),
        (f"{place}/_static/labs-server.js", ServerScript),
        (f"{place}/(.*)", BookPage, {"path": str(book.folder())}),
    ]
    server_app.web_app.add_handlers(".*$", handlers)


class ServerScript(JupyterHandler):
    """The script that tells a page which JupyterLab serves it."""

    @web.authenticated
    def get(self) -> None:
        """Write the script."""
        self.set_header("Content-Type", "text/javascript; charset=utf-8")
        self.set_header("Cache-Control", "no-store")
        server = json.dumps({"lab": url_path_join(self.base_url, "lab/tree/")})
        self.finish(f"window.labsServer = {server};\n")


class BookPage(JupyterHandler, web.StaticFileHandler):
    """One file of the book, or a page that waits until there is a book."""

    auth_resource = "contents"

    def initialize(self, path: str) -> None:
        """Serve from the folder `path`; a folder's page is its index.html."""
        super().initialize(path=path, default_filename="index.html")

    @web.authenticated
    @authorized
    async def get(self, path: str, include_body: bool = True) -> None:
        """Serve the file at `path`, or the page that waits for it."""
        if (Path(self.root) / "index.html").is_file():
            await web.StaticFileHandler.get(self, path, include_body)
        else:
            self.set_header("Cache-Control", "no-store")
            self.finish(waiting_page(Path(self.root)))

    def compute_etag(self) -> None:
        """No tag: the page that waits has no file to make one from; dates are enough."""

    def set_extra_headers(self, path: str) -> None:
        """Have the browser ask again each time: a book is rebuilt at the same address."""
        self.set_header("Cache-Control", "no-cache")


def waiting_page(site: Path) -> str:
    """The page shown while there is no book in `site`: being built, or why it failed."""
    said = book.failure(site)
    if not said.is_file():
        return WAITING.format(title="The book is being built", body=BUILDING)
    error = html.escape(said.read_text(encoding="utf-8"))
    return WAITING.format(title="The book could not be built", body=FAILED.format(error=error))
