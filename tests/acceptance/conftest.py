"""Fixtures: the real application over a fresh database."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.server import Server, served
from tests.world import World, world


@pytest.fixture
async def shop(database: str) -> AsyncIterator[World]:
    async with world(database) as made:
        yield made


@pytest.fixture
async def server(shop: World) -> AsyncIterator[Server]:
    async with served(shop) as running:
        yield running
