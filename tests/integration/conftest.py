"""Fixtures over a fresh database."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.world import World, world


@pytest.fixture
async def shop(database: str) -> AsyncIterator[World]:
    """A Daybook with one connection for each provider."""
    async with world(database) as made:
        yield made
