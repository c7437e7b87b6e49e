"""What only a local farm and its owner know: keys, secrets and a token. It starts nothing."""

from __future__ import annotations

import base64
import os
from dataclasses import dataclass
from datetime import timedelta

import jwt

from pressroom.model.base import now
from pressroom.names import DEFAULT_TENANT
from pressroom_local.state import State, new_api_key

#: How long the token in ``local.json`` holds; every start makes another one.
TOKEN_LIFE = timedelta(days=365)


@dataclass(frozen=True)
class Credentials:
    """Kept in the state directory; but for ``token``, which every start makes anew."""

    api_key: str
    s3_access_key: str
    s3_secret_key: str
    kube_token: str
    jwt_secret: str
    webhook_secret: str
    token: str

    @classmethod
    def of(cls, state: State) -> Credentials:
        """Those of the state directory, made at its first start."""
        jwt_secret = state.secret("jwt-secret", os.urandom(32).hex())
        return cls(
            api_key=state.secret("api-key", new_api_key()),
            s3_access_key=state.secret("s3-access-key", os.urandom(10).hex()),
            s3_secret_key=state.secret("s3-secret-key", os.urandom(20).hex()),
            kube_token=state.secret(state.kube_token.name, os.urandom(20).hex()),
            jwt_secret=jwt_secret,
            webhook_secret=state.secret("webhook-secret", new_webhook_secret()),
            token=new_token(jwt_secret),
        )


def new_webhook_secret() -> str:
    """As Standard Webhooks writes one: ``whsec_`` and 24 random bytes in base64."""
    return "whsec_" + base64.b64encode(os.urandom(24)).decode()


def new_token(secret: str) -> str:
    """An HS256 token of the tenant ``default`` that may do everything."""
    at = now()
    claims = {"sub": "local", "tenant": DEFAULT_TENANT, "iat": at, "exp": at + TOKEN_LIFE}
    return jwt.encode(claims, secret, algorithm="HS256")
