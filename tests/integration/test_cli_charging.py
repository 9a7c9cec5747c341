"""`daybook charging`: the switch that stops all charging (N5)."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.world import World
from worker.cli.app import app
from worker.cli.charging import charging
from worker.errors import UserError


class Runner:
    def __init__(self, data: Path) -> None:
        self._data = data

    async def __call__(self, *arguments: str) -> tuple[list[list[str]], str]:
        """The printed lines as words, and the sentence that it failed with."""
        given = ["charging", *arguments, "--data", str(self._data)]
        result = await asyncio.to_thread(CliRunner().invoke, app, given)
        if isinstance(result.exception, UserError):
            return [], str(result.exception)
        assert result.exception is None, result
        return [line.split() for line in result.stdout.splitlines()], ""


@pytest.fixture
def run(shop: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runner:
    assert charging.registered_commands
    monkeypatch.setenv("DATABASE_URL", shop.ctx.settings.database_url or "")
    return Runner(tmp_path)


async def test_N5_one_switch_stops_all_charging_and_says_since_when(shop: World, run: Runner) -> None:
    await shop.ctx.pool.execute("INSERT INTO accounts (id, name) VALUES (gen_random_uuid(), 'branch')")
    lines, _ = await run("status")
    assert [line[:2] for line in lines[1:]] == [["branch", "on"], ["default", "on"]]
    lines, _ = await run("stop")
    assert [line[:2] for line in lines[1:]] == [["branch", "stopped"], ["default", "stopped"]]
    since = [line[2:] for line in lines[1:]]
    lines, _ = await run("stop")
    assert [line[2:] for line in lines[1:]] == since, "since the first time"
    lines, _ = await run("resume", "--account", "branch")
    assert [line[:2] for line in lines[1:]] == [["branch", "on"]]
    rows = await shop.rows("SELECT name FROM accounts WHERE charging_stopped_at IS NOT NULL")
    assert rows == [{"name": "default"}]
    _, failure = await run("stop", "--account", "nobody")
    assert "no account nobody" in failure
