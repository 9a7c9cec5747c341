"""Limits of the API, and the one shape of every refusal (H4, I3)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from aiohttp.test_utils import TestClient
from hypothesis import given
from hypothesis import strategies as st

from schemas.account import Actor
from tests.api.conftest import Api, Served, path_of
from tests.world import world
from worker.api import rates
from worker.api.rates import NAMES, Buckets
from worker.api.routes import OPERATIONS
from worker.serve import make_app
from worker.store import tokens
from worker.store.db import Pool

FAILURES = 5


@pytest.fixture
async def slow(database: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Api]:
    """An API that lets a token ask eight times at once, and an address fail five times."""
    monkeypatch.setattr(rates, "FAILURES_AT_ONCE", float(FAILURES))
    monkeypatch.setattr(rates, "FAILURES_PER_S", 0.001)
    async with world(database) as shop:
        settings = shop.ctx.settings.model_copy(update={"api_rate": 2.0, "body_timeout_s": 0.2})
        ctx = replace(shop.ctx, settings=settings)
        admin = await tokens.issue(ctx.pool, shop.account_id, "first admin", "admin")
        async with TestClient(Served(make_app(ctx))) as client:
            yield Api(shop, client, admin)


async def test_H4_a_token_that_asks_too_fast_is_told_when_to_come_again(slow: Api) -> None:
    answers = [await slow.ask("GET", "/orders") for _ in range(60)]
    assert [answer.status for answer in answers[:8]] == [200] * 8
    refused = [answer for answer in answers if answer.status == 429]
    assert refused
    assert {answer.json["code"] for answer in refused} == {"rate_limited"}
    assert all(int(answer.headers["Retry-After"]) >= 1 for answer in refused)
    other = await tokens.issue(slow.shop.ctx.pool, slow.shop.account_id, "other", "rep")
    assert (await slow.ask("GET", "/orders", token=other)).status == 200, "each token has its own"


async def test_I3_an_address_that_fails_too_often_is_not_looked_up_and_its_known_tokens_go_on(
    slow: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await slow.ask("GET", "/orders")).status == 200
    answers = [(await slow.ask("GET", "/orders", token=f"dbk_{number}")).status for number in range(FAILURES)]
    assert answers == [401] * FAILURES
    looked_up: list[str] = []
    find = tokens.find

    async def noted(pool: Pool, secret: str, purpose: str = "bearer") -> Actor | None:
        looked_up.append(secret)
        return await find(pool, secret, purpose)

    monkeypatch.setattr(tokens, "find", noted)
    for more in (
        {"token": "dbk_wrong"},
        {"anonymous": True},
        {"anonymous": True, "headers": {"Cookie": "daybook_session=x"}},
    ):
        refused = await slow.ask("GET", "/orders", **more)
        assert (refused.status, refused.json["code"]) == (429, "rate_limited")
        assert int(refused.headers["Retry-After"]) >= 1
    assert looked_up == []
    assert (await slow.ask("GET", "/orders")).status == 200


@given(st.lists(st.tuples(st.floats(0, 5), st.integers(0, 3)), max_size=60))
def test_H4_no_name_gets_more_than_its_rate_and_burst_in_any_time(steps: list[tuple[float, int]]) -> None:
    now = [0.0]
    buckets = Buckets(2.0, 4.0, lambda: now[0])
    passed: dict[int, list[float]] = {}
    for pause, name in steps:
        now[0] += pause
        wait = buckets.take(str(name))
        if wait == 0:
            passed.setdefault(name, []).append(now[0])
        else:
            assert 0 < wait <= 0.5
            now[0] += wait + 1e-6
            assert buckets.take(str(name)) == 0, "who waits as told is let in"
            passed.setdefault(name, []).append(now[0])
    for times in passed.values():
        for first in range(len(times)):
            for last in range(first, len(times)):
                assert last - first + 1 <= 4 + 2 * (times[last] - times[first]) + 1e-3


def test_I3_however_many_names_come_a_bounded_number_is_remembered() -> None:
    buckets = Buckets(1.0, 1.0, lambda: 0.0)
    for number in range(NAMES + 500):
        buckets.take(str(number))
    assert len(buckets) == NAMES
    assert Buckets(0.0, 0.0).take("any") == 0.0, "a rate of 0 lets everything pass"


async def test_H4_HEAD_is_answered_wherever_GET_is(api: Api) -> None:
    for operation in OPERATIONS:
        if operation.method == "GET":
            path = path_of(operation)
            got, head = await api.ask("GET", path), await api.ask("HEAD", path)
            assert (head.status, head.raw) == (got.status, b""), path
            assert head.headers["Content-Type"] == got.headers["Content-Type"]
    for path in ("/api/openapi.json", "/api/docs"):
        assert (await api.ask("HEAD", path, anonymous=True)).status == 200


async def test_H4_a_method_that_an_address_does_not_take_is_405_with_those_it_takes(api: Api) -> None:
    taken: dict[str, set[str]] = {}
    for operation in OPERATIONS:
        taken.setdefault(operation.path, set()).add(operation.method)
    for operation in OPERATIONS:
        methods = taken[operation.path]
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE"} - methods:
            answer = await api.ask(method, path_of(operation))
            assert answer.status == 405, (method, operation.path)
            assert methods <= set(answer.headers["Allow"].replace(" ", "").split(",")), (method, operation.path)


BODIES = {
    "not UTF-8": b'{"name": "\xff"}',
    "UTF-16": '{"name": "Ana"}'.encode("utf-16"),
    "half of a surrogate pair": b'{"name": "\\ud800"}',
    "deep": b'{"name": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "deep objects": b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
    "not a number": b'{"amount": NaN, "name": NaN, "settings": {"a": NaN}}',
    "infinity": b'{"amount": -Infinity, "settings": {"a": Infinity}}',
    "a name twice": b'{"name": "Ana", "name": "Bob"}',
    "NUL": b'{"name": "a\\u0000b"}',
    "a huge integer": b'{"amount": ' + b"9" * 10_000 + b"}",
    "a huge exponent": b'{"amount": 1e999999}',
    "open": b'{"name": "Ana"',
    "two": b'{"name": "Ana"}{}',
    "empty": b"",
    "a string": b'"name"',
}


@pytest.mark.parametrize("name", BODIES)
async def test_I3_bad_bodies_are_refused_by_every_operation_that_takes_one(api: Api, name: str) -> None:
    headers = {"Content-Type": "application/json"}
    for operation in OPERATIONS:
        if operation.body is not None and not (operation.body_optional and name == "empty"):
            answer = await api.ask(operation.method, path_of(operation), data=BODIES[name], headers=headers)
            assert answer.status in (400, 422), (operation.name, answer.status)


ODD = {
    "a name twice": (b'{"a": 1, "a": 2}', 422), "a name twice, deep": (b'{"a": [{"b": {"c": 1, "c": 1}}]}', 422),
    "NUL": (b'{"a": "\\u0000"}', 422), "NUL in a name": (b'{"\\u0000": 1}', 422), "beyond 64 bits": (b'{"a": 18446744073709551616}', 422),
    "many digits": (b'{"a": ' + b"9" * 6_000 + b"}", 400), "a huge exponent": (b'{"a": 1e999}', 422),
    "deep": (b'{"a": ' + b"[" * 150 + b"]" * 150 + b"}", 422),
    "plain": (b'{"a": [1, -2.5, "x", null, true, {"b": {}}]}', 201),
}  # fmt: skip


@pytest.mark.parametrize("name", ODD)
async def test_I3_settings_of_any_shape_are_kept_as_they_came_or_refused(api: Api, name: str) -> None:
    settings, status = ODD[name]
    body = b'{"name": "second", "provider": "stripe", "secret": "hush", "settings": ' + settings + b"}"
    answer = await api.ask("POST", "/connections", data=body, headers={"Content-Type": "application/json"})
    assert answer.status == status
    if status == 201:
        kept = (await api.get(f"/connections/{answer.json['id']}"))["settings"]
        assert kept == answer.json["settings"] == json.loads(settings)


async def test_I3_a_body_that_does_not_come_is_408(slow: Api) -> None:
    async def trickle() -> AsyncIterator[bytes]:
        yield b'{"name": '
        await asyncio.Event().wait()

    more: dict[str, Any] = {"data": trickle(), "headers": {"Content-Type": "application/json"}}
    assert (await slow.ask("POST", "/contacts", **more)).status == 408
