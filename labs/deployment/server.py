"""A server of many models: `python -m labs.deployment.server --registry FOLDER --models all`.

One process answers for every model, in MLflow's scoring protocol, with the versions that
the registry's aliases and the routes name; it follows both while it runs.
"""

import argparse
import asyncio
import html
import json
import logging
import os
import signal
import socket
import sys
import threading
import time
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path

import uvicorn
from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from uvicorn.protocols.http.h11_impl import H11Protocol

import labs
from labs.deployment import answering
from labs.deployment.answering import Answers, Limits
from labs.deployment.batching import Batcher
from labs.deployment.live import Live
from labs.deployment.payload import FORMATS, Refused
from labs.deployment.telemetry import Metrics
from labs.deployment.traffic import TrafficWriter

KEY = "x-request-key"  # the header that keeps a caller with one version during a canary
VERSION = "x-model-version"  # the header that names the version that answered
DRAIN_SECONDS = 30  # for requests that are being answered when the server is told to stop
JSON = "application/json"
DEFAULT = Limits()
said = logging.getLogger("labs.deployment")

BODY = {
    "requestBody": {
        "required": True,
        "content": {
            JSON: {
                "schema": {
                    "type": "object",
                    "properties": {
                        key: {"description": text, "type": "array"}
                        if text.startswith("[")
                        else {"description": text, "type": "object"}
                        for key, text in FORMATS.items()
                    },
                }
            },
            "text/csv": {"schema": {"type": "string"}},
        },
    },
    "parameters": [
        {
            "name": KEY,
            "in": "header",
            "schema": {"type": "string"},
            "description": "requests with the same key are answered by the same version",
        }
    ],
}
REFUSALS = {
    400: "the body is not in the scoring protocol",
    404: "no such model here",
    408: "the body came too slowly",
    413: "the body is too long",
    415: "neither JSON nor CSV",
    422: "a column does not fit the model's signature",
    500: "the model failed on this request",
    503: "no version is live yet, or too many requests wait",
    504: "the prediction took too long",
}


def make_app(live: Live, limits: Limits = DEFAULT) -> FastAPI:
    """The web application that answers with the models of `live`."""
    metrics = Metrics(live)

    @asynccontextmanager
    async def lifespan(app: FastAPI):
        app.state.batcher = metrics.batcher = Batcher(metrics.predicted)
        app.state.traffic = TrafficWriter.beside(live.folder)
        app.state.answers = Answers(live, metrics, app.state.traffic, app.state.batcher)
        live.start()
        yield
        live.close()
        app.state.batcher.close()
        app.state.traffic.close()

    app = FastAPI(
        title="Models", version=labs.__version__, lifespan=lifespan, docs_url=None, redoc_url=None
    )
    _add_models(app, live, metrics, limits)
    _add_probes(app, live, metrics, limits)
    app.add_exception_handler(HTTPException, _http_error)
    return app


def _add_models(app: FastAPI, live: Live, metrics: Metrics, limits: Limits) -> None:
    described = {"openapi_extra": BODY, "responses": _described(REFUSALS)}

    @app.post("/models/{name}/invocations", summary="Predict with one model", **described)
    async def invocations(name: str, request: Request) -> Response:
        return await _answer(app, metrics, name, request, limits)

    @app.post("/invocations", summary="Predict with the only model there is", **described)
    async def only(request: Request) -> Response:
        names = live.names if live.names is not None else list(live.champions)
        if len(names) != 1:
            text = "this server has several models; post to /models/NAME/invocations"
            return _refused(Refused(404, text))
        return await _answer(app, metrics, names[0], request, limits)


async def _answer(
    app: FastAPI, metrics: Metrics, name: str, request: Request, limits: Limits
) -> Response:
    begun, version = time.perf_counter(), ""
    headers = request.headers
    try:
        body = await answering.read(request.stream(), headers.get("content-length"), limits)
        async with asyncio.timeout(limits.predict_seconds):
            payload = answering.parsed(
                body, headers.get("content-type"), headers.get("content-encoding")
            )
            answers, by = await app.state.answers.to(name, payload, headers.get(KEY, ""))
        version = by.number
        response = Response(answering.to_json(answers), media_type=JSON, headers={VERSION: version})
    except Refused as refused:
        response = _refused(refused)
    except TimeoutError:
        text = f"no answer within {limits.predict_seconds:g} seconds"
        response = _refused(Refused(504, text))
    except ClientDisconnect:
        return Response(status_code=400)  # nobody reads it
    known = name if name in app.state.answers.live.champions else ""  # not what anyone types
    metrics.answered(known, version, response.status_code, time.perf_counter() - begun)
    return response


def _refused(refused: Refused) -> Response:
    headers = {}
    if refused.status in (408, 413):
        headers["connection"] = "close"  # what is left of the body is not read
    if refused.status == 503:
        headers["retry-after"] = "1"
    return Response(answering.refusal(refused), refused.status, headers, JSON)


async def _http_error(request: Request, error: HTTPException) -> Response:
    return _refused(Refused(error.status_code, str(error.detail)))


def _add_probes(app: FastAPI, live: Live, metrics: Metrics, limits: Limits) -> None:
    @app.get("/health", summary="Whether the process works", responses=_described({503: "stuck"}))
    async def health() -> Response:
        begun = app.state.batcher.begun
        if begun is not None and time.monotonic() - begun > limits.stuck_seconds:
            return _json({"status": "a prediction does not end"}, 503)
        return _json({"status": "ok"})

    @app.get("/ready", summary="Whether every model answers, and what is wrong if not perfect")
    async def ready() -> Response:
        state = {
            "ready": live.ready,
            "looked": live.passes > 0,
            "registry": live.registry_problem or "ok",
            "routes": live.routes_problem or "ok",
            "traffic": app.state.traffic.problem or "ok",
            "problems": dict(live.problems),
        }
        return _json(state, 200 if live.ready else 503)

    @app.get("/version", summary="Which version of each model is live, since when")
    async def version() -> Response:
        models = {name: _of_model(live, name) for name in sorted(live.champions)}
        return _json({"server": labs.__version__, "models": models})

    @app.get("/metrics", summary="The metrics, for Prometheus")
    async def metrics_text() -> Response:
        return Response(metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    @app.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        return Response(_page(app.openapi()), media_type="text/html; charset=utf-8")


def _of_model(live: Live, name: str) -> dict:
    champion, route = live.champions[name], live.routes.get(name)
    challenger = live.challengers.get(name)
    return {
        "version": champion.number,
        "live_since": champion.loaded_at.isoformat(timespec="seconds"),
        "strategy": route.strategy if route else "single",
        "challenger": challenger.number if challenger else None,
        "share": route.share if route else 0.0,
        "problem": live.problems.get(name),
    }


def _json(content: dict, status: int = 200) -> Response:
    return Response(json.dumps(content), status, media_type=JSON)


def _described(texts: dict[int, str]) -> dict[int | str, dict]:
    return {status: {"description": text} for status, text in texts.items()}


def _page(schema: dict) -> str:
    """The OpenAPI description as a page that needs no other host."""
    rows = []
    for path, methods in schema["paths"].items():
        for method, call in methods.items():
            codes = ", ".join(sorted(call["responses"]))
            cells = [f"<code>{method.upper()} {html.escape(path)}</code>", call["summary"], codes]
            rows.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    bodies = "".join(
        f"<dt><code>{key}</code></dt><dd><code>{html.escape(text)}</code></dd>"
        for key, text in FORMATS.items()
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Models</title>'
        "<style>body{font:16px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 1em}"
        "td,th{text-align:left;padding:.3em 1em .3em 0;vertical-align:top}</style></head><body>"
        "<main><h1>Models</h1><p>The same as a machine reads it: "
        '<a href="openapi.json">openapi.json</a>.</p><table><thead><tr><th>Call</th>'
        f"<th>What it does</th><th>Answers</th></tr></thead><tbody>{''.join(rows)}</tbody></table>"
        f"<h2>What to send</h2><p>A JSON object with one of these keys, or <code>text/csv</code> "
        f"with a header line.</p><dl>{bodies}</dl></main></body></html>"
    )


def main(argv: list[str] | None = None) -> None:
    """Serve until told to stop; then answer what was begun, and exit with 0."""
    args = _arguments(argv)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s %(message)s")
    said.setLevel(logging.INFO)
    names = None if args.models == "all" else [name for name in args.models.split(",") if name]
    limits = Limits(**{name: getattr(args, name) for name in asdict(DEFAULT)})
    app = make_app(Live(args.registry, names), limits)
    listener = _listener(args.host, args.port)
    config = uvicorn.Config(
        app,
        http=_patient(limits.body_seconds),
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_keep_alive=65,
        timeout_graceful_shutdown=DRAIN_SECONDS,
    )
    server = uvicorn.Server(config)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # raised again once it has drained
    signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
    if args.until_stdin_closes:
        threading.Thread(target=_stop_after_stdin, args=(server,), daemon=True).start()
    host, port = listener.getsockname()[:2]
    print(f"serving on http://{host}:{port}", flush=True)
    server.run(sockets=[listener])


def _stop_after_stdin(server: uvicorn.Server) -> None:
    """Stop when whoever started this server ends, however it ends."""
    while os.read(sys.stdin.fileno(), 1024):  # a buffered read would hold a lock at the end
        pass
    server.should_exit = True


def _patient(seconds: float) -> type[H11Protocol]:
    """HTTP that hangs up on a client whose headers do not arrive in time."""

    class Patient(H11Protocol):
        def connection_made(self, transport) -> None:
            super().connection_made(transport)
            self.loop.call_later(seconds, self._hang_up)

        def _hang_up(self) -> None:
            if self.cycle is None and not self.transport.is_closing():
                self.transport.close()

    return Patient


def _listener(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named, asyncio sets TCP_NODELAY; without it, an answer waits 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    if os.name != "nt":  # there, the option would let two servers share a port
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(2048)
        return listener
    except OSError as error:
        raise SystemExit(
            f"cannot listen on {host}:{port}: {error.strerror}; choose another --port, "
            "or 0 for any that is free"
        ) from None


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m labs.deployment.server", description=__doc__)
    parser.add_argument("--registry", required=True, type=_registry, help="its folder")
    parser.add_argument("--models", default="all", help="names, with commas, or all (default)")
    parser.add_argument("--host", default="127.0.0.1", help="0.0.0.0 is every address")
    parser.add_argument("--port", default=8000, type=int, help="0 is any that is free")
    for name, value in asdict(DEFAULT).items():
        option = f"--{name.replace('_', '-')}"
        parser.add_argument(option, default=value, type=type(value), help="(%(default)s)")
    parser.add_argument("--until-stdin-closes", action="store_true", help="stop with the parent")
    return parser.parse_args(argv)


def _registry(text: str) -> Path:
    if not (Path(text) / "mlflow.db").is_file():
        raise argparse.ArgumentTypeError(f"{text} holds no mlflow.db, so it is no registry")
    return Path(text)


if __name__ == "__main__":
    main()
