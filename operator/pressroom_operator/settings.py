"""The operator's own settings."""

from __future__ import annotations

import socket

from pydantic import Field

from pressroom.settings import Settings


class OperatorSettings(Settings):
    """What the operator is told, beside what every part is told."""

    probe_host: str = "0.0.0.0"
    probe_port: int = 8081
    operator_identity: str = Field(
        default_factory=socket.gethostname,
        description="Holder of the Lease: the pod's name. Never two at once with the same.",
    )
    lease_seconds: int = Field(15, description="How long a Lease is good without renewal.")
    resync_seconds: float = Field(30, description="How often everything is looked at again.")
    sweep_seconds: float = Field(3600, description="How often orphans are looked for.")
    upload_grace_seconds: float = Field(86_400, description="Age at which an unused upload goes.")
    max_retained_jobs: int = Field(20_000, description="Finished jobs kept, farm-wide.")
    patches_per_second: float = Field(20, description="Progress patches, farm-wide.")
    reconcilers: int = Field(8, description="Jobs looked after at once.")
