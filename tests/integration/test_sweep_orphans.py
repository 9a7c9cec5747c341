"""Batches that their worker left behind (I1, Q4)."""

from __future__ import annotations

import pytest
import structlog
from prometheus_client import REGISTRY

from schemas.provider import Lane
from tests.world import World
from worker.ids import new_id
from worker.store import inbox, workers
from worker.together import BATCHES
from worker.upkeep import sweep


async def _left_behind(shop: World, worker: str, age: str) -> str:
    [stored] = await shop.store([shop.event("stripe", {"id": "evt_1", "type": "x"})])
    await inbox.open_batch(shop.ctx.pool, shop.account_id, new_id(), worker, [stored.id])
    await shop.ctx.pool.execute(f"UPDATE batches SET started_at = now() - interval '{age}'")
    return stored.id


async def test_I1_a_sweep_that_dies_while_counting_keeps_the_batch_for_the_next(
    shop: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _left_behind(shop, "gone", "1 minute")
    count = inbox.count_try

    async def die(*_arguments: object) -> None:
        raise ConnectionError("the sweeper died too")

    monkeypatch.setattr(inbox, "count_try", die)
    with pytest.raises(ConnectionError):
        await sweep.tick(shop.ctx)
    assert len(await shop.rows("SELECT id FROM batches")) == 1
    monkeypatch.setattr(inbox, "count_try", count)
    await sweep.tick(shop.ctx)
    assert await shop.rows("SELECT id FROM batches") == []
    assert await shop.rows("SELECT state, attempts FROM event_states") == [{"state": "retrying", "attempts": 1}]


async def test_I1_a_batch_whose_end_postgres_missed_goes_though_its_worker_lives(shop: World) -> None:
    await workers.beat(shop.ctx.pool, "alive", "host", 1, {})
    await _left_behind(shop, "alive", "6 minutes")
    await sweep.tick(shop.ctx)
    assert await shop.rows("SELECT id FROM batches") == []
    assert await shop.rows("SELECT attempts FROM event_states") == [{"attempts": 0}]


async def test_X4_the_try_that_a_dead_worker_took_is_told_and_a_second_try_is_no_rescue(shop: World) -> None:
    def rescued() -> float:
        return REGISTRY.get_sample_value("sweep_rescued_total") or 0

    before = rescued()
    event_id = await _left_behind(shop, "gone", "1 minute")
    with structlog.testing.capture_logs() as lines:
        await sweep.tick(shop.ctx)
    [line] = [line for line in lines if line.get("event_id") == event_id]
    assert (line["event"], line["attempt"], line["connection"]) == ("event_retrying", 1, "stripe")
    due = "UPDATE event_states SET next_attempt_at = now()"
    await shop.ctx.pool.execute(due)
    assert await sweep.tick(shop.ctx) == 1
    assert rescued() == before, "its time had come: nothing was lost"
    await shop.ctx.pool.execute(f"{due}, attempts = 0")
    assert await sweep.tick(shop.ctx) == 1
    assert rescued() == before + 1


async def test_I1_suspects_of_a_death_go_one_at_a_time_through_the_lane_of_one_slot(
    shop: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    event_id = await _left_behind(shop, "gone", "1 minute")
    await sweep.tick(shop.ctx)  # counts the try
    await shop.ctx.pool.execute("UPDATE event_states SET next_attempt_at = now()")
    rung: list[tuple[str, list[str], bool]] = []
    monkeypatch.setattr(
        shop.ctx.lanes, "signal", lambda lane, _account, ids, *, alone: rung.append((lane, list(ids), alone))
    )
    await sweep.tick(shop.ctx)
    assert rung == [("bulk", [event_id], True)]
    assert BATCHES[Lane.BULK] == 1
