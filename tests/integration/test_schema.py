"""The schema: every statement is valid against it, and every key carries the account (X6)."""

from __future__ import annotations

import asyncpg
import pytest

from tests.world import World
from worker.store import migrate
from worker.store.statements import nouns, statements

GLOBAL = {"accounts", "connection_directory", "token_directory", "workers", "migrations", "unknown_refusals"}
STATEMENTS = [(noun, name) for noun in nouns() for name in statements(noun)]


async def test_every_statement_is_accepted_by_postgres(database: str) -> None:
    connection = await asyncpg.connect(database)
    try:
        refused = {}
        for noun, name in STATEMENTS:
            try:
                await connection.prepare(statements(noun)[name])
            except asyncpg.PostgresError as error:
                refused[f"{noun}.{name}"] = str(error)
        assert refused == {}
    finally:
        await connection.close()


async def test_X6_the_account_is_in_every_unique_key_of_business_tables(shop: World) -> None:
    rows = await shop.rows(
        "SELECT t.relname AS table, i.relname AS index, bool_or(a.attname = 'account_id') AS carried "
        "FROM pg_index x JOIN pg_class t ON t.oid = x.indrelid JOIN pg_class i ON i.oid = x.indexrelid "
        "JOIN pg_namespace n ON n.oid = t.relnamespace AND n.nspname = 'public' "
        "JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = ANY (x.indkey) "
        "WHERE x.indisunique GROUP BY 1, 2"
    )
    assert {row["index"] for row in rows if not row["carried"] and row["table"] not in GLOBAL} == set()


async def test_migrations_run_once_and_again_without_effect(database: str) -> None:
    assert await migrate.migrate(database) == []
    assert await migrate.pending(database) == []


async def test_a_changed_migration_is_refused(database: str, shop: World) -> None:
    await shop.ctx.pool.execute("UPDATE migrations SET digest = 'other'")
    with pytest.raises(Exception, match="was changed after"):
        await migrate.migrate(database)
