"""`pressroom keys`: create, list, revoke. It talks to the Kubernetes API, where keys are Secrets.

A key itself is shown once and kept nowhere: the Secret has its hash.
"""

from __future__ import annotations

import asyncio
import base64
import os
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from pressroom.errors import ConflictError, NotFoundError, PressroomError, UserError
from pressroom.model.base import now, rfc3339
from pressroom.model.scopes import Scope
from pressroom.names import (
    ANNOTATION_LAST_USED,
    DEFAULT_TENANT,
    LABEL_API_KEY,
    api_key_hash,
    is_resource_name,
)
from pressroom.ports import SECRETS, TENANTS, Jobs, Json
from pressroom_cli.errors import CliError
from pressroom_cli.options import AsJson, reporting

if TYPE_CHECKING:
    from rich.table import Table

T = TypeVar("T")
app = typer.Typer(help="Make API keys, list them and revoke them.", no_args_is_help=True)

_TIMEOUT_SECONDS = 15.0
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_MOST_DAYS = 36_500
_PREFIX = re.compile(r"[A-Za-z0-9_-]{0,20}")

Kubeconfig = Annotated[
    Path | None, typer.Option(help="Of the cluster. Default: PRESSROOM_KUBE_CONFIG.")
]
StateDir = Annotated[
    Path | None, typer.Option(help="Use the local farm of this directory. Default: .pressroom.")
]
Namespace = Annotated[str, typer.Option(envvar="PRESSROOM_NAMESPACE", help="The farm's namespace.")]


@dataclass(frozen=True)
class Cluster:
    """Where the keys are."""

    kubeconfig: Path
    namespace: str

    @classmethod
    def find(cls, kubeconfig: Path | None, state_dir: Path | None, namespace: str) -> Cluster:
        """What was given, else the environment's, else the local farm's. CliError: there is none.

        As for the other commands, a ``state_dir`` that was given beats the environment.
        """
        named = os.environ.get("PRESSROOM_KUBE_CONFIG") if state_dir is None else None
        path = kubeconfig or (Path(named) if named else None)
        path = path or (state_dir or Path(".pressroom")) / "kubeconfig"
        if not path.is_file():
            raise CliError(
                f"There is no kubeconfig at {path}. Give one with --kubeconfig or "
                "PRESSROOM_KUBE_CONFIG, or name a local farm with --state-dir."
            )
        return cls(path, namespace)

    def run(self, work: Callable[[Jobs], Awaitable[T]]) -> T:
        """Do something with the API. CliError where it refuses or does not answer."""
        try:
            return asyncio.run(self._run(work))
        except UserError as error:
            raise CliError(error.message) from error
        except PressroomError as error:
            raise CliError(f"{error.message} ({error.log})") from error

    async def _run(self, work: Callable[[Jobs], Awaitable[T]]) -> T:
        try:
            from pressroom.adapters.kube import open_jobs
        except ImportError as error:
            raise CliError(f"{error.name} is missing. Install pressroom[cli].") from error
        from pressroom.settings import KubeSettings

        async with open_jobs(
            KubeSettings(config=self.kubeconfig), timeout=_TIMEOUT_SECONDS
        ) as jobs:
            return await work(jobs)


@app.command("create")
def create(
    tenant: Annotated[str, typer.Option(help="Whose key it is.")] = DEFAULT_TENANT,
    name: Annotated[str | None, typer.Option(help="To tell keys apart: key-NAME.")] = None,
    prefix: Annotated[str, typer.Option(help="How the key begins, such as lpdf_.")] = "pr_",
    scope: Annotated[
        list[Scope] | None, typer.Option(help="What it may do; may be repeated. Default: all.")
    ] = None,
    expires: Annotated[
        str | None, typer.Option(help="After 90d (m, h, d, w), or at an RFC 3339 time.")
    ] = None,
    kubeconfig: Kubeconfig = None,
    state_dir: StateDir = None,
    namespace: Namespace = "pressroom",
) -> None:
    """Make a key. Standard output has the key alone, this once."""
    with reporting():
        from pressroom_cli.show import console_for

        cluster = Cluster.find(kubeconfig, state_dir, namespace)
        key = _new_key(prefix)
        secret = _secret(key, tenant, name, scope or (), _moment(expires))

        async def put(jobs: Jobs) -> bool:
            await jobs.create(SECRETS, namespace, secret)
            return await _tenant_exists(jobs, namespace, tenant)

        try:
            is_known = cluster.run(put)
        except CliError as error:
            if isinstance(error.__cause__, ConflictError):
                text = f"There is a key {secret['metadata']['name']} already. Revoke it first."
                raise CliError(text) from error
            raise
        typer.echo(key)
        notes = console_for(stderr=True)
        notes.print(f"{secret['metadata']['name']} is a key of tenant {tenant}.")
        notes.print("Keep it: it cannot be shown again.")
        if not is_known:
            notes.print(f"There is no Tenant {tenant}: the default limits hold.")


@app.command("list")
def list_keys(
    tenant: Annotated[str | None, typer.Option(help="Only this tenant's.")] = None,
    as_json: AsJson = False,
    kubeconfig: Kubeconfig = None,
    state_dir: StateDir = None,
    namespace: Namespace = "pressroom",
) -> None:
    """All keys: whose, for what, how long, and when last used."""
    with reporting() as console:
        from pressroom_cli.show import print_json

        cluster = Cluster.find(kubeconfig, state_dir, namespace)
        found = [
            _facts(secret)
            for secret in cluster.run(lambda jobs: _keys(jobs, namespace))
            if tenant in (None, _value(secret, "tenant") or DEFAULT_TENANT)
        ]
        if as_json:
            print_json(found)
        elif found:
            console.print(_table(found))
        else:
            console.print("No keys.")


@app.command("revoke")
def revoke(
    key: Annotated[str, typer.Argument(metavar="NAME", help="The key's name, or the key.")],
    kubeconfig: Kubeconfig = None,
    state_dir: StateDir = None,
    namespace: Namespace = "pressroom",
) -> None:
    """Make a key invalid; gateways follow at once."""
    with reporting() as console:
        cluster = Cluster.find(kubeconfig, state_dir, namespace)

        async def remove(jobs: Jobs) -> str:
            digest = api_key_hash(key)
            for secret in await _keys(jobs, namespace):
                found: str = secret["metadata"]["name"]
                if found in (key, f"key-{key}") or _value(secret, "hash") == digest:
                    await jobs.delete(SECRETS, namespace, found, uid=secret["metadata"]["uid"])
                    return found
            raise CliError("There is no such key. `pressroom keys list` shows them all.")

        console.print(f"{cluster.run(remove)} is revoked")


async def _keys(jobs: Jobs, namespace: str) -> list[Json]:
    return (await jobs.list(SECRETS, namespace, label_selector=f"{LABEL_API_KEY}=true")).items


async def _tenant_exists(jobs: Jobs, namespace: str, tenant: str) -> bool:
    """True also where we may not look."""
    try:
        await jobs.get(TENANTS, namespace, tenant)
    except NotFoundError:
        return False
    except PressroomError:
        return True
    return True


def _new_key(prefix: str) -> str:
    """The prefix and 160 random bits in lower-case base32."""
    if not _PREFIX.fullmatch(prefix):
        raise CliError("A prefix is at most 20 letters, digits, _ and -.")
    return prefix + base64.b32encode(secrets.token_bytes(20)).decode().lower()


def _secret(
    key: str, tenant: str, name: str | None, scopes: tuple[Scope, ...] | list[Scope], until: str
) -> Json:
    digest = api_key_hash(key)
    name = "key-" + (name.removeprefix("key-") if name is not None else digest[:10])
    for word, text in (("key's name", name), ("tenant", tenant)):
        if not is_resource_name(text) or len(text) > 63:
            raise CliError(f"A {word} is at most 63 lower-case letters, digits and -, not {text}.")
    values: dict[str, str] = {"hash": digest, "tenant": tenant}
    if scopes:
        values["scopes"] = " ".join(dict.fromkeys(scopes))
    if until:
        values["expires"] = until
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "labels": {LABEL_API_KEY: "true"}},
        "stringData": values,
    }


def _moment(text: str | None) -> str:
    """A time from now on, or a time, as RFC 3339; empty for none. CliError: neither, or over."""
    if text is None:
        return ""
    at = now()
    span = re.fullmatch(r"([0-9]{1,7})([mhdw])", text)
    try:
        if span is not None:
            until = at + min(
                timedelta(**{_UNITS[span[2]]: int(span[1])}), timedelta(days=_MOST_DAYS)
            )
        else:
            until = datetime.fromisoformat(text)
        is_over = until <= at
    except (ValueError, TypeError) as error:  # no time, or one without a zone
        raise CliError(f"--expires takes 90d or 2030-01-31T00:00:00Z, not {text}.") from error
    if is_over:
        raise CliError(f"--expires {text} is over already.")
    return rfc3339(until)


def _facts(secret: Json) -> dict[str, str | None]:
    """A key as ``--json`` shows it."""
    meta = secret["metadata"]
    return {
        "name": meta["name"],
        "tenant": _value(secret, "tenant") or DEFAULT_TENANT,
        "scopes": _value(secret, "scopes") or None,
        "expires": _value(secret, "expires") or None,
        "lastUsed": (meta.get("annotations") or {}).get(ANNOTATION_LAST_USED),
        "created": meta.get("creationTimestamp"),
    }


def _value(secret: Json, name: str) -> str:
    data: Mapping[str, str] = secret.get("data") or {}
    try:
        return base64.b64decode(data.get(name, "")).decode()
    except ValueError:
        return ""


def _table(keys: list[dict[str, str | None]]) -> Table:
    """Days stay whole; scopes are below one another; long names are folded."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for word in ("name", "tenant"):
        table.add_column(word, overflow="fold")
    for word in ("scopes", "expires", "last used", "created"):
        table.add_column(word, no_wrap=True)
    for key in keys:
        scopes = (key["scopes"] or "all").replace(",", " ").split()
        cells = [key["name"] or "", key["tenant"] or "", "\n".join(scopes)]
        cells += [_day(key["expires"]), _day(key["lastUsed"]), _day(key["created"])]
        table.add_row(*(Text(cell) for cell in cells))
    return table


def _day(moment: str | None) -> str:
    return (moment or "never")[: len("2026-01-02")]
