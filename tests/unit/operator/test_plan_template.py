"""What a plan takes from its job: its template, though it is not there, and the merged file."""

from __future__ import annotations

import orjson
from operator_support import World

from pressroom import names
from pressroom.model.conditions import Reason
from pressroom.model.plan import Plan


async def test_the_plan_names_the_template_that_is_missing(world: World) -> None:
    async with world.running():
        job = await world.create(html=None, template={"name": "missing"}, rows=[{}])
        await world.until_reason(Reason.COMPLETED)
    plan = Plan.model_validate(orjson.loads(await world.store.get(names.plan_key(job.uid))))
    assert (plan.template, plan.templates) == ("missing", {"": None})


async def test_the_plan_says_what_becomes_of_the_merged_file(world: World) -> None:
    async with world.running():
        job = await world.create(rows=[{}], outputs=["Merged"], merge={"maxPages": 40})
        await world.until_reason(Reason.COMPLETED)
    plan = Plan.model_validate(orjson.loads(await world.store.get(names.plan_key(job.uid))))
    assert plan.merge.wire() == {"maxPages": 40}
