"""A row whose template is not there says which one, and one without any says that."""

from __future__ import annotations

import pytest

from pressroom.errors import Code, RowError
from pressroom.model.plan import Plan
from pressroom.model.rows import Row
from pressroom_worker.rows import Entry, resolve


@pytest.mark.parametrize(
    ("of_job", "of_row", "said"),
    [
        ("missing", None, "There is no template 'missing'."),
        ("missing", "other", "There is no template 'other'."),
        (None, "other", "There is no template 'other'."),
        (None, None, "The row has no HTML, and its job has no template."),
    ],
)
def test_the_missing_template_is_named(of_job: str | None, of_row: str | None, said: str) -> None:
    plan = Plan(
        uid="u",
        name="job",
        namespace="farm",
        tenant="default",
        manifest="m",
        rows=1,
        shards=[],
        templates={"": None, "other": None},
        template=of_job,
    )
    (prepared,) = resolve([Entry(0, Row(template=of_row))], plan, {})
    assert isinstance(prepared.job, RowError)
    assert (prepared.job.code, prepared.job.message) == (Code.TEMPLATE_NOT_FOUND, said)
