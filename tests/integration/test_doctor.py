"""`daybook doctor`: what it finds, and what it says to do."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest

from tests.world import World
from worker.cli.checkup import Finding, checkup, instance_findings, memory_findings, postgres_findings, valkey_findings
from worker.config import Settings
from worker.store import workers


def levels(findings: Sequence[Finding]) -> list[str]:
    return [finding.level for finding in findings]


async def test_a_healthy_database_has_nothing_to_say(shop: World, database: str) -> None:
    await workers.beat(shop.ctx.pool, "worker", "host", 1, {})
    findings = await postgres_findings(Settings(database_url=database))
    assert levels(findings) == ["ok"] * 6
    assert "1 worker is alive" in [finding.what for finding in findings]


async def test_it_sees_what_is_left_undone(shop: World, database: str) -> None:
    events = [shop.event("stripe", {"id": f"evt_{number}", "type": "x"}) for number in range(3)]
    await shop.store(events)
    pool = shop.ctx.pool
    late = datetime.now(UTC) - timedelta(minutes=4)
    await pool.execute("UPDATE event_states SET next_attempt_at = $1", late)
    await pool.execute(
        "UPDATE event_states SET state = 'dead', next_attempt_at = NULL WHERE event_id = $1", events[0].id
    )
    found = {finding.what: finding for finding in await postgres_findings(Settings(database_url=database))}
    assert found["2 events are overdue, the oldest for 4 min"].level == "failure"
    assert found["1 event is dead"].level == "warning"
    assert found["No worker is alive"].level == "failure"
    assert all(finding.remedy for finding in found.values() if finding.level != "ok")


async def test_a_schema_that_is_behind_is_a_failure_with_its_remedy(database: str) -> None:
    connection = await asyncpg.connect(database)
    await connection.execute("DELETE FROM migrations WHERE name = '0001_spine'")
    await connection.close()
    [finding] = [one for one in await postgres_findings(Settings(database_url=database)) if one.level == "failure"]
    assert (finding.what, finding.remedy) == ("The schema lacks 0001_spine", "Run `daybook migrate`.")


async def test_what_cannot_be_reached_is_a_failure_and_never_raises() -> None:
    nowhere = Settings(database_url="postgresql://nobody@127.0.0.1:9/none", redis_url="redis://127.0.0.1:9")
    assert levels(await postgres_findings(nowhere)) == ["failure"]
    assert levels(await valkey_findings(nowhere)) == ["failure"]
    assert levels(await instance_findings("http://127.0.0.1:9")) == ["failure", "failure"]


async def test_valkey_is_asked_how_it_is_set(redis_url: str) -> None:
    findings = await valkey_findings(Settings(redis_url=redis_url))
    assert levels(findings) == ["ok"] * 3


def test_a_valkey_that_may_forget_is_a_warning() -> None:
    findings = memory_findings({"maxmemory_policy": "allkeys-lru", "aof_enabled": 0})
    assert levels(findings) == ["warning", "warning"]
    assert findings[0].remedy == "Set maxmemory-policy noeviction."


async def test_without_anything_it_still_says_where_to_begin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "REDIS_URL", "DAYBOOK_DATA"):
        monkeypatch.delenv(name, raising=False)
    findings = await checkup(tmp_path, None)
    assert levels(findings) == ["failure", "failure"]
    assert all("daybook up" in finding.remedy for finding in findings)
