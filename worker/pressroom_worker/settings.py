"""Settings of the worker, read from the environment (prefix ``PRESSROOM_``)."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import Field

from pressroom.settings import Settings


class WorkerSettings(Settings):
    """What a worker is told besides where its dependencies are."""

    slots: int = Field(
        default_factory=lambda: os.cpu_count() or 1, ge=1, description="Shards rendered at once."
    )
    chromium: Path | None = Field(
        None, description="The browser's executable; absent, where its package puts it."
    )
    sandbox: bool = Field(
        True, description="Chromium's own sandbox; off only where the cluster cannot allow it."
    )
    drain_seconds: float = Field(
        5, ge=0, description="On SIGTERM, how long running shards may take to finish."
    )
    probe_host: str = Field("0.0.0.0", description="Where the probes listen.")
    probe_port: int = Field(8081, description="Port of the probes; 0 takes a free one.")
