"""Rows in a ConfigMap: which shapes are taken, and how faults are told."""

from __future__ import annotations

import pytest
from operator_support import NAMESPACE, World

from pressroom.errors import UserError
from pressroom.model.conditions import ConditionType, Reason, find
from pressroom.ports import CONFIG_MAPS
from pressroom_operator.configmaps import data_rows


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("rows.csv", "a,b\n1,2\n\n3,4\n"),
        ("rows.CSV", "\ufeffa,b\r\n1,2\r\n3,4"),
        ("rows.ndjson", '{"a":"1","b":"2"}\n\n{"a":"3","b":"4"}'),
        ("rows.v2.jsonl", '\ufeff{"a":"1","b":"2"}\r\n{"a":"3","b":"4"}\r\n'),
    ],
)
def test_both_shapes_are_taken(key: str, text: str) -> None:
    assert data_rows(key, text) == [{"a": "1", "b": "2"}, {"a": "3", "b": "4"}]


@pytest.mark.parametrize(
    ("key", "text", "said"),
    [
        ("r.ndjson", '{}\n{}\n{}\n{"a":}', "Row 3, line 4: not JSON: "),
        ("r.jsonl", "{}\n\n[1]\n{}", "Row 1, line 3: not a JSON object."),
        ("r.csv", "a,b\n1,2\n3,4\n5\n", "Row 2, line 4: it has 1 fields where the header has 2."),
        ("r.csv", '\n\na,b\n"1\n2",3\n5,6,7\n', "Row 1, line 6: it has 3 fields"),
        ("r.csv", 'a,b\n1,2\n"3', "Row 1, line 3: "),
        ("r.csv", "\na,a\n1,2\n", "Line 2 of the CSV: the header names the column 'a' twice."),
        ("rows.json", "[{}]", "End it in .csv, .ndjson or .jsonl."),
        ("rows", "{}", "End it in .csv, .ndjson or .jsonl."),
        ("csv", "a\n1\n", "End it in .csv, .ndjson or .jsonl."),
    ],
)
def test_a_fault_is_told_with_its_place(key: str, text: str, said: str) -> None:
    with pytest.raises(UserError) as caught:
        data_rows(key, text)
    assert caught.value.message.startswith(said) or caught.value.message.endswith(said)


@pytest.mark.parametrize(
    ("key", "text", "said"),
    [
        ("rows.ndjson", "{}\n{}\n{}\n7\n", "Row 3, line 4: not a JSON object."),
        ("rows.txt", "a\n1\n", "End it in .csv, .ndjson or .jsonl."),
    ],
)
async def test_the_condition_accepted_says_it(world: World, key: str, text: str, said: str) -> None:
    body = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "people", "namespace": NAMESPACE},
        "data": {key: text},
    }
    await world.jobs.create(CONFIG_MAPS, NAMESPACE, body)
    async with world.running():
        await world.create(configMap={"name": "people", "key": key})
        job = await world.until_reason(Reason.REJECTED)
    accepted = find(job.status.conditions, ConditionType.ACCEPTED)
    assert accepted is not None
    assert accepted.status == "False"
    assert said in accepted.message
