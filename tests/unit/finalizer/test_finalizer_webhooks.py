"""Webhooks: what receivers get, and when they are called again."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from finalizer_support import UID, task
from standardwebhooks import Webhook

from pressroom import names
from pressroom.addresses import Admitted
from pressroom.model.base import now
from pressroom.model.ledger import Task, WebhookRecord, WebhookTask
from pressroom.ports import SECRETS
from pressroom.testing.memory_jobs import MemoryJobs
from pressroom.testing.memory_store import MemoryStore
from pressroom_finalizer.webhooks import (
    DELAYS,
    MAX_ATTEMPTS,
    Answer,
    WebhookOptions,
    deliver,
    message_id,
    outcome,
    retry_after,
    signing_keys,
)

AT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
LOCAL = WebhookOptions(2, Admitted.parse("127.0.0.0/8"))
BODY = '{"type":"batch.completed","data":{"name":"Zoë"}}'


class Receiver:
    """A webhook receiver that answers as it is told and remembers what came."""

    def __init__(self) -> None:
        self.status = 204
        self.headers: dict[str, str] = {}
        self.calls: list[tuple[str, dict[str, str], bytes]] = []

    async def handle(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.calls.append((request.path, headers, await request.read()))
        return web.Response(status=self.status, headers=self.headers)


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


@pytest.fixture
async def url(receiver: Receiver) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", receiver.handle)
    async with TestServer(app) as server:
        yield str(server.make_url("/hook"))


def webhook_task(url: str, secret: str | None = None, **more: Any) -> Task:
    hook = WebhookTask(url=url, secret_ref=secret, event="batch.completed", body=BODY, **more)
    return task().evolve(webhook=hook)


async def record_in(store: MemoryStore) -> WebhookRecord:
    return WebhookRecord.model_validate(orjson.loads(await store.get(names.webhook_key(UID))))


async def with_secret(text: str | bytes) -> MemoryJobs:
    jobs = MemoryJobs()
    data = text.encode() if isinstance(text, str) else text
    body: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "hook", "namespace": "farm"},
        "data": {"secret": base64.b64encode(data).decode()},
    }
    await jobs.create(SECRETS, "farm", body)
    return jobs


async def test_a_receiver_gets_the_body_as_it_is_and_the_outcome_is_recorded(
    url: str, receiver: Receiver
) -> None:
    store = MemoryStore()
    assert await deliver(store, MemoryJobs(), webhook_task(url), LOCAL)
    [(path, headers, body)] = receiver.calls
    assert (path, body) == ("/hook", BODY.encode())
    assert headers["content-type"] == "application/json"
    assert headers["webhook-id"] == message_id(UID, "batch.completed")
    assert "webhook-signature" not in headers
    record = await record_in(store)
    assert (record.delivered, record.attempts, record.last_status) == (True, 1, 204)


RANDOM = "whsec_" + base64.b64encode(bytes(range(24))).decode()


@pytest.mark.parametrize("text", [RANDOM, RANDOM.removeprefix("whsec_"), RANDOM + "\n"])
async def test_the_signature_is_that_of_standard_webhooks(
    url: str, receiver: Receiver, text: str
) -> None:
    await deliver(MemoryStore(), await with_secret(text), webhook_task(url, "hook"), LOCAL)
    [(_, headers, body)] = receiver.calls
    assert Webhook(text.strip()).verify(body, headers) == orjson.loads(BODY)
    assert "." not in headers["webhook-id"]


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("plain text", b"plain text"),
        ("a word that is base64 too".replace(" ", ""), b"awordthatisbase64too"),
        ("whsec_!", b"whsec_!"),
        ("whsec_é", "whsec_é".encode()),
    ],
)
async def test_a_secret_that_was_made_up_is_the_key_itself(
    url: str, receiver: Receiver, text: str, key: bytes
) -> None:
    await deliver(MemoryStore(), await with_secret(text), webhook_task(url, "hook"), LOCAL)
    [(_, headers, body)] = receiver.calls
    assert Webhook(key).verify(body, headers) == orjson.loads(BODY)


def test_a_key_after_the_prefix_needs_no_padding() -> None:
    assert signing_keys("whsec_" + base64.b64encode(b"k" * 25).decode().rstrip("=")) == (b"k" * 25,)


async def test_a_dialects_own_signature_is_hex_of_the_exact_body_by_the_secrets_text(
    url: str, receiver: Receiver
) -> None:
    hook = webhook_task(url, "hook", signature_header="X-LightningPDF-Signature")
    await deliver(MemoryStore(), await with_secret(RANDOM), hook, LOCAL)
    [(_, headers, body)] = receiver.calls
    expected = hmac.new(RANDOM.encode(), body, hashlib.sha256).hexdigest()
    assert headers["x-lightningpdf-signature"] == expected
    Webhook(RANDOM).verify(body, headers)


async def test_without_a_secret_there_is_no_signature_of_any_kind(
    url: str, receiver: Receiver
) -> None:
    hook = webhook_task(url, signature_header="X-LightningPDF-Signature")
    await deliver(MemoryStore(), MemoryJobs(), hook, LOCAL)
    [(_, headers, _)] = receiver.calls
    assert not [name for name in headers if "signature" in name]


@pytest.mark.parametrize("admitted", [["127.0.0.1"], ["127.0.0.0/8"], ["localhost"]])
async def test_a_tenant_may_admit_receivers_inside(
    url: str, receiver: Receiver, admitted: list[str]
) -> None:
    target = url.replace("127.0.0.1", "localhost")
    options, store = WebhookOptions(2, Admitted()), MemoryStore()
    await deliver(store, MemoryJobs(), webhook_task(target, admitted=admitted), options)
    assert (await record_in(store)).delivered
    assert len(receiver.calls) == 1


async def test_a_redelivery_is_a_new_round_of_calls_with_the_same_id(
    url: str, receiver: Receiver
) -> None:
    store, again = MemoryStore(), webhook_task(url, redelivery="2026-03-04T05:06:07Z")
    receiver.status = 410
    await deliver(store, MemoryJobs(), webhook_task(url), LOCAL)
    receiver.status = 200
    for _ in range(2):  # a task that comes twice is done once
        await deliver(store, MemoryJobs(), again, LOCAL)
    first, second = (headers["webhook-id"] for _, headers, _ in receiver.calls)
    assert first == second
    record = await record_in(store)
    assert (record.delivered, record.gave_up, record.attempts) == (True, False, 1)
    assert record.redelivery == "2026-03-04T05:06:07Z"


async def test_retry_after_of_a_receiver_is_honoured(url: str, receiver: Receiver) -> None:
    receiver.status, receiver.headers = 503, {"Retry-After": "120"}
    store = MemoryStore()
    await deliver(store, MemoryJobs(), webhook_task(url), LOCAL)
    record = await record_in(store)
    assert record.next_attempt_at is not None
    assert record.next_attempt_at - record.updated_at >= timedelta(seconds=120)


async def test_without_its_secret_a_webhook_waits_and_is_never_sent_unsigned(
    url: str, receiver: Receiver
) -> None:
    store = MemoryStore()
    await deliver(store, MemoryJobs(), webhook_task(url, "hook"), LOCAL)
    record = await record_in(store)
    assert receiver.calls == []
    assert not record.delivered
    assert record.next_attempt_at is not None
    assert "Secret" in (record.last_error or "")


async def test_a_secret_that_is_no_text_is_a_failed_call_and_recorded(
    url: str, receiver: Receiver
) -> None:
    store = MemoryStore()
    await deliver(store, await with_secret(b"\xff\xfe"), webhook_task(url, "hook"), LOCAL)
    record = await record_in(store)
    assert receiver.calls == []
    assert (record.delivered, record.attempts) == (False, 1)
    assert record.last_error == "the key in the webhook's Secret is not UTF-8 text"


async def test_a_record_that_cannot_be_read_is_replaced(url: str, receiver: Receiver) -> None:
    store = MemoryStore()
    await store.put(names.webhook_key(UID), b"{")
    await deliver(store, MemoryJobs(), webhook_task(url), LOCAL)
    assert len(receiver.calls) == 1
    assert (await record_in(store)).delivered


async def test_a_redirect_is_a_failure_and_not_followed(url: str, receiver: Receiver) -> None:
    receiver.status, receiver.headers = 307, {"Location": "/elsewhere"}
    store = MemoryStore()
    await deliver(store, MemoryJobs(), webhook_task(url), LOCAL)
    assert [path for path, _, _ in receiver.calls] == ["/hook"]
    record = await record_in(store)
    assert (record.delivered, record.last_status) == (False, 307)


async def test_gone_means_no_more_calls(url: str, receiver: Receiver) -> None:
    receiver.status = 410
    store = MemoryStore()
    await deliver(store, MemoryJobs(), webhook_task(url), LOCAL)
    record = await record_in(store)
    assert record.gave_up
    assert record.next_attempt_at is None
    await deliver(store, MemoryJobs(), webhook_task(url), LOCAL)
    assert len(receiver.calls) == 1


async def test_a_delivered_webhook_is_not_called_again(url: str, receiver: Receiver) -> None:
    store = MemoryStore()
    for _ in range(2):
        await deliver(store, MemoryJobs(), webhook_task(url), LOCAL)
    assert len(receiver.calls) == 1


async def test_a_webhook_that_is_not_due_is_left_alone_and_one_that_is_goes_out(
    url: str, receiver: Receiver
) -> None:
    store = MemoryStore()
    receiver.status = 500
    await deliver(store, MemoryJobs(), webhook_task(url), LOCAL)
    await deliver(store, MemoryJobs(), webhook_task(url), LOCAL)
    assert len(receiver.calls) == 1
    due = (await record_in(store)).evolve(next_attempt_at=now() - timedelta(seconds=1))
    await store.put(names.webhook_key(UID), orjson.dumps(due.wire()))
    receiver.status = 200
    await deliver(store, MemoryJobs(), webhook_task(url), LOCAL)
    record = await record_in(store)
    assert (record.delivered, record.attempts) == (True, 2)
    first, second = (headers["webhook-id"] for _, headers, _ in receiver.calls)
    assert first == second


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0x7f000001", "[::ffff:127.0.0.1]"])
async def test_addresses_inside_are_refused_however_they_are_spelled(
    url: str, receiver: Receiver, host: str
) -> None:
    store = MemoryStore()
    target = url.replace("127.0.0.1", host)
    await deliver(store, MemoryJobs(), webhook_task(target), WebhookOptions(2, Admitted()))
    record = await record_in(store)
    assert receiver.calls == []
    assert record.last_error == "the host's address is not public"
    # Calling again would not help, unlike after a failure that may pass.
    assert (record.refused, record.gave_up, record.next_attempt_at) == (True, True, None)


@pytest.mark.parametrize("host", ["2130706433", "127.1"])
async def test_odd_spellings_of_addresses_reach_nothing(
    url: str, receiver: Receiver, host: str
) -> None:
    store = MemoryStore()
    await deliver(store, MemoryJobs(), webhook_task(url.replace("127.0.0.1", host)), LOCAL)
    assert receiver.calls == []
    assert not (await record_in(store)).delivered


async def test_a_receiver_that_does_not_answer_meets_the_deadline() -> None:
    async def never(_: web.Request) -> web.Response:
        await arrived.wait()
        return web.Response()

    arrived = asyncio.Event()
    app = web.Application()
    app.router.add_post("/hook", never)
    store = MemoryStore()
    async with TestServer(app) as server:
        options = WebhookOptions(0.1, LOCAL.admitted)
        target = str(server.make_url("/hook"))
        await deliver(store, MemoryJobs(), webhook_task(target), options)
        arrived.set()
    assert (await record_in(store)).last_error == "no answer within 0.1 s"


async def test_a_url_that_is_none_is_a_failure_like_any_other() -> None:
    store = MemoryStore()
    await deliver(store, MemoryJobs(), webhook_task("http://:99999/"), LOCAL)
    assert (await record_in(store)).last_error == "the URL is not valid"


@pytest.mark.parametrize(("chance", "factor"), [(0.0, 0.9), (0.5, 1.0), (1.0, 1.1)])
def test_ten_calls_are_spread_over_three_days_and_then_it_gives_up(
    chance: float, factor: float
) -> None:
    waits = []
    for attempts in range(1, MAX_ATTEMPTS):
        record = outcome(Answer(500, "HTTP 500"), attempts, AT, chance)
        assert record.next_attempt_at is not None
        waits.append((record.next_attempt_at - AT).total_seconds())
    assert waits == pytest.approx([factor * delay for delay in DELAYS], abs=1)
    assert 2.5 * 86_400 <= sum(waits) < 4 * 86_400
    last = outcome(Answer(500, "HTTP 500"), MAX_ATTEMPTS, AT, chance)
    assert (last.gave_up, last.next_attempt_at, MAX_ATTEMPTS) == (True, None, 10)


def test_retry_after_may_lengthen_the_wait_but_not_shorten_it() -> None:
    longer = outcome(Answer(429, "HTTP 429", retry_after=60), 1, AT, 0.5)
    assert longer.next_attempt_at == AT + timedelta(seconds=60)
    shorter = outcome(Answer(429, "HTTP 429", retry_after=1), 2, AT, 0.5)
    assert shorter.next_attempt_at == AT + timedelta(seconds=DELAYS[1])


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("120", 120), ("Wed, 04 Mar 2026 05:07:07 GMT", 60), ("soon", 0), ("-5", 0)],
)
def test_retry_after_is_seconds_or_a_date(value: str, seconds: float) -> None:
    assert retry_after({"Retry-After": value}, AT) == seconds
    assert retry_after({}, AT) == 0
