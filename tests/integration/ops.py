"""A receiver and a worker as processes of their own, over servers that a test may stop."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
from prometheus_client.parser import text_string_to_metric_families
from tenacity import AsyncRetrying, stop_after_delay, wait_fixed

from tests.chaos.rig import Rig, rig
from worker.local.process import Child

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


class Ops:
    """What an operator sees of them: their metrics ports, and the lines of their logs."""

    def __init__(self, made: Rig, session: aiohttp.ClientSession) -> None:
        self.rig, self.session = made, session
        self.ports: dict[str, str] = {}

    @property
    def children(self) -> list[Child]:
        return self.rig.children

    def log(self) -> str:
        return "".join(child.log.read_text() for child in self.children)

    def lines(self) -> list[dict[str, Any]]:
        """Every line of both logs; a line that is not JSON fails here."""
        return [json.loads(line) for line in self.log().splitlines()]

    async def find_ports(self) -> None:
        for name in ("receive", "work"):
            child = next(child for child in self.children if child.name.startswith(name))

            def address(child: Child = child) -> str:
                [*_, found] = re.findall(r'"metrics": ?"(http[^"]+)"', child.log.read_text())
                return str(found)

            self.ports[name] = await eventually(address)

    async def get(self, url: str) -> tuple[int, dict[str, Any]]:
        async with self.session.get(url) as answer:
            return answer.status, await answer.json(content_type=None)

    async def ready(self, name: str) -> tuple[int, dict[str, Any]]:
        return await self.get(f"{self.ports[name]}/readyz")

    async def scrape(self, name: str) -> str:
        async with self.session.get(f"{self.ports[name]}/metrics") as answer:
            assert answer.status == 200
            return await answer.text()

    async def samples(self, name: str) -> Samples:
        return {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in text_string_to_metric_families(await self.scrape(name))
            for sample in family.samples
        }


async def eventually(look: Callable[[], Any], within_s: float = 30) -> Any:
    """What `look` gives, once it does so without raising."""
    async for attempt in AsyncRetrying(stop=stop_after_delay(within_s), wait=wait_fixed(0.05), reraise=True):
        with attempt:
            found = look()
            return await found if isinstance(found, Awaitable) else found
    raise AssertionError("unreachable")


@asynccontextmanager
async def running(**given: str) -> AsyncIterator[Ops]:
    """One receiver and one worker with their metrics ports; `given` is more environment for them."""
    folder = Path(tempfile.mkdtemp(prefix="daybook-ops-", dir="/tmp"))
    try:
        async with (
            rig(folder, folder, given=lambda _rig: {"DAYBOOK_METRICS_PORT": "0", **given}) as made,
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session,
        ):
            ops = Ops(made, session)
            await ops.find_ports()
            yield ops
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
