"""A proxy between Daybook and a Unix socket that cuts each connection after so many bytes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path


@asynccontextmanager
async def cutter(here: Path, there: Path, after: Callable[[], int]) -> AsyncIterator[Path]:
    """Listens on `here`, forwards to `there`, and cuts when the client has sent `after()` bytes."""
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        tasks.add(task)
        left = after()
        try:
            upstream_reader, upstream_writer = await asyncio.open_unix_connection(str(there))
        except OSError:
            writer.transport.abort()
            tasks.discard(task)
            return
        back = asyncio.create_task(_copy(upstream_reader, writer))
        try:
            with suppress(OSError):
                while left > 0 and (data := await reader.read(min(left, 65536))):
                    left -= len(data)
                    upstream_writer.write(data)
                    await upstream_writer.drain()
        finally:
            back.cancel()
            writer.transport.abort()
            upstream_writer.transport.abort()
            tasks.discard(task)

    server = await asyncio.start_unix_server(serve, path=str(here))
    try:
        yield here
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
