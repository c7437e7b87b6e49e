"""The operator's own settings."""

from __future__ import annotations

import socket
from typing import Self

from pydantic import Field, model_validator

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
    check_seconds: float = Field(5, gt=0, description="How often store and queue are asked for.")
    autoscale_deployment: str = Field(
        "", description="The workers' Deployment, scaled by the backlog; empty, none is."
    )
    autoscale_min: int = Field(1, ge=0, description="Workers at least; 0 lets the last one go.")
    autoscale_max: int = Field(10, ge=1, description="Workers at most.")
    autoscale_slots: int = Field(2, ge=1, description="Slots of a worker before one is heard of.")
    autoscale_rows_per_slot: int = Field(
        20, ge=1, description="Rows waiting that are worth one more slot."
    )
    autoscale_quiet_seconds: float = Field(
        120, ge=0, description="How long fewer workers must have been enough before some go."
    )

    @model_validator(mode="after")
    def _has_room(self) -> Self:
        if self.autoscale_min > self.autoscale_max:
            raise ValueError(
                "PRESSROOM_AUTOSCALE_MIN must not be above PRESSROOM_AUTOSCALE_MAX "
                f"({self.autoscale_min} > {self.autoscale_max})"
            )
        return self
