"""The first burst on a young instance: plans made while the tables were empty must not read what grows under them."""

from __future__ import annotations

from tests.world import World, payload
from worker.store import statistics
from worker.store.db import KEYED_SETTINGS, make_pool, open_pool
from worker.store.statements import statements

BODY = payload("stripe", "payment_intent_created__2020-08-27.json")


async def burst(shop: World, first: int, count: int) -> None:
    await shop.store(
        [shop.event("stripe", BODY.replace(b"evt_0", b"evt_%d_" % n, 1)) for n in range(first, first + count)]
    )


async def test_statistics_are_made_once_a_table_has_multiplied_and_not_again_before_it_does(shop: World) -> None:
    await burst(shop, 0, 600)
    await shop.rows("SELECT pg_stat_force_next_flush()")
    assert {"events", "event_states"} <= set(await statistics.refresh(shop.ctx.pool))
    assert await statistics.refresh(shop.ctx.pool) == []


async def test_after_it_the_door_looks_an_id_up_by_its_own_index(shop: World) -> None:
    await burst(shop, 0, 600)
    await shop.rows("SELECT pg_stat_force_next_flush()")
    await statistics.refresh(shop.ctx.pool)
    plan = await planned(shop, "insert_events", [*["'{}'"] * 14, "'1 second'"])
    assert "using events_delivery" in plan
    filters = [line.split(": ", 1)[1] for line in plan.splitlines() if "Filter" in line]
    assert sorted(filters) == ["(e.fetched IS NOT TRUE)", "g.sound"]  # of the few that were looked up


async def test_the_door_never_reads_all_events_to_look_up_a_few(shop: World) -> None:
    plan = await planned(shop, "insert_events", [*["'{}'"] * 14, "'1 second'"])
    assert "Index Scan" in plan
    assert "Seq Scan on events" not in plan
    assert "Bitmap" not in plan
    assert "hashed" not in plan.lower()


async def planned(shop: World, name: str, arguments: list[str]) -> str:
    """The plan that a session of the door's keeps for a statement of the inbox."""
    pool = await open_pool(shop.ctx.settings.database_url or "", size=1, keyed=True)
    try:
        async with pool.acquire() as connection:
            await connection.execute(f"PREPARE asked AS {statements('inbox')[name]}")
            return "\n".join(row[0] for row in await connection.fetch(f"EXPLAIN EXECUTE asked({','.join(arguments)})"))
    finally:
        await pool.close()


async def test_keyed_sessions_plan_no_reading_of_whole_tables(shop: World) -> None:
    pool = make_pool(shop.ctx.settings.database_url or "", size=1, keyed=True)
    await pool
    try:
        found = {name: await pool.fetchval("SELECT current_setting($1)", name) for name in KEYED_SETTINGS}
    finally:
        await pool.close()
    assert found == dict(KEYED_SETTINGS)
