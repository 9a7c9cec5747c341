"""What the door counts (X4), and what the inbox's gauges say, in this process."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import asyncpg
import msgspec
import pytest
import structlog
from prometheus_client import REGISTRY

from tests.server import Server
from tests.world import SECRETS, edited, payload
from worker import gauges
from worker.providers import adapters
from worker.store import backlog
from worker.store import inbox as store

BODY = payload("stripe", "charge_succeeded__sync-engine.json")
RESULTS = ("accepted", "duplicate", "conflict", "bad_signature", "too_large", "timeout", "shed")


def counted(source: str = "stripe") -> dict[str, float]:
    name = "webhook_events_received_total"
    return {result: REGISTRY.get_sample_value(name, {"source": source, "result": result}) or 0 for result in RESULTS}


def since(before: dict[str, float]) -> dict[str, float]:
    return {result: value - before[result] for result, value in counted().items() if value != before[result]}


@pytest.fixture
def no_reading() -> Iterator[None]:
    gauges.reading.forget()
    yield
    gauges.reading.forget()


async def test_X4_every_result_of_the_door_is_counted_once(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    before = counted()
    assert (await server.send("stripe", BODY))[0] == 200
    assert since(before) == {"accepted": 1}
    assert (await server.send("stripe", BODY))[1]["status"] == "duplicate"
    assert (await server.send("stripe", BODY, secret="whsec_wrong"))[0] == 401
    assert (await server.send("stripe", b"{" + b" " * 2**20 + b"}"))[0] == 413

    async def refuses(*_: Any) -> Any:
        raise asyncpg.CannotConnectNowError("the database system is starting up")

    monkeypatch.setattr(store, "store", refuses)
    assert (await server.send("stripe", BODY))[0] == 503
    assert since(before) == {"accepted": 1, "duplicate": 1, "bad_signature": 1, "too_large": 1, "shed": 1}


async def test_X4_an_id_that_comes_again_with_another_body_is_a_conflict(server: Server) -> None:
    before = counted("shopify")
    for note in (b"one", b"two"):
        body = b'{"id": 1, "note": "' + note + b'"}'
        headers = adapters()["shopify"].sign(body, "orders/create", SECRETS["shopify"].encode(), 0, {})
        status, answer, _ = await server.post("shopify", body, {**headers, "X-Shopify-Webhook-Id": "the-same"})
        assert (status, answer["status"]) == (200, "accepted")
    found = counted("shopify")
    assert found["accepted"] - before["accepted"] == found["conflict"] - before["conflict"] == 1


async def test_X4_a_stranger_makes_no_label(server: Server) -> None:
    await server.post("of-a-stranger", BODY, {})
    assert counted("of-a-stranger") == dict.fromkeys(RESULTS, 0)
    assert not [
        sample
        for family in REGISTRY.collect()
        for sample in family.samples
        if "of-a-stranger" in sample.labels.values()
    ]


@pytest.mark.usefixtures("no_reading")
async def test_X4_gauges_are_absent_until_read_and_then_count_every_account(server: Server) -> None:
    assert REGISTRY.get_sample_value("inbox_dead") is None
    await server.send("stripe", BODY)
    await server.shop.ctx.pool.execute("UPDATE events SET received_at = now() - interval '1 minute'")
    async with server.shop.ctx.pool.acquire() as connection:
        gauges.reading.note(await backlog.read(connection, timedelta(seconds=15)))
    assert REGISTRY.get_sample_value("inbox_pending", {"state": "received"}) == 1
    assert REGISTRY.get_sample_value("inbox_pending", {"state": "waiting"}) == 0
    assert (REGISTRY.get_sample_value("inbox_dead"), REGISTRY.get_sample_value("workers_alive")) == (0, 0)
    assert 60 <= (REGISTRY.get_sample_value("inbox_oldest_pending_age_seconds") or 0) < 600


async def test_X4_an_event_that_waited_has_a_line_when_it_waits_and_one_when_its_order_comes(server: Server) -> None:
    shop = server.shop
    order = payload("shopify", "orders_create__minimal.json")
    refund = edited(payload("shopify", "refunds_create__1.json"), order_id=msgspec.json.decode(order)["id"])
    ids = {}
    with structlog.testing.capture_logs() as lines:
        ids["refund"] = await shop.deliver("shopify", refund, "refunds/create")
        ids["order"] = await shop.deliver("shopify", order, "orders/create")
    told = [
        (line["event_id"], line["state"], len(line["orders"])) for line in lines if line["event"] == "event_settled"
    ]
    assert told == [(ids["refund"], "waiting", 0), (ids["order"], "applied", 1), (ids["refund"], "applied", 1)]


async def test_X4_a_failed_try_is_told_with_its_number_and_without_its_reason(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    [event] = await server.shop.store([server.shop.event("stripe", BODY)])

    async def fails(*_: Any) -> Any:
        raise TimeoutError("planted")

    monkeypatch.setattr(store, "load", fails)
    with structlog.testing.capture_logs() as lines:
        await server.shop.apply([event.id])
    [line] = [line for line in lines if line.get("event_id") == event.id]
    assert (line["event"], line["state"], line["attempt"], line["connection"]) == (
        "event_retrying",
        "retrying",
        1,
        "stripe",
    )
    assert "planted" not in str(lines)


async def test_X4_a_topic_that_no_adapter_lists_is_counted_as_other(server: Server) -> None:
    def ignored(type_: str) -> float | None:
        return REGISTRY.get_sample_value("inbox_events_applied_total", {"type": type_, "result": "ignored"})

    before = ignored("other") or 0
    await server.shop.deliver("standard", {"type": "of.a.sender", "data": {}})
    assert ignored("other") == before + 1
    assert ignored("of.a.sender") is None
