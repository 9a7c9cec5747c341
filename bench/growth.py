"""A database as after a long time: events that were applied, orders with their rows, made by PostgreSQL itself."""

from __future__ import annotations

from pathlib import Path

import asyncpg

from bench.house import House

DATABASE = "grown"


async def make(house: House, events: int) -> str:
    """The name of a database with so many events and three orders for every ten of them."""
    await house.rows(f'CREATE DATABASE "{DATABASE}"')
    await house.prepare(DATABASE)
    await fill(house.postgres.url(DATABASE), events)
    return DATABASE


async def fill(url: str, events: int) -> None:
    """Fill the account of the connection `stripe` with so many events."""
    await _run(url, "growth.sql", ":events", events)


async def fill_shop(url: str, orders: int) -> None:
    """Fill the account of the connection `stripe` with so many orders of every kind, and three events for each."""
    await _run(url, "grown_shop.sql", ":orders", orders)


async def _run(url: str, script: str, name: str, value: int) -> None:
    """Each statement on its own and without our sessions' limits."""
    text = (Path(__file__).parent / script).read_text(encoding="utf-8").replace(name, str(value))
    connection = await asyncpg.connect(url)
    try:
        for statement in text.split(";\n"):
            if statement.strip():
                await connection.execute(statement)
    finally:
        await connection.close()
