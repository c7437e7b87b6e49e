"""What a shard's run is given: the ports, the renderer and the caches. Holds no logic.

A renderer is known here by its protocol alone, so that everything around rendering can be tried
without a browser.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from pressroom.ports import ACK_WAIT, Queue, Store
from pressroom_worker.catalog import Catalog
from pressroom_worker.metrics import WorkerMetrics
from pressroom_worker.render import Failed, Rendered, RowJob


class Renderer(Protocol):
    """Renders rows of one shard, one result each, in the order given."""

    def render(
        self,
        jobs: Sequence[RowJob],
        *,
        row_timeout: float,
        alone: bool = False,
        realm: str = "",
        on_start: Callable[[int], Awaitable[None]] | None = None,
    ) -> AsyncIterator[Rendered | Failed]:
        """Render within ``row_timeout`` seconds a row; ``on_start`` is awaited before each row.

        ``alone`` takes a fresh browser that no other shard uses. Shards of one ``realm`` may
        follow one another in a tab. BrowserCrashed: the rows without a result have none.
        UnavailableError: there is no browser now, and no row is to blame.
        """
        ...


@dataclass(frozen=True)
class Timing:
    """Deadlines and pauses, all in seconds."""

    #: How long a taken message stays ours after its last heartbeat.
    ack_wait: float = ACK_WAIT
    #: How long one fetch stands. A stopping worker waits for the fetches that stand.
    fetch: float = 1.0
    #: After how long a message is delivered again that met a dependency away, or an error of ours.
    redeliver: float = 5.0
    #: How long a shard waits for the store to come back, to mark its attempt as handed back.
    patience: float = 20.0
    #: What a renderer may take above twice a row's deadline before it counts as dead.
    slack: float = 30.0
    #: The most that the tidying after an interrupted shard may take.
    tidy: float = 5.0


@dataclass(frozen=True)
class Farm:
    """Everything outside a shard's run."""

    worker: str
    queue: Queue
    store: Store
    renderer: Callable[[], Renderer]
    healthy: Callable[[], Awaitable[None]]
    catalog: Catalog
    metrics: WorkerMetrics
    timing: Timing = Timing()
