"""Ending what runs, within a time (X5)."""

from __future__ import annotations

import asyncio
import contextlib

from worker.ending import ended, within


async def _stubborn(release: asyncio.Event) -> None:
    """As asyncpg's release: shielded from its caller's cancellation."""
    while not release.is_set():
        with contextlib.suppress(asyncio.CancelledError):
            await release.wait()


async def test_X5_work_that_does_not_let_itself_be_cancelled_is_left_behind() -> None:
    release = asyncio.Event()
    loop = asyncio.get_running_loop()
    before = loop.time()
    assert await within(0.05, _stubborn(release)) is False
    task = asyncio.create_task(_stubborn(release))
    await asyncio.sleep(0)  # it has begun
    await ended(task, within_s=0.05)
    assert loop.time() - before < 2
    release.set()
    await task


async def test_X5_work_that_ends_in_time_has_ended_and_a_failure_has_not() -> None:
    async def fails() -> None:
        raise ConnectionError

    assert await within(5, asyncio.sleep(0)) is True
    assert await within(5, fails()) is False
