"""What the gateway is told, from the environment (``PRESSROOM_GATEWAY_*`` and the shared ones)."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import NoDecode

from pressroom.model.batchjob import Dialect
from pressroom.settings import Settings


class ModifierKind(StrEnum):
    """Who makes modifications that are asked for in words."""

    BUILTIN = "builtin"
    NONE = "none"
    OPENAI = "openai"


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

    modifier: ModifierKind = Field(
        ModifierKind.BUILTIN,
        description="Who makes modifications asked for in words: builtin, none, or openai, an "
        "OpenAI-compatible endpoint.",
    )
    modifier_url: str | None = Field(
        None,
        pattern=r"^https?://[^\s?#]+$",
        description="The endpoint's address, without /chat/completions.",
    )
    modifier_model: str | None = Field(None, description="The model that is asked.")
    modifier_api_key: SecretStr | None = Field(None, description="The endpoint's bearer key.")
    modifier_seconds: float = Field(
        60, gt=0, le=280, description="How long the endpoint may take for one modification."
    )

    @model_validator(mode="after")
    def _has_an_endpoint(self) -> Self:
        complete = self.modifier_url and self.modifier_model
        if self.modifier is ModifierKind.OPENAI and not complete:
            raise ValueError("modifier openai needs PRESSROOM_MODIFIER_URL and _MODEL")
        return self

    @field_validator("gateway_dialects", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        return [word.strip() for word in value.split(",")] if isinstance(value, str) else value
