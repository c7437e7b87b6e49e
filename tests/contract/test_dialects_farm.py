"""The farm that the dialects are tried on has what their documents presume."""

from __future__ import annotations

import base64

import pytest
import requests
from dialects_support import DialectFarm, Receiver
from standardwebhooks import Webhook

pytestmark = pytest.mark.integration


def test_its_key_and_its_token_are_the_tenants(farm: DialectFarm) -> None:
    for credential in (farm.key, farm.jwt):
        headers = {"Authorization": f"Bearer {credential}"}
        assert (
            requests.get(f"{farm.url}/v1/batches", headers=headers, timeout=30).status_code == 200
        )
    headers = {"Authorization": f"Bearer {farm.jwt[:-4]}AAAA"}
    assert requests.get(f"{farm.url}/v1/batches", headers=headers, timeout=30).status_code == 401


def test_a_webhook_on_this_machine_is_called_and_signed_by_the_tenants_secret(
    farm: DialectFarm, receiver: Receiver
) -> None:
    assert len(base64.b64decode(farm.webhook_secret.removeprefix("whsec_"))) == 24
    body = {"html": "<p>{{ n }}</p>", "rows": [{"n": 1}], "webhook": {"url": receiver.url}}
    answer = farm.native("POST", "/v1/batches", json=body)
    assert answer.status_code == 202, answer.text
    call = receiver.next()
    Webhook(farm.webhook_secret).verify(call.body, dict(call.headers))
    assert answer.json()["id"] in call.body.decode()
