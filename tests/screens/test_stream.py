"""The overview, live (D1)."""

from __future__ import annotations

import asyncio
import time

import msgspec
import pytest
from aiohttp import ClientResponse

from tests.screens.conftest import Desk, shown
from worker.screens import stream
from worker.screens.ops import looks
from worker.store import tokens


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ticks of a twentieth of a second, and looks that are never kept."""
    monkeypatch.setattr(stream, "TICK_S", 0.05)
    for key, choice in looks.RANGES.items():
        monkeypatch.setitem(looks.RANGES, key, msgspec.structs.replace(choice, fresh_s=0))


async def next_event(answer: ClientResponse) -> tuple[str, str]:
    """The next event's name and data."""
    name = ""
    data: list[str] = []
    async with asyncio.timeout(5):
        while True:
            line = (await answer.content.readline()).decode().rstrip("\r\n")
            if answer.content.at_eof() and not line:
                return "closed", ""
            if not line and name:
                return name, "\n".join(data)
            field, _, value = line.partition(": ")
            if field == "event":
                name = value
            elif field == "data":
                data.append(value)


async def sections(answer: ClientResponse, wanted: str) -> str:
    """The next version of a section."""
    while True:
        name, data = await next_event(answer)
        assert name == "sections"
        found = msgspec.json.decode(data, type=dict[str, str])
        if wanted in found:
            return found[wanted]


async def test_a_changed_number_arrives_without_asking(desk: Desk) -> None:
    await desk.event()
    await desk.sign_in()
    async with desk.client.get("/stream/?range=1h") as answer:
        assert answer.content_type == "text/event-stream"
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert shown(await sections(answer, "states"), "state", "dead") == "0"
        await desk.event(state="dead", reason="no")
        assert shown(await sections(answer, "states"), "state", "dead") == "1"


async def test_only_what_changed_is_sent(desk: Desk) -> None:
    await desk.event(ago_s=100)
    await desk.sign_in()
    async with desk.client.get("/stream/") as answer:
        first = msgspec.json.decode((await next_event(answer))[1], type=dict[str, str])
        second = msgspec.json.decode((await next_event(answer))[1], type=dict[str, str])
    assert len(first) > 5
    assert "states" not in second


async def test_it_ends_at_shutdown_at_once(desk: Desk) -> None:
    await desk.sign_in()
    async with desk.client.get("/stream/") as answer:
        await next_event(answer)
        began = time.monotonic()
        await desk.client.server.close()
        assert time.monotonic() - began < 2
        name = ""
        while name != "closed":
            name, _ = await next_event(answer)


async def test_it_ends_with_its_session(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "SESSION_CHECK_TICKS", 1)
    await desk.sign_in()
    async with desk.client.get("/stream/") as answer:
        await next_event(answer)
        actor = await tokens.find(desk.shop.ctx.pool, desk.admin)
        assert actor is not None
        await tokens.revoke(desk.shop.ctx.pool, actor.account_id, actor.token_id)
        name = "sections"
        while name == "sections":
            name, _ = await next_event(answer)
        assert name == "ended"
    async with desk.client.get("/stream-session") as answer:
        assert answer.status == 401


async def test_it_is_for_those_who_are_signed_in(desk: Desk) -> None:
    async with desk.client.get("/stream/") as answer:
        assert answer.status == 401
        assert answer.content_type == "application/problem+json"
    await desk.sign_in()
    async with desk.client.get("/stream-session") as answer:
        assert answer.status == 204


async def test_when_the_database_fails_the_stream_says_so_and_goes_on(desk: Desk) -> None:
    await desk.event()
    await desk.sign_in()
    async with desk.client.get("/stream/") as answer:
        await next_event(answer)
        await desk.shop.ctx.pool.execute("ALTER TABLE workers RENAME TO gone")
        name = "sections"
        while name == "sections":
            name, _ = await next_event(answer)
        assert name == "stale"
        await desk.shop.ctx.pool.execute("ALTER TABLE gone RENAME TO workers")
        while name == "stale":
            name, _ = await next_event(answer)
        assert name == "sections"


async def test_a_browser_that_leaves_frees_its_place(desk: Desk) -> None:
    await desk.sign_in()
    count = desk.client.app[stream.OPEN]
    async with desk.client.get("/stream/") as answer:
        await next_event(answer)
        assert count == [1]
    async with asyncio.timeout(5):
        while count != [0]:  # noqa: ASYNC110  (the server frees it when it next writes; there is nothing to wait on)
            await asyncio.sleep(0.02)


async def test_streams_are_bounded(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "STREAMS", 0)
    await desk.sign_in()
    async with desk.client.get("/stream/") as answer:
        assert (answer.status, answer.headers["Retry-After"]) == (503, "30")
