"""What a batch asks of PostgreSQL is looked up by key: no plan of it reads an account's whole table (X6, growth)."""

from __future__ import annotations

import re

import pytest

from bench import growth
from tests.world import World
from worker.store.db import open_pool
from worker.store.statements import statements

NOUNS = ("contacts", "dossiers", "inbox", "orders", "outbox", "stock")
ACCOUNTED = {
    "inbox.due_events": "reads the index of what is due, oldest first, up to a limit",
    "inbox.kept_accounts": "steps through the index of what is kept for registries that are off, an account a step",
    "inbox.release_kept": "reads the index of what is kept, and of what is received, up to a limit",
    "inbox.held_lanes": "steps through the index of what paused lanes hold, a lane of an account a step",
    "inbox.forget_batches": "batches under way are few",
    "inbox.orphaned_batches": "batches under way are few",
    "outbox.wanted": "an account has at most a hundred subscribers",
    "outbox.tell": "an account has at most a hundred subscribers",
    "orders.unnumbered_payments": "payments without a number are those that this transaction makes",
    "stock.moving_orders": "no statement of a batch: doctor asks it of all that there is",
    "orders.due_orders": "reads the index of due dates up to now, up to a limit",
}
"""Statements that look at more than they are given keys of, and why that is bounded."""
SCAN = re.compile(r"Seq Scan on|Index Scan|Index Only Scan|Bitmap Index Scan")


@pytest.mark.broken_data(reason="rows in bulk, made to be planned for: their numbers are no serial numbers")
async def test_statements_of_a_batch_look_rows_up_by_more_than_their_account(shop: World) -> None:
    url = shop.ctx.settings.database_url or ""
    await growth.fill(url, 10_000)
    found: dict[str, list[str]] = {}
    pool = await open_pool(url, size=1, keyed=True)
    try:
        async with pool.acquire() as connection:
            for named, sql in [(f"{noun}.{name}", sql) for noun in NOUNS for name, sql in statements(noun).items()]:
                count = max((int(number) for number in re.findall(r"\$(\d+)", sql)), default=0)
                await connection.execute(f"PREPARE asked AS {sql}")
                given = f"({', '.join(['NULL'] * count)})" if count else ""
                lines = [row[0] for row in await connection.fetch(f"EXPLAIN EXECUTE asked{given}")]
                await connection.execute("DEALLOCATE asked")
                wide = _wide(lines)
                if wide and named not in ACCOUNTED:
                    found[named] = wide
    finally:
        await pool.close()
    assert not found, "\n".join(f"{name}: {line}" for name, lines in found.items() for line in lines)


def _wide(lines: list[str]) -> list[str]:
    """Scans of a table without a condition on an index beyond the account."""
    wide = []
    for position, line in enumerate(lines):
        if not SCAN.search(line):
            continue
        condition = next((text for text in lines[position + 1 : position + 2] if "Index Cond" in text), "")
        columns = set(re.findall(r"(\w+) (?:=|<=|>=|<|>) ", condition)) - {"account_id"}
        if not columns:
            wide.append(f"{line.strip()} {condition.strip()}")
    return wide
