"""How far a job is: what its shard ledgers say, added up. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from pressroom.model.batchjob import Failure, RowCounts, ShardCounts
from pressroom.model.checks import Check, FindingCounts
from pressroom.model.ledger import RowOutcome, RowState, ShardLedger
from pressroom.model.plan import Plan

MAX_FAILURES = 20


@dataclass
class Progress:
    """The counts of a job, from the ledgers absorbed so far, and which shards are still owed.

    ``pending`` are neither queued nor done, ``queued`` were given to the queue and have no ledger.
    """

    plan: Plan
    pending: set[int] = field(default_factory=set)
    queued: set[int] = field(default_factory=set)
    done: set[int] = field(default_factory=set)
    succeeded: int = 0
    failed: int = 0
    settled: int = 0
    pages: int = 0
    bytes: int = 0
    flagged: int = 0
    findings: Counter[Check] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)

    @classmethod
    def of(cls, plan: Plan) -> Progress:
        """Nothing done yet."""
        return cls(plan, pending=set(range(len(plan.shards))))

    @property
    def complete(self) -> bool:
        """Every shard has a ledger."""
        return len(self.done) == len(self.plan.shards)

    def absorb(self, ledger: ShardLedger) -> bool:
        """Count a ledger. False if it was counted before."""
        if ledger.shard in self.done:
            return False
        self.done.add(ledger.shard)
        self.pending.discard(ledger.shard)
        self.queued.discard(ledger.shard)
        for row in ledger.rows:
            self._count(row)
        self.failures.sort(key=lambda failure: failure.row)
        del self.failures[MAX_FAILURES:]
        return True

    def mark_queued(self, shard: int) -> None:
        """The shard lies in the queue or with a worker."""
        if shard not in self.done:
            self.pending.discard(shard)
            self.queued.add(shard)

    def take_back(self, shards: set[int]) -> None:
        """Shards that are no longer in the queue and have no ledger are owed again."""
        lost = (self.queued & shards) - self.done
        self.queued -= lost
        self.pending |= lost

    def missing(self) -> Iterator[int]:
        """Shards without a ledger, in order."""
        return (shard for shard in range(len(self.plan.shards)) if shard not in self.done)

    def row_counts(self) -> RowCounts:
        """As the status shows them."""
        return RowCounts(
            total=self.plan.rows,
            succeeded=self.succeeded,
            failed=self.failed,
            settled=self.settled,
            pages=self.pages,
            bytes=self.bytes,
            flagged=self.flagged,
        )

    def finding_counts(self) -> FindingCounts | None:
        """As the status shows them; None while nothing was found."""
        if not self.findings:
            return None
        return FindingCounts.model_validate({check.value: n for check, n in self.findings.items()})

    def shard_counts(self) -> ShardCounts:
        """As the status shows them."""
        return ShardCounts(total=len(self.plan.shards), done=len(self.done))

    def _count(self, row: RowOutcome) -> None:
        self.settled += 1
        self.pages += row.pages
        self.bytes += row.bytes
        self.flagged += bool(row.findings)
        self.findings.update({finding.check for finding in row.findings})
        if row.state is RowState.SUCCEEDED:
            self.succeeded += 1
        elif row.state is RowState.FAILED:
            self.failed += 1
            error = row.error
            self.failures.append(
                Failure(
                    row=row.index,
                    id=row.id,
                    code=error.code if error else "",
                    message=error.message if error else "",
                )
            )
