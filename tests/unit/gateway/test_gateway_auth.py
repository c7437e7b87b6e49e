"""Who may come in: keys, tokens and what each rule reads, as a client meets it."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import jwt
import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from gateway_support import KEY, NAMESPACE, Client
from prometheus_client import CollectorRegistry

from pressroom import names
from pressroom.model.base import rfc3339
from pressroom.model.scopes import Scope
from pressroom.ports import SECRETS, Json
from pressroom.testing.memory_counters import MemoryCounters
from pressroom.testing.memory_jobs import MemoryJobs
from pressroom.testing.memory_queue import MemoryQueue
from pressroom.testing.memory_store import MemoryStore
from pressroom_gateway import auth, keyring, tokens
from pressroom_gateway.app import make_app, open_services
from pressroom_gateway.metrics import make_metrics
from pressroom_gateway.route import Route
from pressroom_gateway.services import IDENTITY, TENANT
from pressroom_gateway.settings import GatewaySettings

SECRET = "a secret that signs tokens, long enough"
RULES = ("api_key", "bearer_key", "x_api_key", "x_api_key_or_bearer", "jwt")


async def who(request: web.Request) -> web.Response:
    scopes = request[IDENTITY].scopes
    found = {
        "tenant": request[TENANT].name,
        "key": request[IDENTITY].key,
        "scopes": None if scopes is None else sorted(scopes),
    }
    return web.json_response(found)


ROUTES = (
    *(Route("GET", f"/{rule}", who, authenticate=getattr(auth, rule)) for rule in RULES),
    Route("POST", "/api_key", who),
    Route("GET", "/templates", who, scope=Scope.TEMPLATES_READ),
)


@dataclass
class Door:
    """A gateway whose routes say who asked; one for each rule."""

    client: Client
    jobs: MemoryJobs

    async def status(self, path: str, **headers: str) -> int:
        return (await self.ask(path, **headers))[0]

    async def ask(self, path: str, method: str = "GET", **headers: str) -> tuple[int, Any]:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.client.request(method, f"/{path}", headers=sent) as answer:
            return answer.status, await answer.json(content_type=None)

    async def token(self, token: str, path: str = "jwt") -> int:
        return await self.status(path, Authorization=f"Bearer {token}")

    async def until(self, status: int, **headers: str) -> None:
        """A Secret reaches the gateway by a watch, of which nobody here is told."""
        async with asyncio.timeout(5):
            while await self.status("api_key", **headers) != status:
                await asyncio.sleep(0.01)


@asynccontextmanager
async def opened(**settings: Any) -> AsyncIterator[Door]:
    jobs = MemoryJobs()
    await add_key(jobs, KEY, tenant="acme")
    made = GatewaySettings(namespace=NAMESPACE, **settings)
    twins = (jobs, MemoryQueue(), MemoryStore(), MemoryCounters())
    async with open_services(made, *twins, make_metrics(CollectorRegistry())) as found:
        for informer in found.informers:
            await informer.synced.wait()
        async with TestClient(TestServer(make_app(found, ROUTES))) as client:
            yield Door(client, jobs)


async def add_key(jobs: MemoryJobs, key: str, name: str = "key-one", **values: str) -> None:
    body = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "labels": {names.LABEL_API_KEY: "true"}},
        "stringData": {"hash": names.api_key_hash(key), **values},
    }
    await jobs.create(SECRETS, NAMESPACE, body)


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    async with opened(gateway_jwt_secret=SECRET) as found:
        yield found


def claims(**more: Any) -> Json:
    found = {"tenant": "globex", "exp": int(time.time()) + 600, **more}
    return {name: value for name, value in found.items() if value is not None}


def signed(**more: Any) -> str:
    return jwt.encode(claims(**more), SECRET, algorithm="HS256")


# --- which credential a rule reads ---------------------------------------------------------------
READS = {
    "bearer key": {"api_key", "bearer_key", "x_api_key_or_bearer"},
    "header key": {"api_key", "x_api_key", "x_api_key_or_bearer"},
    "bearer token": {"api_key", "jwt"},
    "header token": set(),
    "basic": set(),
    "nothing": set(),
}


@pytest.mark.parametrize("sent", READS)
@pytest.mark.parametrize("rule", RULES)
async def test_a_rule_reads_its_own_credentials_and_no_other(
    door: Door, rule: str, sent: str
) -> None:
    headers: dict[str, dict[str, str]] = {
        "bearer key": {"Authorization": f"Bearer {KEY}"},
        "header key": {"X_API_Key": KEY},
        "bearer token": {"Authorization": f"Bearer {signed()}"},
        "header token": {"X_API_Key": signed()},
        "basic": {"Authorization": "Basic " + base64.b64encode(f":{KEY}".encode()).decode()},
        "nothing": {},
    }
    status, body = await door.ask(rule, **headers[sent])
    assert status == (200 if rule in READS[sent] else 401), body
    if status == 200:
        assert body["tenant"] == ("globex" if "token" in sent else "acme")
        assert body["key"] == (None if "token" in sent else "key-one")
    else:
        assert body["code"] == "unauthenticated"


async def test_which_credential_wins(door: Door) -> None:
    both = {"Authorization": "Bearer unknown", "X_API_Key": KEY}
    assert await door.status("x_api_key_or_bearer", **both) == 200
    assert await door.status("x_api_key", **both) == 200
    assert await door.status("api_key", **both) == 401
    wrong = {"Authorization": f"Bearer {KEY}", "X_API_Key": "unknown"}
    assert await door.status("x_api_key_or_bearer", **wrong) == 401
    assert await door.status("bearer_key", **wrong) == 200


async def test_the_scheme_is_read_in_any_case(door: Door) -> None:
    assert await door.status("bearer_key", Authorization=f"bearer  {KEY} ") == 200


@pytest.mark.parametrize("text", ["\udcff", "\udcff.a.b", "ключ", "a.b.c", "..", "x" * 5000])
@pytest.mark.parametrize("rule", RULES)
async def test_a_credential_of_any_bytes_is_merely_unknown(
    door: Door, rule: str, text: str
) -> None:
    """Sent as raw bytes: clients of ours would not."""
    raw = text.encode("utf-8", "surrogateescape")
    head = b"GET /%b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" % rule.encode()
    both = b"Authorization: Bearer %b\r\nX-API-Key: %b\r\n\r\n" % (raw, raw)
    reader, writer = await asyncio.open_connection("127.0.0.1", door.client.port)
    writer.write(head + both)
    answer = await reader.read()
    writer.close()
    assert answer.startswith(b"HTTP/1.1 401 "), answer[:300]


# --- keys ----------------------------------------------------------------------------------------
async def test_a_new_key_works_and_a_revoked_one_does_not(door: Door) -> None:
    await add_key(door.jobs, "another", "key-two", tenant="umbrella")
    await door.until(200, X_API_Key="another")
    assert (await door.ask("api_key", X_API_Key="another"))[1]["tenant"] == "umbrella"
    await door.jobs.delete(SECRETS, NAMESPACE, "key-two")
    await door.until(401, X_API_Key="another")
    assert await door.status("api_key", X_API_Key=KEY) == 200


async def test_a_key_whose_hash_was_changed_is_another_key(door: Door) -> None:
    assert await door.status("api_key", X_API_Key=KEY) == 200
    change = {"stringData": {"hash": names.api_key_hash("rotated")}}
    await door.jobs.patch(SECRETS, NAMESPACE, "key-one", change)
    await door.until(200, X_API_Key="rotated")
    assert await door.status("api_key", X_API_Key=KEY) == 401


@pytest.mark.parametrize(
    ("expires", "status"),
    [
        ("2040-01-01T00:00:00Z", 200),
        ("2040-01-01T02:00:00+02:00", 200),
        ("2020-01-01T00:00:00Z", 401),
        ("2040-01-01T00:00:00", 401),
        ("next year", 401),
    ],
)
async def test_a_key_ends_at_its_expiry_and_where_that_cannot_be_read(
    door: Door, expires: str, status: int
) -> None:
    await add_key(door.jobs, "mortal", "key-mortal", tenant="acme", expires=expires)
    await add_key(door.jobs, "witness", "key-witness", tenant="acme")
    await door.until(200, X_API_Key="witness")
    assert await door.status("api_key", X_API_Key="mortal") == status


async def test_a_secret_without_the_label_is_no_key(door: Door) -> None:
    body: Json = {
        "kind": "Secret",
        "metadata": {"name": "other"},
        "stringData": {"hash": names.api_key_hash("other"), "tenant": "acme"},
    }
    await door.jobs.create(SECRETS, NAMESPACE, body)
    await add_key(door.jobs, "witness", "key-witness")
    await door.until(200, X_API_Key="witness")
    assert await door.status("api_key", X_API_Key="other") == 401


async def test_a_key_without_a_tenant_is_the_default_ones(door: Door) -> None:
    await add_key(door.jobs, "old", "key-old")
    await door.until(200, X_API_Key="old")
    assert (await door.ask("api_key", X_API_Key="old"))[1]["tenant"] == names.DEFAULT_TENANT


async def test_when_a_key_was_used_is_written_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyring, "NOTE_SECONDS", 0.02)
    began = rfc3339(keyring.now())
    async with opened() as door:
        version = (await door.jobs.list(SECRETS, NAMESPACE)).resource_version
        await add_key(door.jobs, "idle", "key-idle")
        assert await door.status("api_key", X_API_Key=KEY) == 200
        async with asyncio.timeout(5):
            async for change in door.jobs.watch(SECRETS, NAMESPACE, version):
                noted = change.object["metadata"].get("annotations")
                if noted:
                    break
        assert change.object["metadata"]["name"] == "key-one"
        assert began <= noted[names.ANNOTATION_LAST_USED] <= rfc3339(keyring.now())
        idle = await door.jobs.get(SECRETS, NAMESPACE, "key-idle")
        assert "annotations" not in idle["metadata"]
        assert await door.status("api_key", X_API_Key=KEY) == 200


async def test_keys_cannot_be_judged_before_they_are_known() -> None:
    known = asyncio.Event()
    doors = auth.Doors(keyring.KeyRing(), tokens.Tokens(GatewaySettings()), known)
    request = _request({"X-API-Key": KEY})
    with pytest.raises(auth.UnavailableError):
        await auth.api_key(request, doors)
    known.set()
    with pytest.raises(auth.UserError):
        await auth.api_key(request, doors)


def _request(headers: dict[str, str]) -> web.Request:
    from aiohttp.test_utils import make_mocked_request

    return make_mocked_request("GET", "/", headers=headers)


# --- scopes --------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("scopes", "reads", "writes", "templates"),
    [
        ("", 200, 200, 200),
        ("batches:read", 200, 403, 403),
        ("batches:write,templates:read", 403, 200, 200),
        ("batches:read batches:write", 200, 200, 403),
        ("everything", 403, 403, 403),
    ],
)
async def test_a_scope_opens_what_it_names_for_keys_and_tokens(
    door: Door, scopes: str, reads: int, writes: int, templates: int
) -> None:
    await add_key(door.jobs, "scoped", "key-scoped", tenant="acme", scopes=scopes)
    await add_key(door.jobs, "witness", "key-witness", tenant="acme")
    await door.until(200, X_API_Key="witness")
    for bearer in ("scoped", signed(scope=scopes), signed(scope=scopes.replace(",", " ").split())):
        headers = {"Authorization": f"Bearer {bearer}"}
        assert await door.status("api_key", **headers) == reads
        assert (await door.ask("api_key", "POST", **headers))[0] == writes
        status, body = await door.ask("templates", **headers)
        assert status == templates
        if status == 403:
            assert (body["code"], "templates:read" in body["detail"]) == ("forbidden", True)


# --- tokens signed with a secret -----------------------------------------------------------------
@pytest.mark.parametrize(
    "more",
    [
        {"exp": None},
        {"exp": 1_000_000_000},
        {"exp": "soon"},
        {"nbf": int(time.time()) + 600},
        {"tenant": None},
        {"tenant": ""},
        {"tenant": 7},
        {"tenant": ["globex"]},
        {"tenant": "globex/../acme"},
        {"tenant": "Globex"},
        {"tenant": "g" * 64},
    ],
)
async def test_a_token_must_hold_a_while_and_name_a_tenant(door: Door, more: Json) -> None:
    assert await door.token(signed()) == 200
    assert await door.token(signed(**more)) == 401


async def test_a_token_that_was_tampered_with_is_refused(door: Door) -> None:
    head, body, signature = signed().split(".")
    other = _part(claims(tenant="acme"))
    assert await door.token(f"{head}.{other}.{signature}") == 401
    assert await door.token(f"{head}.{body}.") == 401
    assert await door.token(jwt.encode(claims(), "x" * 40, algorithm="HS256")) == 401


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "", None, 5, ["HS256"]])
async def test_an_unsigned_token_is_refused(door: Door, algorithm: Any) -> None:
    head = _part({"alg": algorithm, "typ": "JWT"})
    for signature in ("", "eA"):
        assert await door.token(f"{head}.{_part(claims())}.{signature}") == 401


@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
async def test_another_algorithm_with_the_right_secret_is_refused(
    door: Door, algorithm: str
) -> None:
    token = jwt.encode(claims(), SECRET * 2, algorithm=algorithm)
    assert await door.token(token) == 401


async def test_a_header_of_too_many_brackets_is_refused(door: Door) -> None:
    deep = base64.urlsafe_b64encode(b"[" * 5000).decode().rstrip("=")
    assert await door.token(f"{deep}.e30.eA") == 401


async def test_without_settings_no_token_is_accepted() -> None:
    async with opened() as door:
        assert await door.token(signed()) == 401
        assert await door.token(signed(), "api_key") == 401


async def test_issuer_audience_and_claim_are_those_of_the_settings() -> None:
    settings = {
        "gateway_jwt_secret": SECRET,
        "gateway_jwt_issuer": "https://id.test",
        "gateway_jwt_audience": "pressroom",
        "gateway_jwt_tenant_claim": "workspace",
    }
    right: Json = {"iss": "https://id.test", "aud": "pressroom", "workspace": "ws-1"}
    async with opened(**settings) as door:
        status, body = await door.ask("jwt", Authorization=f"Bearer {signed(**right)}")
        assert (status, body["tenant"]) == (200, "ws-1")
        assert await door.token(signed(**{**right, "aud": ["other", "pressroom"]})) == 200
        for name, wrong in (("iss", "https://evil.test"), ("aud", "other"), ("aud", ["other"])):
            assert await door.token(signed(**{**right, name: wrong})) == 401
        for name in right:
            assert await door.token(signed(**{**right, name: None})) == 401


def _part(value: Json) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(value)).decode().rstrip("=")


# --- tokens signed with the keys at an address ---------------------------------------------------
@dataclass
class Issuer:
    """A JWKS server: ``published`` are its keys; ``answer`` replaces them."""

    published: list[Json] = field(default_factory=list)
    answer: web.Response | None = None
    asked: int = 0
    url: str = ""

    async def serve(self, request: web.Request) -> web.StreamResponse:
        self.asked += 1
        if self.answer is not None:
            return self.answer
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        body = orjson.dumps({"keys": self.published})
        for half in (body[:40], body[40:]):  # as over a slow line
            await response.write(half)
            await asyncio.sleep(0.01)
        await response.write_eof()
        return response


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    found = Issuer()
    app = web.Application()
    app.router.add_get("/jwks", found.serve)
    async with TestServer(app) as server:
        found.url = str(server.make_url("/jwks"))
        yield found


@pytest.fixture(scope="module")
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(scope="module")
def ec_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def jwk(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, **more: str) -> Json:
    if isinstance(key, rsa.RSAPrivateKey):
        found = jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    else:
        found = jwt.algorithms.ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return {**found, **more}


def by(key: Any, algorithm: str, kid: str | None, **more: Any) -> str:
    headers = {} if kid is None else {"kid": kid}
    return jwt.encode(claims(**more), key, algorithm=algorithm, headers=headers)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """Seconds to add to the clock by which keys are fetched."""
    ahead = [0.0]
    real = time.monotonic

    class Clock:
        monotonic = staticmethod(lambda: real() + ahead[0])

    monkeypatch.setattr(tokens, "time", Clock)
    yield ahead


async def test_rsa_and_ec_keys_of_the_issuer_are_accepted(
    issuer: Issuer, rsa_key: rsa.RSAPrivateKey, ec_key: ec.EllipticCurvePrivateKey
) -> None:
    issuer.published = [jwk(rsa_key, kid="r"), jwk(ec_key, kid="e", use="sig")]
    async with opened(gateway_jwt_jwks_url=issuer.url) as door:
        assert await door.token(by(rsa_key, "RS256", "r")) == 200
        assert await door.token(by(ec_key, "ES256", "e")) == 200
        assert await door.token(by(rsa_key, "RS256", "r", exp=1_000_000_000)) == 401
        assert await door.token(by(rsa_key, "RS256", "e")) == 401
        assert await door.token(by(rsa_key, "PS256", "r")) == 401
        assert await door.token(signed()) == 401
        assert issuer.asked == 1


async def test_a_key_without_an_id_serves_tokens_without_one(
    issuer: Issuer, rsa_key: rsa.RSAPrivateKey
) -> None:
    issuer.published = [jwk(rsa_key)]
    async with opened(gateway_jwt_jwks_url=issuer.url) as door:
        assert await door.token(by(rsa_key, "RS256", None)) == 200


async def test_a_key_for_encryption_signs_nothing(
    issuer: Issuer, rsa_key: rsa.RSAPrivateKey, ec_key: ec.EllipticCurvePrivateKey
) -> None:
    issuer.published = [jwk(rsa_key, kid="r", use="enc"), jwk(ec_key, kid="e")]
    async with opened(gateway_jwt_jwks_url=issuer.url) as door:
        assert await door.token(by(rsa_key, "RS256", "r")) == 401


@pytest.mark.parametrize("has_secret", [True, False])
async def test_the_public_key_is_no_secret(
    issuer: Issuer, rsa_key: rsa.RSAPrivateKey, has_secret: bool
) -> None:
    issuer.published = [jwk(rsa_key, kid="r")]
    settings: Json = {"gateway_jwt_secret": SECRET} if has_secret else {}
    public = rsa_key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    text = f"{_part({'alg': 'HS256', 'kid': 'r'})}.{_part(claims())}"
    async with opened(gateway_jwt_jwks_url=issuer.url, **settings) as door:
        assert await door.token(by(rsa_key, "RS256", "r")) == 200
        for secret in (public, public.strip(), orjson.dumps(issuer.published[0])):
            mac = hmac.digest(secret, text.encode(), hashlib.sha256)
            forged = f"{text}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"
            assert await door.token(forged) == 401


async def test_unknown_keys_are_asked_for_now_and_then_only(
    issuer: Issuer, rsa_key: rsa.RSAPrivateKey, clock: list[float]
) -> None:
    issuer.published = [jwk(rsa_key, kid="old")]
    async with opened(gateway_jwt_jwks_url=issuer.url) as door:
        for number in range(5):
            assert await door.token(by(rsa_key, "RS256", f"made-up-{number}")) == 401
        assert issuer.asked == 1
        issuer.published = [jwk(rsa_key, kid="new")]
        clock[0] = tokens.FETCH_SECONDS + 1
        assert await door.token(by(rsa_key, "RS256", "new")) == 200
        assert await door.token(by(rsa_key, "RS256", "old")) == 401
        assert issuer.asked == 2


async def test_a_withdrawn_key_is_forgotten(
    issuer: Issuer, rsa_key: rsa.RSAPrivateKey, clock: list[float]
) -> None:
    issuer.published = [jwk(rsa_key, kid="old")]
    token = by(rsa_key, "RS256", "old")
    async with opened(gateway_jwt_jwks_url=issuer.url) as door:
        assert await door.token(token) == 200
        issuer.published = [jwk(rsa_key, kid="new")]
        assert await door.token(token) == 200
        clock[0] = tokens.KEYS_SECONDS + 1
        assert await door.token(token) == 401


@pytest.mark.parametrize(
    "answer",
    [
        {"status": 500},
        {"status": 302, "headers": {"Location": "/jwks?again"}},
        {"text": "[]"},
        {"text": '{"keys": 5}'},
        {"text": '{"keys": []}'},
        {"text": "<html>"},
        {"body": b"\xff"},
        {"body": b" " * 1_100_000 + b"{}"},
    ],
)
async def test_without_the_issuers_keys_a_token_cannot_be_judged(
    issuer: Issuer, rsa_key: rsa.RSAPrivateKey, clock: list[float], answer: Json
) -> None:
    issuer.published = [jwk(rsa_key, kid="r")]
    issuer.answer = web.Response(**answer)
    token = by(rsa_key, "RS256", "r")
    async with opened(gateway_jwt_jwks_url=issuer.url) as door:
        statuses = await asyncio.gather(*(door.token(token) for _ in range(10)))
        assert set(statuses) == {503}
        assert issuer.asked == 1
        assert await door.status("api_key", X_API_Key=KEY) == 200
        issuer.answer, clock[0] = None, tokens.RETRY_SECONDS + 1
        assert await door.token(token) == 200


async def test_known_keys_outlive_an_issuer_that_is_away(
    issuer: Issuer, rsa_key: rsa.RSAPrivateKey, clock: list[float]
) -> None:
    issuer.published = [jwk(rsa_key, kid="r")]
    async with opened(gateway_jwt_jwks_url=issuer.url) as door:
        assert await door.token(by(rsa_key, "RS256", "r")) == 200
        issuer.answer, clock[0] = web.Response(status=503), tokens.KEYS_SECONDS + 1
        assert await door.token(by(rsa_key, "RS256", "r")) == 200
        assert issuer.asked == 2
