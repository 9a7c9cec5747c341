"""Fixtures of the fault tests. `CHAOS_ROUNDS`, `CHAOS_SALES` and `CHAOS_CYCLES` make them long (see `make chaos`); `CHAOS_SEED` repeats one."""

from __future__ import annotations

import os
import random
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.world import World, world

SEED = int(os.environ.get("CHAOS_SEED", "0")) or 20_261_121
ROUNDS = int(os.environ.get("CHAOS_ROUNDS", "1"))
SALES = int(os.environ.get("CHAOS_SALES", "150"))


@pytest.fixture(params=range(ROUNDS))
def chance(request: pytest.FixtureRequest) -> random.Random:
    """Seeded by CHAOS_SEED and the round; both are printed with a failure."""
    seed = SEED + request.param
    print(f"CHAOS_SEED={seed} (round {request.param} of this run)")
    return random.Random(seed)


@pytest.fixture
def sales() -> int:
    """How many sales are told of in the midst of the fault."""
    return SALES


@pytest.fixture
def sockets() -> Iterator[Path]:
    """A folder with a short path for the sockets of servers of this test's own."""
    folder = Path(tempfile.mkdtemp(prefix="daybook-chaos-", dir="/tmp"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
async def shop(database: str) -> AsyncIterator[World]:
    """An undisturbed Daybook, which folds the same events in this process."""
    async with world(database) as made:
        yield made
