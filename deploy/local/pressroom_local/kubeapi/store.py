"""Objects and their history in one SQLite file, under one monotonic resourceVersion.

The only module that speaks SQL. It knows keys, not meaning: no finalizers, no schemas. One writer
(the event loop's thread); long reads take a snapshot of their own, so that they hold nobody up.
A change of several objects is one transaction; watchers are woken after the commit.

WAL with `synchronous=NORMAL`: a crash of the process loses nothing; a power cut may lose the last
moments, which is fine for a farm on one machine.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import time

import orjson

from pressroom_local.kubeapi.errors import Json
from pressroom_local.kubeapi.hub import Hub
from pressroom_local.kubeapi.resources import Resource
from pressroom_local.kubeapi.selectors import Selector, field_of

_TABLES = """
CREATE TABLE IF NOT EXISTS objects (
    resource TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL, uid TEXT NOT NULL,
    written INTEGER NOT NULL, labels BLOB, body BLOB NOT NULL,
    UNIQUE (resource, namespace, name)
);
CREATE INDEX IF NOT EXISTS objects_uid ON objects (uid);
CREATE INDEX IF NOT EXISTS objects_namespace ON objects (namespace);
CREATE TABLE IF NOT EXISTS owners (
    owner TEXT NOT NULL, child TEXT NOT NULL, PRIMARY KEY (owner, child)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS owners_child ON owners (child);
CREATE TABLE IF NOT EXISTS events (
    revision INTEGER PRIMARY KEY AUTOINCREMENT, resource TEXT NOT NULL, namespace TEXT NOT NULL,
    type TEXT NOT NULL, body BLOB NOT NULL, previous BLOB
);
CREATE INDEX IF NOT EXISTS events_resource ON events (resource, revision);
"""
_GET = "SELECT body FROM objects WHERE resource=? AND namespace=? AND name=?"
_PRUNE_EVERY = 256  # writes
_CHUNK_BYTES = 256 * 1024  # what a long read holds in memory, give or take one object

Key = tuple[str, str]
"""A namespace ("" for cluster-scoped kinds) and a name."""


@dataclass(frozen=True, slots=True)
class Event:
    """One change. `previous` is the object before it, if selectors may tell the two apart."""

    revision: int
    namespace: str
    type: str
    body: bytes
    previous: bytes | None


class Store:
    """Opens (and creates) the file; one per process. Keeps at most ~`history` events."""

    def __init__(self, path: Path, hub: Hub, *, history: int) -> None:
        self._path = path
        self._hub = hub
        self._history = history
        self._db = _connect(path)
        self._db.executescript(_TABLES)
        found = self._db.execute("SELECT seq FROM sqlite_sequence WHERE name='events'").fetchone()
        self._revision: int = found[0] if found else 0
        self._unpruned = _PRUNE_EVERY

    @property
    def revision(self) -> int:
        """The resourceVersion of the newest change."""
        return self._revision

    def oldest(self) -> int:
        """The oldest resourceVersion from which a watch can still be resumed."""
        found = self._db.execute("SELECT min(revision) FROM events").fetchone()[0]
        return self._revision if found is None else int(found) - 1

    def close(self) -> None:
        self._db.close()

    def get(self, resource: Resource, key: Key) -> Json | None:
        """A private copy of the object."""
        body = self.get_raw(resource, key)
        return None if body is None else _load(body)

    def get_raw(self, resource: Resource, key: Key) -> bytes | None:
        found = self._db.execute(_GET, (resource.key, *key)).fetchone()
        return found[0] if found else None

    def events(
        self, resource: Resource, namespace: str | None, after: int
    ) -> tuple[list[Event], bool]:
        """The next changes of a kind, oldest first, and whether there are more of them."""
        rows = self._db.execute(
            "SELECT revision, namespace, type, body, previous FROM events "
            "WHERE resource=? AND revision>? AND (? IS NULL OR namespace=?) ORDER BY revision",
            (resource.key, after, namespace, namespace),
        )
        with closing(rows):
            found, size = [], 0
            for row in rows:
                found.append(Event(*row))
                size += len(row[3])
                if size >= _CHUNK_BYTES:
                    return found, True
        return found, False

    @contextmanager
    def snapshot(self, resource: Resource, selector: Selector) -> Iterator[Snapshot]:
        """A read of one kind at one moment; later writes neither show nor wait."""
        with closing(_connect(self._path)) as db:
            db.execute("BEGIN")
            yield Snapshot(db, resource, selector)

    @contextmanager
    def transaction(self, *, dry_run: bool = False) -> Iterator[Transaction]:
        """Everything written inside becomes visible at once, or (error, dry run) not at all."""
        before = self._revision
        self._db.execute("BEGIN IMMEDIATE")
        change = Transaction(self._db, before)
        try:
            yield change
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        if dry_run or change.revision == before:
            self._db.execute("ROLLBACK")
            return
        self._db.execute("COMMIT")
        self._revision = change.revision
        self._hub.wake(change.touched)
        self._prune(change.revision - before)

    def written_before(self, resource: Resource, seconds: float, most: int) -> list[Key]:
        """Keys of the objects of a kind that nobody wrote in the last `seconds`."""
        rows = self._db.execute(
            "SELECT namespace, name FROM objects WHERE resource=? AND written<? LIMIT ?",
            (resource.key, int(time() - seconds), most),
        )
        return [(row[0], row[1]) for row in rows]

    def _prune(self, writes: int) -> None:
        self._unpruned -= writes
        if self._unpruned > 0:
            return
        self._unpruned = _PRUNE_EVERY
        self._db.execute("DELETE FROM events WHERE revision<=?", (self._revision - self._history,))


class Snapshot:
    """One kind as it was when the snapshot was taken."""

    def __init__(self, db: sqlite3.Connection, resource: Resource, selector: Selector) -> None:
        self._db = db
        self._resource = resource
        found = db.execute("SELECT seq FROM sqlite_sequence WHERE name='events'").fetchone()
        self.revision: int = found[0] if found else 0
        self._where = "resource=?"
        self._values: list[str] = [resource.key]
        if (name := selector.name()) is not None:
            self._where += " AND name=?"
            self._values.append(name)
        if selector.labels:
            self._filter("has_labels(labels)", "has_labels", _on(selector.matches_labels))
        if selector.fields:
            self._filter("has_fields(body)", "has_fields", _on(selector.matches_fields))

    def _filter(self, condition: str, name: str, test: Callable[[bytes | None], bool]) -> None:
        # In SQL, so that an object which does not match costs no copy of its body.
        self._db.create_function(name, 1, test)
        self._where += f" AND {condition}"

    def page(self, namespace: str | None, after: Key, most: int) -> list[tuple[Key, bytes]]:
        """The next objects in order of namespace and name."""
        return [((row[0], row[1]), row[2]) for row in self._rows(namespace, after, most)]

    def pages(self, namespace: str | None) -> Iterator[list[bytes]]:
        """All of it, a bounded number of bytes at a time."""
        page: list[bytes] = []
        size = 0
        for row in self._rows(namespace, ("", ""), -1):
            page.append(row[2])
            size += len(row[2])
            if size >= _CHUNK_BYTES:
                yield page
                page, size = [], 0
        if page:
            yield page

    def _rows(self, namespace: str | None, after: Key, most: int) -> sqlite3.Cursor:
        where, values = self._scope(namespace)
        return self._db.execute(
            f"SELECT namespace, name, body FROM objects WHERE {where} "  # noqa: S608 (constants)
            "AND (namespace, name) > (?, ?) ORDER BY namespace, name LIMIT ?",
            (*values, *after, most),
        )

    def remaining(self, namespace: str | None, after: Key) -> int:
        where, values = self._scope(namespace)
        found = self._db.execute(
            f"SELECT count(*) FROM objects WHERE {where} "  # noqa: S608 (constants)
            "AND (namespace, name) > (?, ?)",
            (*values, *after),
        ).fetchone()
        return int(found[0])

    def _scope(self, namespace: str | None) -> tuple[str, list[str]]:
        if namespace is None:
            return self._where, self._values
        return f"{self._where} AND namespace=?", [*self._values, namespace]


class Transaction:
    """Writes that belong together. Each gives the object its own resourceVersion."""

    def __init__(self, db: sqlite3.Connection, revision: int) -> None:
        self._db = db
        self.revision = revision
        self.touched: set[str] = set()

    def put(self, resource: Resource, body: Json, old: Json | None) -> Json:
        """Creates (`old` is None) or replaces the object; sets its resourceVersion, in place."""
        raw = self._stamp(body)
        meta: Json = body["metadata"]
        labels = orjson.dumps(meta["labels"]) if meta.get("labels") else None
        self._db.execute(
            "INSERT INTO objects (resource, namespace, name, uid, written, labels, body) "
            "VALUES (?,?,?,?,?,?,?) ON CONFLICT (resource, namespace, name) DO UPDATE SET "
            "uid=excluded.uid, written=excluded.written, labels=excluded.labels, "
            "body=excluded.body",
            (resource.key, *_key(meta), meta["uid"], int(time()), labels, raw),
        )
        self._own(meta, old)
        previous = None
        if old is not None and _marks(resource, old) != _marks(resource, body):
            previous = orjson.dumps(old)
        self._record(resource, meta, "MODIFIED" if old else "ADDED", raw, previous)
        return body

    def remove(self, resource: Resource, body: Json) -> Json:
        """Deletes the object; its last event carries a new resourceVersion, set in place."""
        raw = self._stamp(body)
        meta: Json = body["metadata"]
        self._db.execute(
            "DELETE FROM objects WHERE resource=? AND namespace=? AND name=?",
            (resource.key, *_key(meta)),
        )
        self._db.execute("DELETE FROM owners WHERE child=?", (meta["uid"],))
        self._record(resource, meta, "DELETED", raw, None)
        return body

    def get(self, resource: Resource, key: Key) -> Json | None:
        """The object as this transaction left it; a private copy."""
        found = self._db.execute(_GET, (resource.key, *key)).fetchone()
        return _load(found[0]) if found else None

    def exists(self, uid: str) -> bool:
        return self._db.execute("SELECT 1 FROM objects WHERE uid=?", (uid,)).fetchone() is not None

    def children(self, uid: str) -> list[tuple[str, Json]]:
        """(resource key, object) of everything that names this owner."""
        rows = self._db.execute(
            "SELECT resource, body FROM owners JOIN objects ON uid=child WHERE owner=?", (uid,)
        )
        return [(row[0], _load(row[1])) for row in rows.fetchall()]

    def inside(self, namespace: str) -> list[tuple[str, Json]]:
        """(resource key, object) of everything in the namespace."""
        rows = self._db.execute(
            "SELECT resource, body FROM objects WHERE namespace=?", (namespace,)
        )
        return [(row[0], _load(row[1])) for row in rows.fetchall()]

    def is_empty(self, namespace: str) -> bool:
        found = self._db.execute("SELECT 1 FROM objects WHERE namespace=?", (namespace,))
        return found.fetchone() is None

    def _stamp(self, body: Json) -> bytes:
        self.revision += 1
        body["metadata"]["resourceVersion"] = str(self.revision)
        return orjson.dumps(body)

    def _own(self, meta: Json, old: Json | None) -> None:
        before = {ref["uid"] for ref in old["metadata"].get("ownerReferences", ())} if old else ()
        after = {ref["uid"] for ref in meta.get("ownerReferences", ())}
        if set(before) == after:
            return
        self._db.execute("DELETE FROM owners WHERE child=?", (meta["uid"],))
        self._db.executemany(
            "INSERT INTO owners (owner, child) VALUES (?,?)",
            [(owner, meta["uid"]) for owner in after],
        )

    def _record(
        self, resource: Resource, meta: Json, kind: str, raw: bytes, previous: bytes | None
    ) -> None:
        self._db.execute(
            "INSERT INTO events (revision, resource, namespace, type, body, previous) "
            "VALUES (?,?,?,?,?,?)",
            (self.revision, resource.key, meta.get("namespace", ""), kind, raw, previous),
        )
        self.touched.add(resource.key)


def _connect(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None, timeout=5.0)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=NORMAL")
    return db


def _on(matches: Callable[[Json], bool]) -> Callable[[bytes | None], bool]:
    def test(raw: bytes | None) -> bool:
        return matches(_load(raw) if raw else {})

    return test


def _marks(resource: Resource, body: Json) -> tuple[object, ...]:
    """What selectors can see of an object."""
    labels = body["metadata"].get("labels", {})
    return (labels, *(field_of(body, path) for path in resource.fields))


def _key(meta: Json) -> Key:
    return meta.get("namespace", ""), meta["name"]


def _load(raw: bytes) -> Json:
    loaded: Json = orjson.loads(raw)
    return loaded
