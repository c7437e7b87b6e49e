"""Settings that several parts share, read from the environment (prefix ``PRESSROOM_``).

A part's own settings are a subclass in the part. Secrets may also come from files below the
directory that ``PRESSROOM_SECRETS_DIR`` names.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """What every part is told."""

    model_config = SettingsConfigDict(env_prefix="PRESSROOM_", frozen=True, extra="ignore")

    namespace: str = Field("pressroom", description="The namespace whose resources are served.")
    log_format: str = Field("text", pattern="^(text|json)$", description="text or json.")
    log_level: str = Field("INFO", description="DEBUG, INFO, WARNING or ERROR.")
    call_timeout_seconds: float = Field(10, description="Deadline of one call to a dependency.")
    webhook_allow: str = Field(
        "",
        description="Comma-separated CIDRs and host names that webhooks may reach although their "
        "addresses are not public. The gateway and the finalizer must be told the same.",
    )


class NatsSettings(BaseSettings):
    """Where NATS is."""

    model_config = SettingsConfigDict(env_prefix="PRESSROOM_NATS_", frozen=True, extra="ignore")

    url: str = "nats://127.0.0.1:4222"
    user: str | None = None
    password: SecretStr | None = None
    replicas: int = Field(1, description="Replicas of the streams.")


class S3Settings(BaseSettings):
    """Where the object store is. ``public_endpoint`` is where clients reach it."""

    model_config = SettingsConfigDict(env_prefix="PRESSROOM_S3_", frozen=True, extra="ignore")

    endpoint: str = "http://127.0.0.1:8333"
    public_endpoint: str | None = None
    access_key: SecretStr = SecretStr("")
    secret_key: SecretStr = SecretStr("")
    bucket: str = "pressroom"
    create_bucket: bool = Field(False, description="The operator creates the bucket if absent.")
    region: str = "us-east-1"
    pool: int = Field(16, description="Connections, and threads, at most.")


class KubeSettings(BaseSettings):
    """Where the Kubernetes API is: a kubeconfig, or the pod's own service account if absent."""

    model_config = SettingsConfigDict(env_prefix="PRESSROOM_KUBE_", frozen=True, extra="ignore")

    config: Path | None = Field(None, description="A kubeconfig file.")
