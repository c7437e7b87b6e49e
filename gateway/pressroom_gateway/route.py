"""What a route is: data that the application binds. It imports no handler."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

from pressroom.dialects.ceilings import Ceilings
from pressroom.model.batchjob import Dialect
from pressroom.model.scopes import Scope
from pressroom_gateway.auth import Authenticate, api_key
from pressroom_gateway.problems import Envelope, problem

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Route:
    """A method and path (aiohttp's pattern), what handles it, and in whose words it answers.

    ``authenticate`` says who asks, or raises; None for a route that is open to all. ``ceilings``
    are those of a call that creates a job.
    """

    method: str
    path: str
    handler: Handler
    envelope: Envelope = problem
    authenticate: Authenticate | None = api_key
    dialect: Dialect = Dialect.NATIVE
    scope: Scope | None = None
    ceilings: Ceilings | None = None

    @property
    def needs(self) -> Scope:
        """The scope to come in: as stated, else reading or writing batches by the method."""
        if self.scope is not None:
            return self.scope
        return Scope.BATCHES_READ if self.method == "GET" else Scope.BATCHES_WRITE


ROUTE = web.RequestKey("route", Route)
