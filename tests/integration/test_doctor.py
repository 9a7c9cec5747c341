"""`daybook doctor`: what it finds, and what it says to do."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import asyncpg
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from redis import Redis

from tests.world import World
from worker.cli import checkup as checks
from worker.cli.checkup import (
    checkup,
    disk_findings,
    instance_findings,
    memory_findings,
    postgres_findings,
    stand_in_findings,
    valkey_findings,
)
from worker.cli.doctor import verdict
from worker.cli.finding import Finding
from worker.cli.work_findings import charging_findings
from worker.config import Settings
from worker.local.datadir import DataDir
from worker.local.stripe.stand_in import StandIn
from worker.local.valkey import Valkey
from worker.problems import problem
from worker.store import recurring_orders, refusals, workers
from worker.store.recurring_orders import Charging
from worker.store.refusals import Tally


def levels(findings: Sequence[Finding]) -> list[str]:
    return [finding.level for finding in findings]


async def test_a_healthy_database_has_nothing_to_say(shop: World, database: str) -> None:
    await workers.beat(shop.ctx.pool, "worker", "host", 1, {})
    findings = await postgres_findings(Settings(database_url=database))
    assert {finding.level for finding in findings if "disk" not in finding.what} == {"ok"}
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
    late_ids = sorted(event.id for event in events[1:])
    [overdue] = [
        finding for what, finding in found.items() if what.startswith("2 events are overdue, the oldest for 4")
    ]
    assert overdue.level == "failure"
    assert overdue.what[-37:-1] in late_ids
    assert "once a worker runs" in overdue.remedy
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


def test_R6_a_valkey_that_may_drop_signals_fails_and_one_that_may_forget_is_a_warning() -> None:
    findings = memory_findings({"maxmemory_policy": "allkeys-lru", "aof_enabled": 0})
    assert levels(findings) == ["failure", "warning"]


def test_R6_a_valkey_that_answers_but_takes_no_signals_is_a_failure() -> None:
    sound = {"maxmemory_policy": "noeviction", "aof_enabled": 1, "used_memory": 900, "maxmemory": 1000}
    assert levels(memory_findings(sound)) == ["ok", "ok"]
    cannot_write = memory_findings({**sound, "aof_last_write_status": "err"})
    assert levels(cannot_write) == ["ok", "failure"]
    assert "Make room on its disk" in cannot_write[1].remedy
    is_full = memory_findings({**sound, "used_memory": 1000})
    assert levels(is_full) == ["ok", "failure", "ok"]
    assert "Raise its maxmemory" in is_full[1].remedy


async def test_without_anything_it_still_says_where_to_begin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "REDIS_URL", "DAYBOOK_DATA"):
        monkeypatch.delenv(name, raising=False)
    findings = await checkup(tmp_path, None)
    assert levels(findings) == ["failure", "failure"]
    assert all("daybook up" in finding.remedy for finding in findings)


def refused(
    shop: World, connection: str, cause: str, count: int, *, ago: timedelta = timedelta(0), **more: Any
) -> Tally:
    at = datetime.now(UTC) - ago
    return Tally(
        account_id=shop.account_id, connection_id=shop.connections[connection], minute=at.replace(second=0, microsecond=0),
        cause=cause, count=count, skew_s=more.get("skew_s"), hint=more.get("hint"), last_at=at,
    )  # fmt: skip


async def test_X2_a_stand_in_that_plays_stripe_is_named_and_one_that_does_not_answer_fails(tmp_path: Path) -> None:
    data = DataDir.make(tmp_path)
    assert await stand_in_findings(tmp_path) == []
    async with StandIn() as stand_in:
        data.write_json(data.servers, {"stripe_stand_in": stand_in.url})
        [found] = await stand_in_findings(tmp_path)
    assert (found.level, "STRIPE_API_KEY" in found.remedy) == ("warning", True)
    assert stand_in.url in found.what
    assert levels(await stand_in_findings(tmp_path)) == ["failure"]


async def test_R6_each_connection_that_refused_has_a_line_with_cause_and_remedy(shop: World, database: str) -> None:
    rows = [
        refused(shop, "stripe", "wrong_signature", 1200),
        refused(shop, "stripe", "malformed_header", 3),
        refused(shop, "shopify", "previous_secret", 1),
        refused(shop, "standard", "stale", 9, skew_s=4000),
        refused(shop, "woocommerce", "other_connection", 2, hint="second"),
        refused(shop, "woocommerce", "missing_header", 50, ago=timedelta(hours=2)),
    ]
    await refusals.record(shop.ctx.pool, rows, [(datetime.now(UTC), 7)], [])
    found = await postgres_findings(Settings(database_url=database))
    told = {finding.what: finding for finding in found if "the last hour" in finding.what}
    assert {what.split()[1]: finding.level for what, finding in told.items()} == {
        "came": "warning", "shopify": "failure", "standard": "failure", "stripe": "failure", "woocommerce": "failure",
    }  # fmt: skip
    assert sorted(told) == [
        "7 came to addresses of no connection in the last hour",
        "Connection shopify refused 1 in the last hour: 1 previous secret; nothing was accepted since",
        "Connection standard refused 9 in the last hour: 9 clock off by 1 h (old); nothing was accepted since",
        (
            "Connection stripe refused 1,203 in the last hour: 1,200 wrong secret, 3 signature header malformed; "
            "nothing was accepted since"
        ),
        "Connection woocommerce refused 2 in the last hour: 2 secret of second; nothing was accepted since",
    ]
    stripe = next(finding for what, finding in told.items() if "stripe" in what)
    assert "daybook connection rotate stripe --secret-env VARIABLE" in stripe.remedy
    assert "NTP" in next(finding.remedy for what, finding in told.items() if "standard" in what)
    assert "secret of second" in next(finding.remedy for what, finding in told.items() if "woocommerce" in what)
    assert all(finding.remedy for finding in told.values())


async def test_R6_two_causes_on_one_connection_have_a_remedy_each(shop: World, database: str) -> None:
    rows = [refused(shop, "stripe", "wrong_signature", 12), refused(shop, "stripe", "stale", 3, skew_s=4000)]
    await refusals.record(shop.ctx.pool, rows, [], [])
    found = await postgres_findings(Settings(database_url=database))
    [stripe] = [finding for finding in found if "Connection stripe" in finding.what]
    assert "daybook connection rotate stripe" in stripe.remedy
    assert "NTP" in stripe.remedy


async def test_a_valkey_that_was_there_and_is_gone_is_a_failure(tmp_path: Path, servers_folder: Path) -> None:
    sockets = servers_folder / "gone"
    sockets.mkdir()
    server = Valkey(tmp_path / "valkey", sockets=sockets, password="test-only", log=tmp_path / "valkey.log")
    await server.start()
    try:
        assert levels(await valkey_findings(Settings(redis_url=server.url()))) == ["ok"] * 3
    finally:
        await server.stop(hurry=True)
    [finding] = await valkey_findings(Settings(redis_url=server.url()))
    assert finding.level == "failure"
    assert "Valkey cannot be reached" in finding.what
    assert "REDIS_URL" in finding.remedy


async def test_R6_a_real_valkey_with_the_wrong_eviction_policy_is_a_failure(redis_url: str) -> None:
    with Redis.from_url(redis_url) as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
        try:
            found = await valkey_findings(Settings(redis_url=redis_url))
        finally:
            client.config_set("maxmemory-policy", "noeviction")
    [finding] = [one for one in found if one.level != "ok"]
    assert finding.level == "failure"
    assert "maxmemory-policy allkeys-lru" in finding.what
    assert "`CONFIG SET maxmemory-policy noeviction`" in finding.remedy


@pytest.mark.parametrize(("free", "level"), [(500, "ok"), (60, "warning"), (20, "failure"), (0, "failure")])
def test_a_disk_that_is_nearly_full_is_seen(
    free: int, level: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = SimpleNamespace(total=1000 * 1024**2, used=0, free=free * 1024**2)
    monkeypatch.setattr(checks.shutil, "disk_usage", lambda _path: usage)
    [finding] = disk_findings("the data directory", tmp_path)
    assert finding.level == level
    assert "disk of the data directory" in finding.what
    assert level == "ok" or str(tmp_path) in finding.remedy


async def test_the_disks_of_the_data_directory_and_of_postgres_are_both_looked_at(
    tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", database)
    monkeypatch.delenv("REDIS_URL", raising=False)
    usage = SimpleNamespace(total=1024**3, used=0, free=1024**2)
    monkeypatch.setattr(checks.shutil, "disk_usage", lambda _path: usage)
    found = [finding for finding in await checkup(tmp_path, "http://127.0.0.1:9") if "disk" in finding.what]
    assert levels(found) == ["failure", "failure"]
    assert "the data directory" in found[0].what
    assert "PostgreSQL" in found[1].what
    monkeypatch.undo()
    assert disk_findings("nothing", tmp_path / "not there") == []


@pytest.mark.parametrize(("off_s", "level"), [(0, "ok"), (20, "warning"), (-500, "failure")])
async def test_a_clock_that_is_off_is_seen(
    off_s: float, level: str, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = time.time
    monkeypatch.setattr(checks.time, "time", lambda: honest() + off_s)
    found = await postgres_findings(Settings(database_url=database))
    [finding] = [one for one in found if "clock" in one.what]
    assert finding.level == level
    assert level == "ok" or "NTP" in finding.remedy


async def test_a_worker_that_fell_silent_is_absent(shop: World, database: str) -> None:
    await workers.beat(shop.ctx.pool, "worker", "host", 1, {})
    await shop.ctx.pool.execute("UPDATE workers SET seen_at = now() - interval '4 minutes'")
    found = {finding.what: finding for finding in await postgres_findings(Settings(database_url=database))}
    absent = found["No worker is alive; the last was heard of 4 min ago"]
    assert absent.level == "failure"
    assert "daybook work" in absent.remedy


async def test_R6_events_that_a_live_worker_does_not_get_to_are_a_failure_of_their_own(
    shop: World, database: str
) -> None:
    event = shop.event("stripe", {"id": "evt_stuck", "type": "x"})
    await shop.store([event])
    await workers.beat(shop.ctx.pool, "worker", "host", 1, {})
    await shop.ctx.pool.execute("UPDATE event_states SET next_attempt_at = now() - interval '4 minutes'")
    [stuck] = [one for one in await postgres_findings(Settings(database_url=database)) if one.level == "failure"]
    assert stuck.what == f"1 event is overdue, the oldest for 4 min ({event.id})"
    assert "Workers are alive" in stuck.remedy
    assert "start more `daybook work`" in stuck.remedy


async def refusal_of(database: str, connection: str) -> Finding:
    found = await postgres_findings(Settings(database_url=database))
    return next(one for one in found if one.what.startswith(f"Connection {connection} refused"))


@pytest.mark.parametrize("cause", ["wrong_signature", "previous_secret", "other_connection", "stale", "future"])
async def test_R6_a_secret_or_clock_that_is_wrong_fails_until_a_delivery_is_accepted(
    cause: str, shop: World, database: str
) -> None:
    earlier = timedelta(minutes=10)
    await refusals.record(shop.ctx.pool, [refused(shop, "stripe", cause, 2, ago=earlier, skew_s=900)], [], [])
    wrong = await refusal_of(database, "stripe")
    assert (wrong.level, wrong.what.rpartition("; ")[2]) == ("failure", "nothing was accepted since")
    await shop.store([shop.event("stripe", {"id": "evt_mended", "type": "x"}, at=time.time())])
    mended = await refusal_of(database, "stripe")
    assert (mended.level, mended.what.rpartition("; ")[2]) == ("warning", "others were accepted since")


async def test_R6_a_wrong_secret_of_these_minutes_fails_though_other_senders_are_accepted(
    shop: World, database: str
) -> None:
    lately = timedelta(minutes=2)
    await refusals.record(shop.ctx.pool, [refused(shop, "stripe", "wrong_signature", 2, ago=lately)], [], [])
    await shop.store([shop.event("stripe", {"id": "evt_another", "type": "x"}, at=time.time())])
    found = await refusal_of(database, "stripe")
    assert found.level == "failure"
    assert found.what.endswith("others were accepted since; a warning once it has not come for 5 min")


async def test_R6_what_any_stranger_can_post_is_a_warning_only(shop: World, database: str) -> None:
    rows = [refused(shop, "stripe", cause, 7) for cause in ("missing_header", "malformed_header", "too_large")]
    await refusals.record(shop.ctx.pool, rows, [], [])
    assert (await refusal_of(database, "stripe")).level == "warning"


async def test_R6_the_remedy_is_of_the_cause_that_fails_not_of_the_most_frequent(shop: World, database: str) -> None:
    rows = [refused(shop, "stripe", "missing_header", 700), refused(shop, "stripe", "wrong_signature", 1)]
    await refusals.record(shop.ctx.pool, rows, [], [])
    found = await refusal_of(database, "stripe")
    assert found.level == "failure"
    assert "daybook connection rotate stripe" in found.remedy


async def test_R6_a_receiver_that_is_not_ready_says_why() -> None:
    async def not_ready(_request: web.Request) -> web.Response:
        return problem(503, "The schema lacks 0004_refusals. Run `daybook migrate`.")

    application = web.Application()
    application.router.add_get("/readyz", not_ready)
    async with TestServer(application) as served:
        ready = (await instance_findings(str(served.make_url("")).rstrip("/")))[1]
    assert ready.level == "failure"
    assert ready.what.endswith("/readyz answers 503: The schema lacks 0004_refusals. Run `daybook migrate`.")


def test_R6_the_last_line_says_whether_all_is_well() -> None:
    good, doubtful, bad = Finding("ok", "a"), Finding("warning", "b", "c"), Finding("failure", "d", "e")
    assert verdict([good, good]) == "Healthy: all 2 checks passed."
    assert verdict([good, doubtful]) == "Working, with 1 warning."
    assert verdict([good, bad, bad]).startswith("Not healthy: 2 of 3 checks failed. Mend disks, PostgreSQL")
    assert verdict([bad, doubtful, doubtful]) == "Not healthy: 1 of 3 checks failed, 2 warnings."


@pytest.mark.parametrize("command", ["receive", "work"])
async def test_R6_a_start_on_an_old_schema_ends_in_a_sentence(command: str, database: str, redis_url: str) -> None:
    connection = await asyncpg.connect(database)
    await connection.execute("ALTER TABLE connections DROP COLUMN former_secrets; DROP TABLE workers CASCADE")
    await connection.close()
    started = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "worker.cli", command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        env={
            **os.environ, "DATABASE_URL": database, "REDIS_URL": redis_url, "PORT": "0",
            "DAYBOOK_SECRET_KEY": "test-only-test-only-test-only-test",
        },
    )  # fmt: skip
    try:
        told, _ = await asyncio.wait_for(started.communicate(), 30)
    finally:
        if started.returncode is None:
            started.kill()
    assert started.returncode == 1
    assert "Traceback" not in told.decode()
    assert "older than this version" in told.decode()
    assert "daybook migrate" in told.decode()


async def test_it_tells_of_charges_that_are_late_unknown_refused_held_or_stopped(shop: World) -> None:
    quiet = Charging(overdue=0, overdue_s=0, unknown=3, unknown_s=60, held=0, refused=0, stopped=0)
    assert charging_findings(quiet) == [], "what is unknown for a minute is being asked about"
    found = charging_findings(
        Charging(overdue=1, overdue_s=7200, unknown=2, unknown_s=5400, held=3, refused=4, stopped=1)
    )
    assert levels(found) == ["failure", "warning", "warning", "warning", "warning"]
    assert found[0].what == "1 charge is overdue, the oldest for 2 h"
    assert found[1].what == "Nobody knows what came of 2 charges, the oldest sent 1 h ago"
    assert all(finding.remedy for finding in found)
    async with shop.ctx.pool.acquire() as connection:
        assert (await recurring_orders.charging(connection, datetime.now(UTC))) == Charging(0, 0, 0, 0, 0, 0, 0)
