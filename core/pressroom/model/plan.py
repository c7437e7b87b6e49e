"""The plan of a job: its shards and all that a worker needs to know. Purely data.

Written once to ``jobs/<uid>/plan.json`` and never recomputed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pydantic import Field

from pressroom.model.base import Record
from pressroom.model.batchjob import Dialect
from pressroom.model.document import BuiltIn
from pressroom.model.finish import MergeOptions
from pressroom.model.page import PageOptions
from pressroom.model.template import MissingValues

#: Bounds of one shard. About half a second of work at the rate measured for small pages.
MAX_SHARD_ROWS = 40
MAX_SHARD_BYTES = 4 * 1024 * 1024
#: Small jobs are cut finer, so that every slot of a small farm has something to do.
MIN_SHARDS = 8


class Shard(Record):
    """A range: ``rows`` rows from ``first``, ``bytes`` bytes of the manifest from ``offset``."""

    first: int
    rows: int
    offset: int
    bytes: int


class Plan(Record):
    """What a worker reads before it renders a shard of the job.

    ``templates`` maps the name that a row uses to the digest of its snapshot, or to None where no
    such template was found at acceptance; ``""`` is the template of rows that name none, which the
    job calls ``template`` where it is a stored one.
    """

    version: int = 1
    uid: str
    name: str
    namespace: str
    tenant: str
    manifest: str
    rows: int
    shards: list[Shard]
    templates: dict[str, str | None]
    template: str | None = None
    versions: dict[str, str] = Field(
        default_factory=dict,
        description="What the ledger says of each stored template: its name and version.",
    )
    url: str | None = None
    document: BuiltIn | None = None
    egress: list[str] = Field(
        default_factory=list, description="Hosts and networks that pages may fetch from."
    )
    page: PageOptions = Field(default_factory=PageOptions)
    missing_values: MissingValues | None = None
    file_name_pattern: str | None = None
    row_timeout_seconds: int = 30
    row_retries: int = 2
    dialect: Dialect = Field(Dialect.NATIVE, description="By whose rules the job costs credits.")
    merged: bool = Field(False, description="Whether a merged PDF is asked for.")
    merge: MergeOptions = Field(
        default_factory=MergeOptions, description="What becomes of the merged PDF."
    )


def cut(line_lengths: Iterable[int], total_rows: int) -> Iterator[Shard]:
    """Cut lines of these lengths (bytes, newline included) into shards, in order."""
    most = max(1, min(MAX_SHARD_ROWS, -(-total_rows // MIN_SHARDS)))
    first = offset = rows = size = 0
    for length in line_lengths:
        if rows and (rows >= most or size + length > MAX_SHARD_BYTES):
            yield Shard(first=first, rows=rows, offset=offset, bytes=size)
            first, offset, rows, size = first + rows, offset + size, 0, 0
        rows, size = rows + 1, size + length
    if rows:
        yield Shard(first=first, rows=rows, offset=offset, bytes=size)
