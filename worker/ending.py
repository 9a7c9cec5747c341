"""Ending what runs, within a time: a server that does not answer must not keep a process that was told to stop."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

GRACE_S = 0.1
"""How long something that was cancelled may take to end before it is left alone."""


async def ended(*tasks: asyncio.Task[None], within_s: float | None = None) -> None:
    """Cancel tasks until they have ended: a library that times out at the same moment swallows a cancellation."""
    until = None if within_s is None else asyncio.get_running_loop().time() + within_s
    while pending := [task for task in tasks if not task.done()]:
        if until is not None and asyncio.get_running_loop().time() >= until:
            return
        for task in pending:
            task.cancel()
        await asyncio.wait(pending, timeout=GRACE_S)


async def within(seconds: float, work: Coroutine[Any, Any, object]) -> bool:
    """Whether the work ended by itself in this time. `asyncio.timeout` does not do: it waits for what it has cancelled,
    and asyncpg shields a release, which waits for a server that may be frozen. This leaves such work behind."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait({task}, timeout=seconds)
        if not task.done():
            task.cancel()
            await asyncio.wait({task}, timeout=GRACE_S)
            return False
    except asyncio.CancelledError:
        task.cancel()
        raise
    finally:
        task.add_done_callback(_read)
    return not task.cancelled() and task.exception() is None


def _read(task: asyncio.Future[object]) -> None:
    """An unread failure of what was left behind is not worth a warning."""
    if not task.cancelled():
        task.exception()
