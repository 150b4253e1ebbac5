"""The API's composition root: routes, errors, documents, pages; opened and closed with the server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.resources import files
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, Response
from fastapi.staticfiles import StaticFiles
from fastapi_offline import FastAPIOffline
from starlette.exceptions import HTTPException
from starlette.routing import Match

from models.policy import Policy
from streams.api import (
    routes_alerts,
    routes_customers,
    routes_ingest,
    routes_now,
    routes_segments,
    schemas,
)
from streams.api.answering import PROBLEM_SCHEMA, json_answer, parts_of, problem_answer
from streams.api.front import Front, problem_of
from streams.api.ingest import PATH as INGEST
from streams.api.keys import KeyRing
from streams.api.parts import ERASE_WAIT_S, Parts, opened
from streams.api.problems import (
    BAD_VALUE,
    NOT_THERE_YET,
    UNAVAILABLE,
    Problem,
    problem_body,
    problem_headers,
    type_of,
)
from streams.api.routes_segments import LEFT_OUT
from streams.log import KafkaUnavailable
from streams.lookup import NothingYet
from streams.refusal import Refused
from streams.settings import Settings
from streams.source_config import NO_SOURCES, Sources
from streams.store import StoreUnavailable
from streams.wall import wall_ms

PAGES = files("streams").joinpath("api", "static")
CSP = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)
METHODS = ("DELETE", "GET", "POST")  # that any route is for
SECURITY = {
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    "bearer": {"type": "http", "scheme": "bearer"},
}


def api(
    settings: Settings,
    policy: Policy,
    ring: KeyRing,
    erase_wait_s: float = ERASE_WAIT_S,
    clock: Callable[[], int] = wall_ms,
    sources: Sources = NO_SOURCES,
) -> Front:
    """The ASGI application.

    Args:
        settings: where Redis and Kafka are.
        policy: the rules in force.
        ring: the API keys.
        erase_wait_s: how long an erasure waits for a worker to act on it.
        clock: the wall clock.
        sources: whose webhooks are taken.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        given = (settings, policy, ring, erase_wait_s, clock, sources)
        async with opened(*given) as parts:
            app.state.parts = parts
            yield

    app = documented_app(lifespan)

    def parts() -> Parts:
        opened_parts: Parts = app.state.parts
        return opened_parts

    return Front(parts, app)


def documented_app(lifespan: Any = None) -> FastAPI:
    """The routes and their OpenAPI document; answers only once `lifespan` has put its parts there."""
    app = FastAPIOffline(
        title="Segmenter",
        version="1",
        summary="Where each customer stands, and who is about to leave.",
        lifespan=lifespan,
        redoc_url=None,
        static_url="/docs-static",
        redirect_slashes=False,
    )
    for each in (routes_customers, routes_segments, routes_alerts, routes_now, routes_ingest):
        app.include_router(each.router)
    _operating(app)
    _pages(app)
    app.add_exception_handler(RequestValidationError, _unreadable)
    app.add_exception_handler(HTTPException, _of_framework)
    app.add_exception_handler(Exception, _of_ours)
    for kind in (Problem, StoreUnavailable, NothingYet, KafkaUnavailable, Refused):
        app.add_exception_handler(kind, _of_ours)
    _document(app)
    return app


def _operating(app: FastAPI) -> None:
    @app.head("/healthz", include_in_schema=False)
    @app.get("/healthz", tags=["operating"], responses={200: {"model": schemas.Alive}})
    async def healthz() -> Response:
        """The process answers."""
        return json_answer({"status": "ok"})

    @app.head("/readyz", include_in_schema=False)
    @app.get(
        "/readyz",
        tags=["operating"],
        responses={
            200: {"model": schemas.Alive},
            409: problem_answer(409),
            503: problem_answer(503),
        },
    )
    async def readyz(request: Request) -> Response:
        """Redis answers, a worker has begun, and the policy in force can be read."""
        parts = parts_of(request)
        await parts.look_who_serves()
        if parts.unreadable:
            raise Problem(UNAVAILABLE, f"the policy in force: {parts.unreadable}")
        if not await parts.answers.store.partitions():
            raise Problem(
                NOT_THERE_YET, "no worker has begun on this namespace", "segmenter run all"
            )
        return json_answer({"status": "ready"})

    @app.get(
        "/metrics",
        tags=["operating"],
        responses={401: problem_answer(401), 403: problem_answer(403), 429: problem_answer(429)},
    )
    async def metrics(request: Request) -> Response:
        """For Prometheus."""
        parts = parts_of(request)
        portraits, watching = parts.answers.portraits, parts.watchers.watching
        text = parts.meter.exposition(portraits.hits, portraits.misses, watching)
        return Response(text, media_type="text/plain; version=0.0.4")


def _pages(app: FastAPI) -> None:
    @app.head("/", include_in_schema=False)
    @app.get("/", include_in_schema=False)
    async def dashboard() -> Response:
        headers = {"content-security-policy": CSP, "cache-control": "no-cache"}
        return FileResponse(str(PAGES.joinpath("index.html")), headers=headers)

    app.mount("/static", _Pages(directory=str(PAGES)), name="static")


class _Pages(StaticFiles):
    """Files that a browser keeps, and asks each time whether they are still those (`ETag`)."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        """See starlette."""
        response = super().file_response(*args, **kwargs)
        response.headers.setdefault("cache-control", "no-cache")
        return response


async def _unreadable(_: Request, error: Exception) -> Response:
    """What a route's types refuse; the first complaint, by name."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    place = ".".join(str(each) for each in first["loc"][1:]) or "body"
    return _answer(Problem(BAD_VALUE, f"{place}: {first['msg']}"))


async def _of_framework(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    kind, told = type_of(error.status_code), dict(error.headers or {})
    if "Allow" in told:
        told["Allow"] = ", ".join(_allowed(request))
    headers = [(name.encode(), value.encode()) for name, value in told.items()]
    return _answer(Problem(kind, str(error.detail), headers=headers))


def _allowed(request: Request) -> list[str]:
    """The methods that a path is answered by; the framework names those of one route only."""
    return [
        method
        for method in METHODS
        if any(
            route.matches({**request.scope, "method": method})[0] is Match.FULL
            for route in request.app.routes
        )
    ]


async def _of_ours(_: Request, error: Exception) -> Response:
    return _answer(problem_of(error))


def _answer(problem: Problem) -> Response:
    headers = {name.decode(): value.decode() for name, value in problem_headers(problem)}
    return Response(problem_body(problem), problem.status, headers=headers)


def _document(app: FastAPI) -> None:
    """Say in the OpenAPI document what the framework can't know."""
    made = app.openapi

    def openapi() -> dict[str, Any]:
        document = made()
        known = document["components"]["schemas"]
        for model in routes_now.EXTRA_SCHEMAS:
            schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
            known.update(schema.pop("$defs", {}))
            known[model.__name__] = schema
        for name in ("HTTPValidationError", "ValidationError"):
            known.pop(name, None)
        document["components"]["securitySchemes"] = SECURITY
        for path, methods in document["paths"].items():
            for operation in methods.values():
                _amend(path, operation)
        return document

    app.openapi = openapi  # type: ignore[method-assign]


def _amend(path: str, operation: dict[str, Any]) -> None:
    answers = operation["responses"]
    if answers.get("422", {}).get("description") == "Validation Error":
        del answers["422"]
    if path == "/v1/events":
        for status, title in ((413, "Too large"), (422, "The event would be a dead letter")):
            schema = {"schema": {"$ref": PROBLEM_SCHEMA}}
            content = {"application/problem+json": schema}
            answers[str(status)] = {"description": title, "content": content}
    if path == "/v1/stream":
        answers["200"]["content"] = {"text/event-stream": {"schema": {"type": "string"}}}
    if path == "/metrics":
        answers["200"]["content"] = {"text/plain": {"schema": {"type": "string"}}}
    if path.endswith("/members"):
        answers["200"]["content"]["text/csv"] = {"schema": {"type": "string"}}
        answers["200"]["headers"] = {LEFT_OUT: {"schema": {"type": "string"}}}
    if path.startswith("/v1/") or path == "/metrics":
        operation["security"] = [{"key": []}, {"bearer": []}]
    if path.startswith(INGEST):
        operation["security"].append({})  # who signs needs no key
