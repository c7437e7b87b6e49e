"""The gateway's metrics: what came in, by bounded labels, and each batch once."""

from __future__ import annotations

from gateway_support import Farm

ROWS = "pressroom_gateway_intake_rows_total"
BYTES = "pressroom_gateway_intake_bytes_total"
BATCHES = "pressroom_gateway_batches_total"


def native(farm: Farm, name: str) -> float | None:
    return farm.services.metrics.registry.get_sample_value(name, {"dialect": "Native"})


async def test_rows_and_bytes_of_a_batch_are_counted_once_though_it_is_sent_twice(
    farm: Farm,
) -> None:
    batch = {"html": "<p>{{ a }}", "rows": [{"a": 1}, {"a": 2}]}
    for _ in range(2):
        status, _ = await farm.call(
            "POST", "/v1/batches", json=batch, headers={"Idempotency-Key": "april"}
        )
        assert status == 202
    assert (native(farm, BATCHES), native(farm, ROWS)) == (1, 2)
    stored = [found.size async for found in farm.store.list("uploads/")]
    assert [native(farm, BYTES)] == stored


async def test_a_refused_batch_is_no_intake(farm: Farm) -> None:
    status, _ = await farm.call("POST", "/v1/batches", json={"html": "<p>", "rows": []})
    assert status in (400, 422)
    assert native(farm, BATCHES) is None


async def test_addresses_and_methods_that_clients_make_up_share_one_series(farm: Farm) -> None:
    for path in ("/nothing", "/v2/else", "/v1/batches/"):
        async with farm.client.request("PROPFIND", path):
            pass
    labels = {"method": "other", "route": "unknown", "status": "404"}
    registry = farm.services.metrics.registry
    assert registry.get_sample_value("pressroom_gateway_requests_total", labels) == 3
