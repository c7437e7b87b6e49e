"""What the gateway is told, from the environment (``PRESSROOM_GATEWAY_*`` and the shared ones)."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import NoDecode

from pressroom.model.batchjob import Dialect
from pressroom.settings import Settings


class GatewaySettings(Settings):
    """The gateway's own settings."""

    gateway_host: str = Field("0.0.0.0", description="The address to listen on.")
    gateway_port: int = Field(8080, description="The port to listen on; 0 takes a free one.")
    gateway_dialects: Annotated[tuple[Dialect, ...], NoDecode] = Field(
        tuple(Dialect), description="The APIs that are served, separated by commas; Native always."
    )
    gateway_jwt_secret: SecretStr | None = Field(
        None, min_length=32, description="Accept tokens signed with this secret (HS256)."
    )
    gateway_jwt_jwks_url: str | None = Field(
        None, description="Accept tokens signed with the keys at this address (RS256, ES256)."
    )
    gateway_jwt_issuer: str | None = Field(None, description="What a token's iss must be.")
    gateway_jwt_audience: str | None = Field(None, description="What a token's aud must hold.")
    gateway_jwt_tenant_claim: str = Field("tenant", description="The claim that names the tenant.")
    gateway_presign_seconds: int = Field(
        3600, ge=1, le=604_800, description="How long a download link holds."
    )
    gateway_max_json_bytes: int = Field(
        64 * 1024 * 1024,
        description="The largest JSON body, which is held in memory; NDJSON and CSV are streamed.",
    )

    @field_validator("gateway_dialects", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        return [word.strip() for word in value.split(",")] if isinstance(value, str) else value
