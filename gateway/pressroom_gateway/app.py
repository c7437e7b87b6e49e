"""The HTTP application: routes, and around every one of them identity, errors and metrics."""

from __future__ import annotations

import asyncio
import re
import time
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from pressroom.errors import Code, UserError
from pressroom.informer import Informer
from pressroom.modifier import Modifier
from pressroom.names import LABEL_API_KEY
from pressroom.ports import BATCH_JOBS, SECRETS, TEMPLATES, TENANTS, Counters, Jobs, Queue, Store
from pressroom.probes import add_probes
from pressroom_gateway.active import ActiveJobs
from pressroom_gateway.admission import Admission
from pressroom_gateway.auth import Doors
from pressroom_gateway.hints import DoneHints
from pressroom_gateway.keyring import Identity, KeyRing
from pressroom_gateway.limits import tenant_of
from pressroom_gateway.metrics import Metrics
from pressroom_gateway.problems import Envelope, fault_of, problem
from pressroom_gateway.ratelimit import RateLimits
from pressroom_gateway.route import ROUTE, Route
from pressroom_gateway.routes import routes_of
from pressroom_gateway.services import HEADERS, IDENTITY, SERVICES, TENANT, Services
from pressroom_gateway.settings import GatewaySettings
from pressroom_gateway.tokens import Tokens
from pressroom_gateway.view import View, slim_batch

_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,100}")


@asynccontextmanager
async def open_services(
    settings: GatewaySettings,
    jobs: Jobs,
    queue: Queue,
    store: Store,
    counters: Counters,
    metrics: Metrics,
    modifier: Modifier | None = None,
) -> AsyncIterator[Services]:
    """The services, their caches kept current while the context is open."""
    namespace = settings.namespace
    active = ActiveJobs()
    batches = Informer(jobs, BATCH_JOBS, namespace, active.seen, slim=slim_batch)
    templates = Informer(jobs, TEMPLATES, namespace)
    tenants = Informer(jobs, TENANTS, namespace)
    ring = KeyRing()
    keys = Informer(jobs, SECRETS, namespace, ring.seen, label_selector=f"{LABEL_API_KEY}=true")
    hints = DoneHints(queue)
    services = Services(
        modifier=modifier,
        settings=settings,
        jobs=jobs,
        queue=queue,
        store=store,
        batches=View(jobs, BATCH_JOBS, namespace, batches, active.seen),
        templates=View(jobs, TEMPLATES, namespace, templates),
        tenants=tenants,
        doors=Doors(ring, Tokens(settings), keys.synced),
        admission=Admission(RateLimits(counters, metrics.alone), active),
        hints=hints,
        metrics=metrics,
        informers=(batches, templates, tenants, keys),
    )
    runs = [
        *(informer.run() for informer in services.informers),
        hints.run(),
        ring.note_uses(jobs),
    ]
    tasks = [asyncio.create_task(run) for run in runs]
    try:
        yield services
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


def make_app(services: Services, routes: Sequence[Route] | None = None) -> web.Application:
    """The application over ``services``, by default with the routes that its settings ask for."""
    if routes is None:
        routes = routes_of(services.settings.gateway_dialects)
    envelopes = {route.path: route.envelope for route in routes}
    app = web.Application(
        middlewares=[_observe(services.metrics), _explain(envelopes), _identify(routes)]
    )
    app[SERVICES] = services
    app.on_response_prepare.append(_sign)
    for route in routes:
        app.router.add_route(route.method, route.path, route.handler)
    add_probes(
        app,
        {
            "kubernetes": services.jobs.check,
            "caches": services.check_caches,
            "nats": services.queue.check,
            "store": services.store.check,
        },
        services.metrics.registry,
    )
    return app


async def _sign(request: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(request.get(HEADERS, {}))


def _observe(metrics: Metrics) -> Middleware:
    """Names the request, and counts it."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        given = request.headers.get("X-Request-Id", "")
        request[HEADERS] = {
            "X-Request-Id": given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        }
        began = time.perf_counter()
        response = await handler(request)
        seconds = time.perf_counter() - began
        metrics.request(request.method, _canonical(request), response.status, seconds)
        return response

    return middleware


def _explain(envelopes: dict[str, Envelope]) -> Middleware:
    """Turns every error into an answer in the words of the API whose address was asked for."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except Exception as error:  # noqa: BLE001 - fault_of logs what nobody foresaw
            path = _canonical(request) or await _address(request)
            return envelopes.get(path, problem)(fault_of(error))

    return middleware


def _identify(routes: Sequence[Route]) -> Middleware:
    """Asks who it is, by the rule of the route, before its handler runs."""
    known = {(route.method, route.path): route for route in routes}

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        route = known.get((request.method, _canonical(request)))
        if route is not None and route.authenticate is not None:
            services = request.app[SERVICES]
            identity = await route.authenticate(request, services.doors)
            _refuse_beyond(identity, route)
            request[ROUTE] = route
            request[IDENTITY] = identity
            resource = services.tenants.get(services.namespace, identity.tenant)
            request[TENANT] = tenant = tenant_of(identity.tenant, resource)
            await services.admission.request(
                tenant, identity, route.dialect, route.ceilings, request[HEADERS]
            )
        return await handler(request)

    return middleware


def _refuse_beyond(identity: Identity, route: Route) -> None:
    """403 where the key or token is not for this."""
    if identity.scopes is not None and route.needs not in identity.scopes:
        raise UserError(
            Code.FORBIDDEN, f"This key or token lacks the scope {route.needs}.", status=403
        )


def _canonical(request: web.Request) -> str:
    """The path of the matched route; empty for 404 and 405."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else ""


async def _address(request: web.Request) -> str:
    """The route's path that would have matched by another method."""
    for resource in request.app.router.resources():
        _, methods = await resource.resolve(request)
        if methods:
            return resource.canonical
    return ""
