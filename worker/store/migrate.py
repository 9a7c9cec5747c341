"""Schema migrations: the numbered files of `migrations/`, each applied once, in one transaction, under one lock."""

from __future__ import annotations

import hashlib
from pathlib import Path

import asyncpg

from worker.errors import UserError
from worker.store.db import Pooled

FOLDER = Path(__file__).parent / "migrations"
_LOCK = 0x64617962  # "dayb"


def files() -> list[Path]:
    return sorted(FOLDER.glob("[0-9]*.sql"))


async def migrate(url: str) -> list[str]:
    """Bring the schema up to date and return the names of the migrations that were applied now.

    Several processes may call it at once: the others wait. A migration that cannot get its table locks within 5 s gives
    up, rather than queue every reader behind it.
    """
    connection = await asyncpg.connect(url, timeout=10)
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
        await connection.execute("SET lock_timeout = '5s'")
        await connection.execute(
            "CREATE TABLE IF NOT EXISTS migrations "
            "(name text PRIMARY KEY, digest text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
        )
        done = {row["name"]: row["digest"] for row in await connection.fetch("SELECT name, digest FROM migrations")}
        applied = []
        for path in files():
            text = path.read_text(encoding="utf-8")
            digest = hashlib.sha256(text.encode()).hexdigest()
            if path.stem in done:
                if done[path.stem] != digest:
                    raise UserError(
                        f"Migration {path.stem} was changed after it had been applied.",
                        remedy="Restore the file, and put the change into a new migration.",
                    )
                continue
            async with connection.transaction():
                await connection.execute(text)
                await connection.execute("INSERT INTO migrations (name, digest) VALUES ($1, $2)", path.stem, digest)
            applied.append(path.stem)
        return applied
    finally:
        await connection.close()


async def pending(url: str) -> list[str]:
    """The migrations that the database does not have yet."""
    connection = await asyncpg.connect(url, timeout=10)
    try:
        return await lacking(connection)
    finally:
        await connection.close()


async def lacking(connection: Pooled) -> list[str]:
    """As `pending`, over a connection. A database that has more than this code knows lacks nothing: the code is older,
    as it is for a while when many hosts are brought up to date."""
    wanted = [path.stem for path in files()]
    if not await connection.fetchval("SELECT to_regclass('migrations') IS NOT NULL"):
        return wanted
    rows = await connection.fetch("SELECT name FROM migrations WHERE name = ANY ($1)", wanted)
    done = {row["name"] for row in rows}
    return [name for name in wanted if name not in done]
