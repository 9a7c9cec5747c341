"""The checks of `daybook doctor`. Each ends in findings; none raises, so that one fault never hides another."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
from redis.asyncio import Redis
from redis.exceptions import RedisError

from schemas.refusal import Trace
from worker.cli.finding import Finding, failure, ok, warning
from worker.cli.work_findings import charging_findings, feed_findings, paused_lane, work_findings
from worker.config import Settings
from worker.errors import DATABASE_ERRORS, UserError
from worker.local.datadir import DataDir
from worker.refusals import cause_words, remedy
from worker.screens import words
from worker.store import checks, deliveries, health, lanes, recurring_orders, refusals
from worker.store.db import Pooled, connect
from worker.store.migrate import pending
from worker.store.refusals import Counted

FRESH = timedelta(seconds=15)
LATE = timedelta(seconds=30)
CLOCK_WARNING_S, CLOCK_FAILURE_S = 2, 60
REFUSALS_WITHIN, LASTS = timedelta(hours=1), timedelta(minutes=5)
OURS_TURNED_AWAY = {
    str(cause.value)
    for cause in (Trace.WRONG_SIGNATURE, Trace.PREVIOUS_SECRET, Trace.OTHER_CONNECTION, Trace.STALE, Trace.FUTURE)
}
"""Causes by which a sender's own deliveries are turned away, for its secret or a clock is wrong."""
DISK_WARNING, DISK_FAILURE = 0.10, 0.03
"""Shares of a disk that are free."""
DISK_ENOUGH = 20 * 1024**3
"""Bytes free that are enough, whatever their share."""
_TIMEOUT_S = 5


async def checkup(data: Path | None, url: str | None) -> list[Finding]:
    """Every check, in the order in which faults cause each other."""
    from worker.cli.instance import find
    from worker.cli.run import complete

    findings: list[Finding] = []
    try:
        findings += await instance_findings(find(data, url, None).url)
    except UserError as error:
        findings.append(failure(error.message, error.remedy))
    try:
        settings = complete(data, redis=False, key=False)
    except UserError as error:
        return [*findings, failure(error.message, error.remedy)]
    folder = settings.data.expanduser().absolute()
    findings += await stand_in_findings(folder) + disk_findings("the data directory", folder)
    return findings + await postgres_findings(settings) + await valkey_findings(settings)


async def instance_findings(url: str) -> list[Finding]:
    """Whether the receiver turns, and whether it can keep its promise."""
    findings = []
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_TIMEOUT_S)) as session:
        for path, means, remedy in (
            (
                "/healthz",
                "the receiver answers",
                "Start it with `daybook up` or `daybook receive`, or see logs/receive.log in the data directory.",
            ),
            ("/readyz", "deliveries can be stored", "Until it does, senders get no 2xx and come again: see below."),
        ):
            try:
                async with session.get(url + path) as answer:
                    good, said = answer.status == 200, f"answers {answer.status}{await _detail(answer)}"
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                good, said = False, f"does not answer ({type(error).__name__})"
            findings.append(ok(f"{url}{path}: {means}") if good else failure(f"{url}{path} {said}", remedy))
    return findings


async def stand_in_findings(data: Path) -> list[Finding]:
    """Whether a stand-in plays Stripe for the instance that runs on this data directory, and whether it answers."""
    directory = DataDir(data)
    address = directory.read_json(directory.servers).get("stripe_stand_in")
    if not address:
        return []
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_TIMEOUT_S)) as session:
        try:
            async with session.get(f"{address}/_stand_in") as answer:
                answers = answer.status == 200
        except (aiohttp.ClientError, TimeoutError, OSError):
            answers = False
    if answers:
        remedy = "Set STRIPE_API_KEY and start again where real payments are wanted."
        return [warning(f"Stripe is played by a local stand-in, {address}: no money moves", remedy)]
    return [
        failure(
            f"The stand-in Stripe, {address}, does not answer", "See logs/stripe-stand-in.log in the data directory."
        )
    ]


async def _detail(answer: aiohttp.ClientResponse) -> str:
    """What a problem says of itself; nothing where it is no problem, or a proxy's page."""
    try:
        return f": {(await answer.json(content_type=None))['detail']}"
    except (ValueError, KeyError, TypeError, UnicodeDecodeError):
        return ""


async def postgres_findings(settings: Settings) -> list[Finding]:
    """Whether the database is there, has this version's schema, agrees on the time, and what it says of the work."""
    url = settings.database_url or ""
    try:
        missing = await pending(url)
        connection = await connect(url)
        try:
            version = connection.get_server_version()
            found = None if missing else await health.read(connection, fresh=FRESH, late=LATE)
            broken = {} if missing else await checks.broken_in(connection)
            refused = [] if missing else await refusals.counted_everywhere(connection, REFUSALS_WITHIN)
            unknown = 0 if missing else await refusals.counted_unknown(connection, REFUSALS_WITHIN)
            feed = None if missing else await deliveries.backlog(connection)
            folder = await _folder(connection)
            now = await connection.fetchval("SELECT clock_timestamp()")
            paused = [] if missing else await lanes.pauses_everywhere(connection)
            charging = None if missing else await recurring_orders.charging(connection, now)
            off_s = time.time() - now.timestamp()
        finally:
            await connection.close()
    except DATABASE_ERRORS as error:
        return [
            failure(
                f"PostgreSQL cannot be reached: {str(error) or type(error).__name__}",
                "See that it runs and that DATABASE_URL is right.",
            )
        ]
    findings = [ok(f"PostgreSQL {version.major}.{version.micro} answers"), _clock(off_s)]
    if folder:
        findings += disk_findings("PostgreSQL", folder)
    if missing:
        return [*findings, failure(f"The schema lacks {', '.join(missing)}", "Run `daybook migrate`.")]
    findings += [ok("The schema is up to date"), *(work_findings(found) if found else ())]
    findings += [paused_lane(one, now) for one in paused]
    findings += feed_findings(feed) if feed else []
    findings += charging_findings(charging) if charging else []
    return findings + broken_findings(broken) + refusal_findings(refused, unknown, now)


def broken_findings(broken: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[Finding]:
    """One line for each invariant that does not hold, with the first row that breaks it."""
    said = checks.sentences()
    return [
        failure(
            f"Broken: {said[name]} ({name}: {', '.join(f'{key} {value}' for key, value in rows[0].items())})",
            "This is a fault of Daybook: keep a backup as it is now, and report this line.",
        )
        for name, rows in broken.items()
    ]


async def _folder(connection: Pooled) -> Path | None:
    """Where PostgreSQL keeps its data on its own machine, if it says so."""
    try:
        return Path(await connection.fetchval("SHOW data_directory"))
    except asyncpg.PostgresError:
        return None


def disk_findings(what: str, path: Path) -> list[Finding]:
    """Whether there is room where something is kept; nothing is said of a place that is not there yet."""
    try:
        usage = shutil.disk_usage(path)
    except OSError:
        return []
    share = usage.free / usage.total if usage.total else 0.0
    text = f"The disk of {what} has {usage.free / 1024**3:,.1f} GiB free ({share:.0%})"
    remedy = f"Make room on the disk of {path}, or move it: once it is full no delivery can be stored, and all get 503."
    if share >= DISK_WARNING or usage.free >= DISK_ENOUGH:
        return [ok(text)]
    return [failure(text, remedy) if share < DISK_FAILURE else warning(text, remedy)]


def refusal_findings(refused: Sequence[Counted], unknown: int, now: datetime) -> list[Finding]:
    """What was refused in the last hour, a line for each connection, with what to do.

    A secret or a clock that is wrong is a failure while it lasts: the sender's own deliveries are being turned away. It
    lasts until one is accepted, and for some minutes in any case, since one right sender hides a wrong one. What any
    stranger can bring about without knowing how a provider signs is a warning.
    """
    findings = []
    by_connection: dict[tuple[str, str], list[Counted]] = {}
    for one in refused:
        by_connection.setdefault((one.name, str(one.connection_id)), []).append(one)
    for (name, _), causes in by_connection.items():
        lasting = [one for one in causes if one.cause in OURS_TURNED_AWAY and _lasts(one, now)]
        worst = (lasting or causes)[0]
        since = "others were accepted since" if worst.accepted_since else "nothing was accepted since"
        if lasting and worst.accepted_since:  # or whoever has mended it would look for what is still wrong
            since += f"; a warning once it has not come for {words.duration(LASTS.total_seconds())}"
        told = ", ".join(f"{one.count:,} {cause_words(one.cause, one.skew_s, one.hint)}" for one in causes)
        total = sum(one.count for one in causes)
        findings.append(
            (failure if lasting else warning)(
                f"Connection {name} refused {total:,} in the last hour: {told}; {since}",
                " ".join(dict.fromkeys(remedy(one.cause, name, one.hint) for one in lasting or [worst])),
            )
        )
    if unknown:
        text = f"{unknown:,} came to addresses of no connection in the last hour"
        findings.append(warning(text, remedy("unknown_connection", "")))
    return findings or [ok("No delivery was refused in the last hour")]


def _lasts(one: Counted, now: datetime) -> bool:
    return not one.accepted_since or (one.last_at is not None and now - one.last_at < LASTS)


async def valkey_findings(settings: Settings) -> list[Finding]:
    """Whether the doorbell works and is set not to lose what it holds."""
    if not settings.redis_url:
        return [failure("No address of Valkey is known", "Set REDIS_URL, or start `daybook up`.")]
    client = Redis.from_url(settings.redis_url, socket_timeout=_TIMEOUT_S, socket_connect_timeout=_TIMEOUT_S)
    try:
        info: Mapping[str, Any] = await client.info()
    except (RedisError, OSError, TimeoutError) as error:
        return [
            failure(
                f"Valkey cannot be reached: {type(error).__name__}",
                "See that it runs and that REDIS_URL is right; that of `daybook up` logs to logs/valkey.log in the "
                "data directory. No event is lost meanwhile; they are applied later.",
            )
        ]
    finally:
        await client.aclose()
    version = info.get("valkey_version") or info.get("redis_version", "?")
    return [ok(f"Valkey {version} answers"), *memory_findings(info)]


def memory_findings(info: Mapping[str, Any]) -> list[Finding]:
    """Whether Valkey takes and keeps what it is told. Nothing is lost where it does not: it is applied later."""
    policy = str(info.get("maxmemory_policy", "unknown"))
    findings = [
        ok("Valkey evicts nothing (maxmemory-policy noeviction)")
        if policy == "noeviction"
        else failure(
            f"Valkey may drop signals when full (maxmemory-policy {policy})",
            "Run `CONFIG SET maxmemory-policy noeviction` in valkey-cli, and write it into Valkey's configuration, so "
            "that it stays.",
        )
    ]
    used, most = int(info.get("used_memory", 0)), int(info.get("maxmemory", 0))
    if policy == "noeviction" and most and used >= most:
        findings.append(
            failure(
                f"Valkey's memory is full ({used:,} of {most:,} bytes) and it takes no signals",
                "Raise its maxmemory. Events are applied more slowly meanwhile, or not at all; none is lost.",
            )
        )
    if info.get("aof_last_write_status", "ok") != "ok":
        return [
            *findings,
            failure(
                "Valkey cannot write its append-only file, and takes no signals until it can",
                "Make room on its disk, or see its log. Events wait in PostgreSQL meanwhile; none is lost.",
            ),
        ]
    if int(info.get("aof_enabled", 0)):
        return [*findings, ok("Valkey keeps an append-only file")]
    return [*findings, warning("Valkey forgets its signals when it restarts (appendonly no)", "Set appendonly yes.")]


def _clock(off_s: float) -> Finding:
    off = abs(off_s)
    text = f"This clock and PostgreSQL's differ by {words.duration(off)}"
    remedy = "Let both hosts keep time by NTP: signatures carry a time, and may be refused."
    if off >= CLOCK_FAILURE_S:
        return failure(text, remedy)
    return warning(text, remedy) if off >= CLOCK_WARNING_S else ok(text)
