"""The list of events, live (D1, D3): what arrives appears by itself, and what many look at is read once."""

from __future__ import annotations

import asyncio

import pytest

from schemas.account import Permission
from tests.screens.conftest import Desk
from tests.screens.test_events import rows
from tests.screens.test_stream import next_event, sections
from worker.screens import stream
from worker.screens.ops import counts
from worker.screens.ops.shared import KEPT, Shared
from worker.store import tokens


async def test_D1_a_new_event_appears_in_the_list_by_itself(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "TICK_S", 0.05)
    old = await desk.event(state="dead", reason="no", ago_s=60)
    await desk.sign_in()
    async with desk.client.get("/stream/events?state=dead") as answer:
        assert rows(await sections(answer, "list")) == [old]
        new = await desk.event(state="dead", reason="no", ago_s=1)
        await desk.event()  # not dead: not of this list
        async with asyncio.timeout(10):
            while (found := rows(await sections(answer, "list"))) == [old]:
                pass  # the times that are shown changed meanwhile
        assert found == [new, old]


async def test_D1_one_event_is_live_too(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "TICK_S", 0.05)
    id_ = await desk.event(state="dead", reason="no")
    await desk.sign_in()
    async with desk.client.get(f"/stream/events/{id_}") as answer:
        assert "is-dead" in await sections(answer, "state")
        await desk.shop.ctx.pool.execute(
            "UPDATE event_states SET state = 'applied', reason = NULL WHERE event_id = $1", id_
        )
        async with asyncio.timeout(10):
            while "is-dead" in (found := await sections(answer, "state")):
                pass
        assert "is-applied" in found


async def test_D2_what_many_ask_for_at_once_is_read_once() -> None:
    shared: Shared[str, int] = Shared("test")
    going, reads = asyncio.Event(), []

    async def read() -> int:
        reads.append(1)
        await going.wait()
        return len(reads)

    asked = [asyncio.create_task(shared.get("a", 60, read)) for _ in range(5)]
    await asyncio.sleep(0)
    going.set()
    assert await asyncio.gather(*asked) == [1] * 5
    assert await shared.get("a", 60, read) == 1
    assert await shared.get("b", 0, read) == 2
    assert await shared.get("b", 0, read) == 3  # it is not fresh any more


async def test_D2_a_read_that_failed_is_not_kept_and_no_more_is_kept_than_there_is_room_for() -> None:
    shared: Shared[int, int] = Shared("test")

    async def fail() -> int:
        raise OSError("the database is away")

    async def give() -> int:
        return 7

    with pytest.raises(OSError, match="away"):
        await shared.get(0, 60, fail)
    assert await shared.get(0, 60, give) == 7
    for key in range(1, KEPT + 1):
        await shared.get(key, 60, give)
    with pytest.raises(OSError, match="away"):
        await shared.get(0, 60, fail)  # it went to make room


async def test_D1_the_count_of_the_dead_in_the_menu_is_live_on_every_page(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "TICK_S", 0.05)
    monkeypatch.setattr(counts, "DEAD_FRESH_S", 0.0)
    await desk.sign_in()
    async with desk.client.get("/stream/orders") as answer:
        assert (await sections(answer, "dead-count")).strip() == ""
        await desk.event(state="dead", reason="no")
        async with asyncio.timeout(10):
            while not (found := (await sections(answer, "dead-count")).strip()):
                pass
        assert found == '<span class="count" data-count="dead">1<span class="unseen"> dead</span></span>'


async def test_H2_the_count_of_the_dead_is_not_told_to_who_may_not_look_at_the_work(desk: Desk) -> None:
    await desk.event(state="dead", reason="no")
    rep = await tokens.issue(desk.shop.ctx.pool, desk.shop.account_id, "a rep", "rep", [Permission.CRM_MANAGE])
    await desk.sign_in(rep)
    async with desk.client.get("/stream/orders") as answer:
        _, data = await next_event(answer)
        assert "list" in data
        assert "dead-count" not in data
