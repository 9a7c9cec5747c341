"""A database as after a long time: events that were applied, orders with their rows, made by PostgreSQL itself."""

from __future__ import annotations

from pathlib import Path

from bench.house import House

DATABASE = "grown"


async def make(house: House, events: int) -> str:
    """The name of a database with so many events and three orders for every ten of them."""
    await house.rows(f'CREATE DATABASE "{DATABASE}"')
    await house.prepare(DATABASE)
    text = (Path(__file__).parent / "growth.sql").read_text(encoding="utf-8")
    await house.script(text.replace(":events", str(events)), DATABASE)
    return DATABASE
