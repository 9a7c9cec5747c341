"""`python -m bench --screens`: how long lists and screens take over a million orders and three million events, and what
PostgreSQL reads for them."""

from __future__ import annotations

import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from statistics import median

import aiohttp
import msgspec
from aiohttp.test_utils import BaseTestServer, TestServer
from pydantic import SecretStr
from yarl import URL

from bench import growth
from bench.house import KEY, House, house
from bench.lists import TABLES, cases
from bench.plans import Touched, recorded, touched
from schemas.account import Permission
from tests.world import SilentLanes
from worker import logs
from worker.config import Settings
from worker.context import Context
from worker.screens.routes import SCREENS
from worker.screens.session import COOKIE
from worker.serve import make_app
from worker.store import tokens
from worker.store.db import connect, open_pool
from worker.vault import Vault

DATABASE = "lists"
TARGET_MS = 300
TIMES, WARM = 15, 3
MOST = 50_000
"""Rows that a statement may look at: a count stops at 10,000, a chart reads what it draws. Entries of an index that
answers by itself are not counted, as in tests/integration/test_list_plans.py."""
ROWS = {
    "/events/{id}": "events",
    "/connections/{id}": "connections",
    "/orders/{id}": "orders",
    "/orders/{id}/edit": "orders",
    "/recurring-orders/{id}": "recurring_orders",
    "/payments/{id}": "payments",
    "/customers/{id}": "contacts",
    "/deals/{id}": "deals",
    "/checkouts/{id}": "checkouts",
}
"""The table of the rows that a screen's `{id}` stands for."""
PAGES = {table: f"/{table.replace('_', '-')}" for table in TABLES.values()} | {"contacts": "/customers"}
"""The screen that shows a list."""


class Question(msgspec.Struct, frozen=True):
    """An address to be asked. `who`: the name of who asks. `filtered`: one of a screen that may not know the filter."""

    who: str
    path: str
    filtered: bool = False


class Answer(msgspec.Struct, frozen=True):
    """How long the median answer took, and what was read for it beyond what may be."""

    question: Question
    ms: float
    worst_ms: float
    wide: tuple[str, ...]

    @property
    def wrong(self) -> bool:
        return self.ms > TARGET_MS or bool(self.wide)


async def run(orders: int, only: str = "") -> list[Answer]:
    """Make the shop, ask it everything whose address has `only` in it, and say how long it took."""
    logs.configure("error")
    async with house() as it:
        _say(f"Making {orders:,} orders and {orders * 3:,} events ...")
        began = time.monotonic()
        await it.rows(f'CREATE DATABASE "{DATABASE}"')
        await it.prepare(DATABASE)
        await growth.fill_shop(it.postgres.url(DATABASE), orders)
        _say(f"Made in {time.monotonic() - began:.0f} s")
        people = await _people(it)
        times = {}
        async with it.receiver(DATABASE) as (address, _), aiohttp.ClientSession() as client:
            await _one_more_order(it, client, f"http://{address}", people["admin"])
            questions = [one for one in await _questions(it) if only in one.path]
            for place, question in enumerate(questions):
                if (took := await _time(client, f"http://{address}", people, question)) is not None:
                    times[question] = took
                if place % 25 == 24:
                    _say(f"Asked {place + 1} of {len(questions)}")
        wide = await _plans(it, people, list(times))
        return [Answer(question, median(took), max(took), wide[question]) for question, took in times.items()]


def table(answers: Sequence[Answer]) -> str:
    """The slowest first, in Markdown."""
    lines = ["| who | asked for | median, ms | worst, ms | |", "| --- | --- | ---: | ---: | --- |"]
    for one in sorted(answers, key=lambda one: -one.ms):
        verdict = "; ".join((*(["SLOW"] if one.ms > TARGET_MS else []), *one.wide)) or "ok"
        lines.append(f"| {one.question.who} | {one.question.path} | {one.ms:.0f} | {one.worst_ms:.0f} | {verdict} |")
    return "\n".join(lines)


async def _people(it: House) -> dict[str, dict[str, str]]:
    """What requests carry: an administrator's, and those of a rep who sees only what they own, a fortieth of it all."""
    pool = await open_pool(it.postgres.url(DATABASE), size=1)
    try:
        [row] = await pool.fetch("SELECT account_id FROM connection_directory WHERE name = 'stripe'")
        account = row["account_id"]
        found = {}
        for name, role in (("admin", "admin"), ("private rep", "rep")):
            made, secret = await tokens.add(pool, account, name, role, [Permission.OPS_VIEW])
            cookie = await tokens.grant(pool, account, made.id, "session")
            found[name] = {"Authorization": f"Bearer {secret}", "Cookie": f"{COOKIE}={cookie}"}
            if role == "rep":  # takes over what another owns
                for owned in ("contacts", "deals", "orders", "recurring_orders"):
                    await pool.execute(
                        f"UPDATE {owned} SET owner_id = $1 WHERE owner_id = "
                        "(SELECT id FROM tokens WHERE name = 'Manager 6')",
                        made.id,
                    )
        await pool.execute("UPDATE accounts SET owner_privacy = true")
        return found
    finally:
        await pool.close()


async def _one_more_order(it: House, client: aiohttp.ClientSession, address: str, admin: dict[str, str]) -> None:
    """An order with all that belongs to one: those of the shop have rows, and no facts behind them."""
    [contact] = await it.rows("SELECT id FROM contacts LIMIT 1", database=DATABASE)
    body = {"contact_id": str(contact["id"]), "amount": 500}
    headers = {"Authorization": admin["Authorization"]}
    async with client.post(f"{address}/api/v1/orders", json=body, headers=headers) as answer:
        if answer.status != 201:
            raise RuntimeError(f"no order could be made: {answer.status} {await answer.text()}")


async def _questions(it: House) -> list[Question]:
    connection = await connect(it.postgres.url(DATABASE))
    try:
        found = []
        for case in await cases(connection):
            asked = case.path.partition("?")[2]
            found.append(Question("admin", case.path))
            if not asked:
                found.append(Question("private rep", case.path))
            elif PAGES[case.table] in {screen.path for screen in SCREENS}:
                found.append(Question("admin", f"{PAGES[case.table]}?{asked}", filtered=True))
        for screen in SCREENS:
            path = screen.path
            if "{" in path:
                row = await connection.fetchrow(f"SELECT id FROM {ROWS[path]} ORDER BY id DESC LIMIT 1")
                path = path.replace("{id}", row["id"] if row else "")
            found += [
                Question(who, path) for who in ("admin", "private rep") if who == "admin" or "{" not in screen.path
            ]
        return found
    finally:
        await connection.close()


async def _time(
    client: aiohttp.ClientSession, address: str, people: dict[str, dict[str, str]], question: Question
) -> list[float] | None:
    """Milliseconds of each answer; None where the screen is not for them, or does not know the filter. What is far too
    slow is asked less often."""
    took: list[float] = []
    for place in range(WARM + TIMES):
        began = time.perf_counter()
        async with client.get(address + question.path, headers=people[question.who], allow_redirects=False) as answer:
            await answer.read()
            if answer.status == 403 or (question.filtered and answer.status == 422):
                return None
            if answer.status not in (200, 303):
                raise RuntimeError(f"{question.path}: {answer.status}")
        if place >= WARM:
            took.append((time.perf_counter() - began) * 1e3)
        if sum(took) > 20_000:
            break
    return took


async def _plans(
    it: House, people: dict[str, dict[str, str]], questions: Sequence[Question]
) -> dict[Question, tuple[str, ...]]:
    """What is read for each question beyond what may be."""
    found = {}
    with recorded() as asked:
        connection = await connect(it.postgres.url(DATABASE))
        async with _application(it) as server, aiohttp.ClientSession() as client:
            for question in questions:
                asked.clear()
                async with client.get(
                    URL(f"http://{server.host}:{server.port}{question.path}", encoded=True),
                    headers=people[question.who], allow_redirects=False,
                ) as answer:  # fmt: skip
                    await answer.read()
                statements = {one.sql: one for one in asked}.values()
                steps = [step for one in list(statements) for step in await touched(connection, one)]
                found[question] = tuple(
                    f"{step.step} of {step.table}: {step.rows:,} rows" for step in steps if _wide(step)
                )
        await connection.close()
    return found


def _wide(step: Touched) -> bool:
    return step.rows > MOST and step.step != "Index Only Scan"


@asynccontextmanager
async def _application(it: House) -> AsyncIterator[BaseTestServer]:
    """The receiver in this process, so that its statements are seen."""
    url = it.postgres.url(DATABASE)
    settings = Settings(database_url=url, redis_url="redis://127.0.0.1:1", secret_key=SecretStr(KEY))
    ctx = Context(settings, await open_pool(url, size=4), Vault([KEY]), SilentLanes(), time.time)
    async with TestServer(make_app(ctx)) as server:
        yield server
    await ctx.pool.close()


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
