"""What a job costs, by the rules of the API that made it. Pure.

A job's price is reserved whole before it is queued, and settled by its outcomes when it ends;
what is settled never exceeds what was reserved.
"""

from __future__ import annotations

from dataclasses import dataclass

from pressroom.model.batchjob import Dialect


@dataclass(frozen=True)
class Attempts:
    """Rows of an ended job: ``succeeded``, and ``failed`` ones that were tried.

    Rows that were cancelled before anything tried them count nowhere.
    """

    succeeded: int = 0
    failed: int = 0


def price(dialect: Dialect, rows: int, *, merged: bool) -> int:
    """Credits to reserve for ``rows`` rows: the most that the job can come to cost."""
    return cost(dialect, Attempts(succeeded=rows), merged=merged)


def cost(dialect: Dialect, attempts: Attempts, *, merged: bool) -> int:
    """Credits that an ended job costs.

    One for each row that succeeded. ImaginePDF charges rows that failed as well; LightningPDF one
    more for merging, unless there was nothing to merge.
    """
    spent = attempts.succeeded
    if dialect is Dialect.IMAGINE_PDF:
        spent += attempts.failed
    if dialect is Dialect.LIGHTNING_PDF and merged and attempts.succeeded:
        spent += 1
    return spent
