"""Calls webhooks as Standard Webhooks describes, and records what became of them.

One call a task: a webhook that must wait is recorded with the time it is due, and the operator
queues it again then. A task of another round of calls than the record's begins anew. Redirects are
not followed; addresses that are not public are refused for good.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import aiohttp
import orjson
from pydantic import ValidationError
from yarl import URL

from pressroom import __version__, names
from pressroom.addresses import Admitted
from pressroom.dialling import dialler, is_refusal, reason
from pressroom.errors import NotFoundError
from pressroom.model.base import now
from pressroom.model.ledger import Task, WebhookRecord, WebhookTask
from pressroom.ports import SECRETS, Jobs, Store
from pressroom_finalizer.faults import SecretError

_log = logging.getLogger(__name__)

#: Seconds to wait after the 1st, 2nd, … failed call; after the last one, nothing more: 3.2 days,
#: give or take the tenth by which each varies, so that calls that failed together spread.
DELAYS = (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
MAX_ATTEMPTS = len(DELAYS) + 1
_JITTER = 0.1
_MAX_RETRY_AFTER = 86_400.0


@dataclass(frozen=True)
class WebhookOptions:
    """Seconds for one call, and what may be called besides the public internet."""

    seconds: float
    admitted: Admitted


@dataclass(frozen=True)
class Answer:
    """What one call came to: an HTTP status, or none and what went wrong instead.

    ``refused``: the address may not be reached, so there is no use in calling again.
    """

    status: int | None = None
    error: str | None = None
    retry_after: float = 0.0
    refused: bool = False

    @property
    def delivered(self) -> bool:
        """Whether the receiver took it: any 2xx."""
        return self.status is not None and 200 <= self.status < 300


async def deliver(
    store: Store,
    jobs: Jobs,
    task: Task,
    options: WebhookOptions,
    *,
    called: Callable[[WebhookRecord], None] | None = None,
) -> bool:
    """Call the task's webhook once, unless it is settled or not due, and record the outcome.

    ``called`` is given the record of a call that was made. False where the task names no webhook.
    Raises UnavailableError if the store or the API is away.
    """
    if task.webhook is None:
        return False
    record = await _record(store, task.uid)
    if record is not None and record.redelivery != task.webhook.redelivery:
        record = None
    if record is not None and not _is_due(record, now()):
        return True
    try:
        secret = await _secret(jobs, task)
    except SecretError as error:
        answer = Answer(error=error.message)
    else:
        answer = await call(task.uid, task.webhook, secret, options)
    attempts = record.attempts + 1 if record is not None else 1
    new = outcome(answer, attempts, now(), random.random())
    new = new.evolve(redelivery=task.webhook.redelivery)
    await store.put(
        names.webhook_key(task.uid), orjson.dumps(new.wire()), content_type="application/json"
    )
    if called is not None:
        called(new)
    _log.info(
        "webhook %s",
        "delivered" if new.delivered else f"failed: {new.last_error}",
        extra={"action": "webhook", "uid": task.uid, "attempts": attempts},
    )
    return True


def outcome(answer: Answer, attempts: int, at: datetime, chance: float) -> WebhookRecord:
    """The record after call number ``attempts``, with the time of the next one if there is one.

    ``chance``, from 0 to 1, is where in its range the wait lies.
    """
    final = answer.status == 410 or answer.refused or attempts >= MAX_ATTEMPTS
    gave_up = not answer.delivered and final
    next_at = None
    if not answer.delivered and not gave_up:
        usual = DELAYS[attempts - 1] * (1 + _JITTER * (2 * chance - 1))
        wait = max(usual, min(answer.retry_after, _MAX_RETRY_AFTER))
        # The record holds whole seconds: rather late than sooner than a receiver asked for.
        next_at = (at + timedelta(seconds=wait + 1, microseconds=-1)).replace(microsecond=0)
    return WebhookRecord(
        delivered=answer.delivered,
        attempts=attempts,
        last_status=answer.status,
        last_error=None if answer.delivered else answer.error,
        next_attempt_at=next_at,
        gave_up=gave_up,
        refused=answer.refused,
        updated_at=at,
    )


async def call(
    uid: str, webhook: WebhookTask, secret: str | None, options: WebhookOptions
) -> Answer:
    """One POST. Never raises for what the receiver does or is."""
    body = webhook.body.encode()
    headers = signed_headers(message_id(uid, webhook.event), body, secret, now())
    if webhook.signature_header is not None and secret is not None:
        headers[webhook.signature_header] = hex_signature(body, secret)
    admitted = options.admitted.and_also(webhook.admitted)
    try:
        url = URL(webhook.url)
        host = url.host or ""
        connector = aiohttp.TCPConnector(
            socket_factory=dialler(lambda address: admitted.admits(host, address)),
            force_close=True,
        )
        async with (
            aiohttp.ClientSession(
                connector=connector, timeout=aiohttp.ClientTimeout(total=options.seconds)
            ) as session,
            session.post(url, data=body, headers=headers, allow_redirects=False) as response,
        ):
            return _answer(response)
    except TimeoutError:
        return Answer(error=f"no answer within {options.seconds:g} s")
    except (aiohttp.ClientError, OSError, ValueError) as error:
        if is_refusal(error):
            return Answer(error="the host's address is not public", refused=True)
        return Answer(error=reason(error))


def _answer(response: aiohttp.ClientResponse) -> Answer:
    status = response.status
    if 200 <= status < 300:
        return Answer(status)
    text = "redirects are not followed" if 300 <= status < 400 else "not a success"
    return Answer(status, f"HTTP {status}: {text}", retry_after(response.headers, now()))


def message_id(uid: str, event: str) -> str:
    """The stable ``webhook-id``: the same in every call for this event. It has no dots."""
    return "msg_" + re.sub(r"[^A-Za-z0-9_-]", "_", f"{uid}_{event}")


def signed_headers(message: str, body: bytes, secret: str | None, at: datetime) -> dict[str, str]:
    """The headers of a call; signed by HMAC-SHA-256 over id, time and body if there is a secret."""
    stamp = str(int(at.timestamp()))
    headers = {
        "content-type": "application/json",
        "user-agent": f"pressroom/{__version__}",
        "webhook-id": message,
        "webhook-timestamp": stamp,
    }
    if secret is not None:
        signed = b".".join((message.encode(), stamp.encode(), body))
        digests = (hmac.new(key, signed, hashlib.sha256).digest() for key in signing_keys(secret))
        made = (f"v1,{base64.b64encode(digest).decode()}" for digest in digests)
        headers["webhook-signature"] = " ".join(made)
    return headers


def signing_keys(secret: str) -> tuple[bytes, ...]:
    """The keys of a secret, each of which signs.

    After ``whsec_`` there is base64. Any other secret is the key itself; but where it can be read
    as base64, libraries do, prefix or not, so that key signs too.
    """
    encoded = secret.removeprefix("whsec_")
    try:
        padded = encoded.rstrip("=")
        key = base64.b64decode(padded + "=" * (-len(padded) % 4), validate=True)
    except ValueError:  # no base64, or not even ASCII
        key = b""
    if not key:
        return (secret.encode(),)
    return (key,) if encoded != secret else (secret.encode(), key)


def hex_signature(body: bytes, secret: str) -> str:
    """HMAC-SHA-256 of the exact body by the secret's text, in lower-case hex."""
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def retry_after(headers: Mapping[str, str], at: datetime) -> float:
    """Seconds that a Retry-After header asks for (RFC 9110: seconds or a date); 0 if none."""
    text = headers.get("Retry-After", "").strip()
    if text.isdigit():
        return float(text)
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    return max(0.0, (date - at).total_seconds())


def _is_due(record: WebhookRecord, at: datetime) -> bool:
    if record.delivered or record.gave_up:
        return False
    return record.next_attempt_at is None or record.next_attempt_at <= at


async def _record(store: Store, uid: str) -> WebhookRecord | None:
    """What became of the calls so far. One that cannot be read counts as none: called again."""
    try:
        return WebhookRecord.model_validate(orjson.loads(await store.get(names.webhook_key(uid))))
    except NotFoundError:
        return None
    except (orjson.JSONDecodeError, ValidationError) as error:
        _log.error(
            "webhook record cannot be read: %s",
            error,
            extra={"action": "webhook_record_invalid", "uid": uid},
        )
        return None


async def _secret(jobs: Jobs, task: Task) -> str | None:
    """The signing secret; None where the webhook has none. SecretError where it cannot be had."""
    if task.webhook is None or task.webhook.secret_ref is None:
        return None
    try:
        secret = await jobs.get(SECRETS, task.namespace, task.webhook.secret_ref)
        encoded = (secret.get("data") or {})["secret"]
    except (NotFoundError, KeyError) as error:
        raise SecretError("the Secret with the webhook's key is missing") from error
    try:
        # Secrets made from files end in a line break that nobody means.
        text = base64.b64decode(encoded).decode().rstrip("\r\n")
    except ValueError as error:
        raise SecretError("the key in the webhook's Secret is not UTF-8 text") from error
    if not text:
        raise SecretError("the key in the webhook's Secret is empty")
    return text
