"""`daybook account`: what it makes and sets, and how it fails."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.world import World
from worker.cli.account import app
from worker.errors import UserError
from worker.store import tokens


class Runner:
    def __init__(self, data: Path) -> None:
        self._data = data

    async def __call__(self, *arguments: str) -> tuple[list[str], str]:
        """The printed lines, and the sentence that it failed with."""
        given = ["account", *arguments, "--data", str(self._data)]
        result = await asyncio.to_thread(CliRunner().invoke, app, given)
        if isinstance(result.exception, UserError):
            return result.stdout.splitlines(), str(result.exception)
        assert result.exception is None, result
        return result.stdout.splitlines(), ""


@pytest.fixture
def run(shop: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runner:
    monkeypatch.setenv("DATABASE_URL", shop.ctx.settings.database_url or "")
    return Runner(tmp_path)


async def test_X2_an_account_is_added_with_its_administrators_token_and_its_registry_off(
    shop: World, run: Runner
) -> None:
    lines, failure = await run("add", "branch", "--currency", "EUR", "--timezone", "Europe/Rome")
    assert failure == ""
    actor = await tokens.find(shop.ctx.pool, lines[-1])
    assert actor
    assert (actor.role, actor.registry_enabled) == ("admin", False)
    listed, _ = await run("list")
    assert any("branch" in line and "EUR" in line and "Europe/Rome" in line and "off" in line for line in listed)
    _, failure = await run("add", "branch")
    assert "branch already" in failure
    assert "show branch" in failure


async def test_X2_settings_are_set_and_the_registry_enabled(shop: World, run: Runner) -> None:
    await run("add", "branch")
    lines, _ = await run(
        "set", "branch", "--owner-privacy", "--private-targets", "--retry-interval", "60", "--retry-interval", "3600",
        "--timezone", "America/Sao_Paulo", "--currency", "USD",
    )  # fmt: skip
    shown = dict(line.split(maxsplit=1) for line in lines)
    assert (shown["privacy"], shown["private"], shown["retries"]) == ("on", "on", "60 s, 3600 s")
    assert (shown["timezone"], shown["currency"], shown["registry"]) == ("America/Sao_Paulo", "USD", "off")
    await run("enable-registry", "branch")
    shown = dict(line.split(maxsplit=1) for line in (await run("show", "branch"))[0])
    assert (shown["registry"], shown["tokens"]) == ("on", "admin")
    await run("set", "branch", "--no-owner-privacy", "--no-registry")
    [row] = await shop.rows("SELECT owner_privacy, registry_enabled, version FROM accounts WHERE name = 'branch'")
    assert row == {"owner_privacy": False, "registry_enabled": False, "version": 4}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("set",), "Nothing to set"),
        (("set", "--currency", "ZZZ"), "not a currency"),
        (("set", "--currency", "eur"), "currency"),
        (("set", "--timezone", "Mars/Olympus"), "no such time zone"),
        (("set", "--retry-interval", "5"), "retry_intervals_s"),
        (("set", "nobody", "--currency", "EUR"), "no account nobody"),
        (("enable-registry", "nobody"), "no account nobody"),
        (("add", "Upper Case"), "cannot be the name"),
        (("add", "new", "--currency", "ZZZ"), "not a currency"),
    ],
)
async def test_X2_what_cannot_be_is_said_in_a_sentence(run: Runner, arguments: tuple[str, ...], said: str) -> None:
    _, failure = await run(*arguments)
    assert said in failure
