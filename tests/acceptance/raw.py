"""A receiver process of its own, spoken to over raw sockets."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg

from worker.providers import adapters

SECRET = "whsec_of_the_raw_tests"
BODY_LIMIT = 262_144
PATIENCE_S = 1
ANSWER_S = 20


class Receiver:
    """`daybook receive` as a subprocess with tight limits. `lines` is what it has said so far."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path, database: str) -> None:
        self.process, self.log, self.database = process, log, database
        self.port = 0

    @property
    def said(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    async def ready(self) -> None:
        async with asyncio.timeout(60):
            while not self.port:
                if self.process.returncode is not None:
                    raise AssertionError(self.said)
                for line in self.said.splitlines():
                    with contextlib.suppress(ValueError):
                        told = json.loads(line)
                        if told.get("event") == "receiver_ready":
                            self.port = int(told["address"].rsplit(":", 1)[1])
                await asyncio.sleep(0.02)

    @property
    def memory(self) -> int:
        """Bytes of memory that it holds."""
        pages = Path(f"/proc/{self.process.pid}/statm").read_text(encoding="ascii").split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    @property
    def lives(self) -> bool:
        return self.process.returncode is None

    async def send(self, *pieces: bytes, pause_s: float = 0, end_s: float | None = None) -> bytes:
        """Everything that comes back for these bytes until the connection ends; empty where it just closes. With
        `end_s` our side of the connection ends so long after the last piece, unless all was said before."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        received = b""
        answering = asyncio.create_task(_all_of(reader))
        try:
            for piece in pieces:
                if answering.done():
                    break
                writer.write(piece)
                await writer.drain()
                if pause_s:
                    await asyncio.wait([answering], timeout=pause_s)
            if end_s is not None:
                await asyncio.wait([answering], timeout=end_s)
                if not answering.done():
                    writer.write_eof()
        except (ConnectionError, OSError):
            pass  # it answered, or closed, before everything was sent
        try:
            async with asyncio.timeout(ANSWER_S):
                received = await answering
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError, OSError):
                await writer.wait_closed()
        return received

    async def stored(self) -> int:
        connection = await asyncpg.connect(self.database)
        try:
            return int(await connection.fetchval("SELECT count(*) FROM events"))
        finally:
            await connection.close()


async def _all_of(reader: asyncio.StreamReader) -> bytes:
    found = b""
    with contextlib.suppress(ConnectionError, OSError):
        while piece := await reader.read(65_536):
            found += piece
    return found


@asynccontextmanager
async def receiver(database: str, redis_url: str, folder: Path) -> AsyncIterator[Receiver]:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("DAYBOOK_")},
        "DATABASE_URL": database, "REDIS_URL": redis_url, "PORT": "0", "DAYBOOK_SECRET_KEY": "test-key",
        "DAYBOOK_DATA": str(folder / "data"), "STRIPE_WEBHOOK_SECRET": SECRET, "SHOPIFY_WEBHOOK_SECRET": "hush",
        "DAYBOOK_BODY_LIMIT_BYTES": str(BODY_LIMIT), "DAYBOOK_BODY_TIMEOUT_S": str(PATIENCE_S),
        "DAYBOOK_KEEPALIVE_S": str(PATIENCE_S), "DAYBOOK_DRAIN_S": "2",
    }  # fmt: skip
    log = folder / "receiver.log"
    with log.open("wb") as said:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "worker.cli", "receive", env=environment, stdout=said, stderr=said
        )
    made = Receiver(process, log, database)
    try:
        await made.ready()
        yield made
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
            try:
                async with asyncio.timeout(10):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()


def request(
    body: bytes = b"",
    headers: dict[str, str] | None = None,
    *,
    path: str = "/webhooks/stripe",
    length: int | None = -1,
    raw: bytes = b"",
) -> bytes:
    """A request as bytes. `length` in place of the true Content-Length; None for no such header. `raw`: header lines."""
    lines = [f"POST {path} HTTP/1.1".encode("latin-1"), b"Host: x"]
    if length is not None:
        lines.append(b"Content-Length: %d" % (len(body) if length == -1 else length))
    lines += [f"{name}: {value}".encode() for name, value in (headers or {}).items()]
    return b"\r\n".join(lines) + b"\r\n" + raw + b"\r\n" + body


def signed(body: bytes, now: float, *, secret: str = SECRET) -> dict[str, str]:
    return adapters()["stripe"].sign(body, "", secret.encode(), now, {})


def status_of(answer: bytes) -> int | None:
    """The status of the first answer, or None where there is none."""
    head = answer.split(b"\r\n", 1)[0].split()
    return int(head[1]) if len(head) > 1 and head[0].startswith(b"HTTP/") else None


def problem_of(answer: bytes) -> dict[str, Any]:
    """The problem details of the first answer."""
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"application/problem+json" in head, answer[:300]
    found: dict[str, Any] = json.JSONDecoder().raw_decode(body.decode())[0]
    assert found["status"] == status_of(answer)
    assert len(found["detail"]) > 20
    return found
