"""The aiohttp application: authentication, errors as `Status`, and one handler for all paths."""

from __future__ import annotations

import hmac
import logging
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from pressroom_local.kubeapi import bootstrap, errors
from pressroom_local.kubeapi.core_kinds import core_resources
from pressroom_local.kubeapi.errors import ApiError, Json
from pressroom_local.kubeapi.expiry import expire_events
from pressroom_local.kubeapi.hub import Hub
from pressroom_local.kubeapi.openapi import OpenApi
from pressroom_local.kubeapi.resources import Registry, from_crd
from pressroom_local.kubeapi.routes import Routes
from pressroom_local.kubeapi.store import Store
from pressroom_local.kubeapi.watch import is_wanted
from pressroom_local.kubeapi.writes import Validator, Writer

_log = logging.getLogger(__name__)

_OPEN_PATHS = frozenset({"/version", "/healthz", "/livez", "/readyz"})
_BODY_BYTES = 3 * 1024 * 1024  # kube-apiserver's own limit


@dataclass(frozen=True, slots=True)
class Options:
    """Bounds of one API.

    `history`: how many changes a watch may be behind. `bookmark_seconds`: clients such as kopf
    reconnect after 70 s of silence. `max_inflight`, `max_watches`: above them, 429.
    `event_ttl_seconds`: how long core events are kept.
    """

    history: int = 10_000
    bookmark_seconds: float = 45.0
    max_inflight: int = 200
    max_watches: int = 1_000
    event_ttl_seconds: float = 3600.0


def make_app(
    db_path: Path,
    crds: list[Json],
    validators: Mapping[str, Validator],
    token: str,
    options: Options | None = None,
) -> web.Application:
    """The API on the database at `db_path` (created if absent), for clients that bear `token`.

    `crds` are CustomResourceDefinitions (apiextensions.k8s.io/v1); `validators` maps a kind to
    the rules that its schema cannot say. The file is opened when the application starts and
    closed when it stops; only one process may use it at a time.
    """
    if not token:
        raise ValueError("the embedded API needs a bearer token")
    options = options or Options()
    registry = Registry((*core_resources(), *map(from_crd, crds)))
    openapi = OpenApi(registry)
    hub = Hub()
    gate = _Gate(options, hub)
    app = web.Application(
        client_max_size=_BODY_BYTES,
        middlewares=[_errors, _authentication(token), gate.middleware],
    )

    async def store_context(app: web.Application) -> AsyncIterator[None]:
        store = Store(db_path, hub, history=options.history)
        try:
            writer = Writer(registry, store, validators)
            bootstrap.prepare(registry, store, writer, crds)
            app[_ROUTES] = Routes(
                registry, store, writer, hub, openapi, bookmark_seconds=options.bookmark_seconds
            )
            async with expire_events(registry, store, writer, options.event_ttl_seconds):
                yield
        finally:
            store.close()

    async def end_watches(_app: web.Application) -> None:
        hub.close()

    app.cleanup_ctx.append(store_context)
    app.on_shutdown.append(end_watches)
    app.router.add_route("*", "/{path:.*}", _dispatch)
    return app


_ROUTES = web.AppKey("routes", Routes)


async def _dispatch(request: web.Request) -> web.StreamResponse:
    return await request.app[_ROUTES].handle(request)


@web.middleware
async def _errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except ApiError as error:
        return _failure(error)
    except web.HTTPRequestEntityTooLarge:
        return _failure(errors.too_large(_BODY_BYTES))
    except web.HTTPException:
        raise
    except Exception:  # noqa: BLE001 (the last resort: the client is owed a Status)
        _log.exception("%s %s failed", request.method, request.path)
        return _failure(errors.internal())


def _failure(error: ApiError) -> web.Response:
    return web.json_response(error.status(), status=error.code, headers=error.headers)


def _authentication(token: str) -> Middleware:
    expected = f"Bearer {token}".encode()

    @web.middleware
    async def authentication(request: web.Request, handler: Handler) -> web.StreamResponse:
        given = request.headers.get("Authorization", "").encode(errors="surrogateescape")
        if request.path not in _OPEN_PATHS and not hmac.compare_digest(given, expected):
            raise errors.unauthorized()
        return await handler(request)

    return authentication


class _Gate:
    """Bounds what runs at once; watches are counted by themselves, for they last."""

    def __init__(self, options: Options, hub: Hub) -> None:
        self._options = options
        self._hub = hub
        self._inflight = 0
        # web.middleware marks functions; a method cannot be marked, so a closure is.
        self.middleware = self._make()

    def _make(self) -> Middleware:
        @web.middleware
        async def bounded(request: web.Request, handler: Handler) -> web.StreamResponse:
            if is_wanted(request.query):
                if self._hub.watchers >= self._options.max_watches:
                    raise errors.too_many_requests()
                return await handler(request)
            if self._inflight >= self._options.max_inflight:
                raise errors.too_many_requests()
            self._inflight += 1
            try:
                return await handler(request)
            finally:
                self._inflight -= 1

        return bounded
