"""What a first start makes, and every start makes sure of."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from worker.bootstrap import bootstrap, bootstrap_connections
from worker.config import Settings
from worker.local.datadir import DataDir
from worker.store import accounts, connections, tokens
from worker.store.db import Pool, open_pool
from worker.vault import Vault

NAMES = ["shopify", "standard", "stripe", "woocommerce"]
VAULT = Vault(["k"])


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Pool]:
    pool = await open_pool(database, size=4)
    yield pool
    await pool.close()


@pytest.fixture
def data(tmp_path: Path) -> DataDir:
    return DataDir.make(tmp_path / "data")


def settings(database: str, **secrets: str) -> Settings:
    given = {f"{name}_webhook_secret": SecretStr(value) for name, value in secrets.items()}
    return Settings(database_url=database, secret_key=SecretStr("k"), **given)  # type: ignore[arg-type]


async def secrets_of(pool: Pool, name: str) -> tuple[str, ...]:
    row = await connections.find(pool, name)
    assert row
    return VAULT.open(row.secrets)


async def test_a_first_start_makes_account_token_and_connections(database: str, pool: Pool, data: DataDir) -> None:
    made = await bootstrap(settings(database), data)
    assert len(made.lines) == 6
    [account] = await accounts.list_(pool)  # type: ignore[arg-type]
    assert (account.name, account.currency, account.registry_enabled) == ("default", "BRL", True)
    token = data.read(data.admin_token) or ""
    actor = await tokens.find(pool, token)
    assert actor
    assert actor.may("settings.manage")
    kept = data.read_json(data.secrets)
    assert sorted(kept) == NAMES
    for name in NAMES:
        assert await secrets_of(pool, name) == (kept[name],)
    for file in (data.admin_token, data.secrets):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert not any(secret in line for line in made.lines for secret in (token, *kept.values()))


async def test_starting_again_changes_nothing_but_the_link(database: str, pool: Pool, data: DataDir) -> None:
    first = await bootstrap(settings(database), data)
    before = (data.read(data.admin_token), data.read_json(data.secrets), await connections.state(pool))
    second = await bootstrap(settings(database), data)
    assert (data.read(data.admin_token), data.read_json(data.secrets), await connections.state(pool)) == before
    assert second.lines == []
    assert first.sign_in_link != second.sign_in_link


async def test_two_starts_at_once_make_one_of_each(database: str, pool: Pool, data: DataDir) -> None:
    await asyncio.gather(*(bootstrap(settings(database), data) for _ in range(4)))
    kept = data.read_json(data.secrets)
    assert [await secrets_of(pool, name) for name in NAMES] == [(kept[name],) for name in NAMES]
    assert await tokens.find(pool, data.read(data.admin_token) or "")


async def test_the_environment_wins_at_each_start(database: str, pool: Pool, data: DataDir) -> None:
    await bootstrap(settings(database), data)
    made = await bootstrap(
        settings(database, stripe="whsec_first_of_the_environment, whsec_second_of_the_environment"), data
    )
    assert made.lines == ["Connection stripe: has the secret of the environment now"]
    assert await secrets_of(pool, "stripe") == ("whsec_first_of_the_environment", "whsec_second_of_the_environment")
    assert "stripe" not in data.read_json(data.secrets)
    assert "whsec_first_of_the_environment" not in data.secrets.read_text()
    assert (await bootstrap(settings(database), data)).lines == []
    assert await secrets_of(pool, "stripe") == ("whsec_first_of_the_environment", "whsec_second_of_the_environment")


async def test_a_receiver_without_a_data_directory_makes_what_the_environment_gives(database: str, pool: Pool) -> None:
    assert await bootstrap_connections(pool, VAULT, settings(database)) == []
    assert await connections.find(pool, "stripe") is None
    given = settings(database, stripe="whsec_first_of_the_environment")
    told = await asyncio.gather(*(bootstrap_connections(pool, VAULT, given) for _ in range(4)))
    assert sum("stripe" in line for lines in told for line in lines) == 1
    assert await secrets_of(pool, "stripe") == ("whsec_first_of_the_environment",)
    assert await connections.find(pool, "shopify") is None


@pytest.mark.parametrize("lost", ["gone", "revoked"])
async def test_an_admin_token_that_is_lost_is_made_anew(database: str, pool: Pool, data: DataDir, lost: str) -> None:
    await bootstrap(settings(database), data)
    before = data.read(data.admin_token) or ""
    actor = await tokens.find(pool, before)
    assert actor
    if lost == "gone":
        data.admin_token.unlink()
    else:
        await tokens.revoke(pool, actor.account_id, actor.token_id)
    await bootstrap(settings(database), data)
    after = data.read(data.admin_token) or ""
    assert after != before
    assert await tokens.find(pool, after)


async def test_a_sign_in_link_works_once_for_one_of_many(database: str, pool: Pool, data: DataDir) -> None:
    made = await bootstrap(settings(database), data)
    assert made.sign_in_link
    path, _, link = made.sign_in_link.partition("?link=")
    assert path == "/sign-in"
    found = await asyncio.gather(*(tokens.find(pool, link, "link") for _ in range(8)))
    assert [actor is not None for actor in found].count(True) == 1
    assert await tokens.find(pool, link) is None
    late = (await bootstrap(settings(database), data)).sign_in_link or ""
    await pool.execute("UPDATE token_directory SET expires_at = now() WHERE purpose = 'link'")
    assert await tokens.find(pool, late.partition("=")[2], "link") is None


async def test_sessions_end_with_their_token(database: str, pool: Pool, data: DataDir) -> None:
    await bootstrap(settings(database), data)
    actor = await tokens.find(pool, data.read(data.admin_token) or "")
    assert actor
    session = await tokens.grant(pool, actor.account_id, actor.token_id, "session")
    other = await tokens.grant(pool, actor.account_id, actor.token_id, "session")
    assert await tokens.find(pool, session, "session") == replace(actor, in_browser=True)
    await tokens.forget(pool, session)
    assert await tokens.find(pool, session, "session") is None
    await tokens.revoke(pool, actor.account_id, actor.token_id)
    assert await tokens.find(pool, other, "session") is None
