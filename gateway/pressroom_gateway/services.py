"""What the handlers work with, made once by ``main`` (or a test) and passed down."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from pressroom.errors import UnavailableError
from pressroom.informer import Informer
from pressroom.modifier import Modifier
from pressroom.ports import Jobs, Queue, Store
from pressroom_gateway.admission import Admission
from pressroom_gateway.auth import Doors
from pressroom_gateway.hints import DoneHints
from pressroom_gateway.keyring import Identity
from pressroom_gateway.limits import Tenant
from pressroom_gateway.metrics import Metrics
from pressroom_gateway.settings import GatewaySettings
from pressroom_gateway.view import Cache, View


@dataclass(frozen=True)
class Services:
    """The ports, the caches over them, and the settings."""

    settings: GatewaySettings
    jobs: Jobs
    queue: Queue
    store: Store
    batches: View
    templates: View
    tenants: Cache
    doors: Doors
    admission: Admission
    hints: DoneHints
    metrics: Metrics
    informers: tuple[Informer, ...]
    modifier: Modifier | None = None

    async def check_caches(self) -> None:
        """UnavailableError until every kind has been listed once."""
        if not all(informer.synced.is_set() for informer in self.informers):
            raise UnavailableError("The resources have not been listed yet.")

    @property
    def namespace(self) -> str:
        """The namespace whose resources are served."""
        return self.settings.namespace


SERVICES = web.AppKey("services", Services)
TENANT = web.RequestKey("tenant", Tenant)
IDENTITY = web.RequestKey("identity", Identity)
#: Headers for the answer, whatever becomes of the request: a document or a problem.
HEADERS = web.RequestKey("headers", dict[str, str])
