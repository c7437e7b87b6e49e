"""What the gateway is told, from the environment (``PRESSROOM_GATEWAY_*`` and the shared ones)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from pressroom.settings import Settings


class GatewaySettings(Settings):
    """The gateway's own settings."""

    gateway_host: str = Field("0.0.0.0", description="The address to listen on.")
    gateway_port: int = Field(8080, description="The port to listen on; 0 takes a free one.")
    gateway_auth: Literal["keys"] = Field(
        "keys", description="keys: API keys from Secrets with the label pressroom.dev/api-key."
    )
    gateway_presign_seconds: int = Field(
        3600, ge=1, le=604_800, description="How long a download link holds."
    )
    gateway_max_json_bytes: int = Field(
        64 * 1024 * 1024,
        description="The largest JSON body, which is held in memory; NDJSON and CSV are streamed.",
    )
