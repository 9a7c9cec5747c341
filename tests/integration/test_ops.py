"""What a running Daybook says of itself (X4, X5): metrics, readiness and logs, while its servers come and go."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import asyncpg
import pytest

from tests import watch
from tests.integration.ops import Ops, eventually, running
from tests.world import SECRETS, edited, payload
from worker.providers import adapters
from worker.work import NICENESS

MARKER = "planted-marker"
BODY = payload("stripe", "charge_succeeded__sync-engine.json")


@pytest.fixture
async def ops() -> AsyncIterator[Ops]:
    async with running() as made:
        yield made


async def send(ops: Ops, connection: str, body: bytes, topic: str = "", secret: str = "") -> tuple[int, Any]:
    headers = adapters()[connection].sign(body, topic, (secret or SECRETS[connection]).encode(), time.time(), {})
    async with ops.session.post(f"{ops.rig.urls[0]}/webhooks/{connection}", data=body, headers=headers) as answer:
        return answer.status, await answer.json(content_type=None)


async def settled(ops: Ops, event_id: str) -> dict[str, Any]:
    """The one line of the event, once it is there."""

    def look() -> dict[str, Any]:
        [line] = [line for line in ops.lines() if line.get("event_id") == event_id]
        return line

    return dict(await eventually(look))


async def test_X4_metrics_of_both_processes_follow_an_event_from_the_door_to_its_order(ops: Ops) -> None:
    answers = [await send(ops, "stripe", BODY) for _ in range(2)]
    refused = await send(ops, "stripe", BODY, secret="whsec_wrong")
    nowhere = await ops.get(f"{ops.rig.urls[0]}/healthz")
    async with ops.session.post(f"{ops.rig.urls[0]}/webhooks/{MARKER}", data=BODY) as answer:
        assert answer.status == 404
    async with ops.session.request("PROPFIND", f"{ops.rig.urls[0]}/{MARKER}?{MARKER}=1") as answer:
        assert answer.status == 404
    assert [status for status, _ in (*answers, refused, nowhere)] == [200, 200, 401, 200]
    line = await settled(ops, answers[0][1]["event"])
    receive, work = await ops.samples("receive"), await ops.samples("work")

    def received(result: str) -> float:
        return receive["webhook_events_received_total", (("result", result), ("source", "stripe"))]

    assert (received("accepted"), received("duplicate"), received("bad_signature")) == (1, 1, 1)
    assert received("shed") == 0, "what has not happened is there, so that its rate is known"
    assert receive["inbox_batch_size_sum", ()] == 2
    assert receive["inbox_batch_queue_depth", ()] == 0
    route = ("route", "/webhooks/{connection}")
    counts = {status: receive["http_server_request_duration_seconds_count", (("method", "POST"), route, ("status", status))] for status in ("200", "401", "404")}  # fmt: skip
    assert counts == {"200": 2, "401": 1, "404": 1}
    assert receive["http_server_request_duration_seconds_count", (("method", "_OTHER"), ("route", "unmatched"), ("status", "404"))] == 1  # fmt: skip
    result = "applied" if line["state"] == "applied" else line["state"]
    assert work["inbox_events_applied_total", (("result", result), ("type", "charge.succeeded"))] == 1
    assert work["inbox_attempts_count", ()] == 1
    lane = (("error_type", ""), ("messaging_destination_name", "daybook:payments"))
    assert receive["messaging_client_sent_messages_total", (*lane, ("messaging_operation_name", "send"), ("messaging_system", "arq"))] >= 1  # fmt: skip
    assert work["messaging_client_consumed_messages_total", (*lane, ("messaging_operation_name", "process"), ("messaging_system", "arq"))] >= 1  # fmt: skip
    assert work["sweep_rescued_total", ()] == receive["signal_errors_total", ()] == 0
    assert work["db_client_operation_duration_seconds_count", (("db_operation_name", "inbox.settle_events"),)] == 1
    await every_selector_finds_something(ops)
    text = await ops.scrape("receive") + await ops.scrape("work")
    assert MARKER not in text
    assert answers[0][1]["event"] not in text


async def every_selector_finds_something(ops: Ops) -> None:
    """What the alerts and the dashboard ask for is there under these names, labels and values (X3)."""

    async def look() -> None:
        given = [*await ops.samples("receive"), *await ops.samples("work")]
        missing = [
            str(selector)
            for selector in watch.selectors()
            if selector.name != "up" and not any(watch.matches(selector, *sample) for sample in given)
        ]
        assert missing == []

    await eventually(look)


def test_a_worker_gives_way_to_receivers_on_its_host(ops: Ops) -> None:
    niceness = {
        name: os.getpriority(os.PRIO_PROCESS, child.pid or 0)
        for name in ("receive", "work")
        for child in ops.children
        if child.name.startswith(name)
    }
    assert niceness["work"] == niceness["receive"] + NICENESS


async def test_X4_the_public_port_serves_no_metrics(ops: Ops) -> None:
    async with ops.session.get(f"{ops.rig.urls[0]}/metrics") as answer:
        assert answer.status == 404


async def test_X4_readyz_tells_the_truth_and_gauges_vanish_while_postgres_is_away(ops: Ops) -> None:
    async def has_gauges() -> None:
        samples = await ops.samples("work")
        assert samples["workers_alive", ()] == 1
        assert samples["inbox_pending", (("state", "received"),)] == 0
        assert samples["valkey_noeviction", ()] == 1

    await eventually(has_gauges)
    for name in ("receive", "work"):
        assert await ops.ready(name) == (200, {"status": "ready", "postgres": True, "valkey": True})
    await ops.rig.postgres.stop()
    for name in ("receive", "work"):
        status, answer = await ops.ready(name)
        assert (status, answer["status"]) == (503, 503)
        assert "PostgreSQL cannot be reached" in answer["detail"]
        assert (await ops.get(f"{ops.ports[name]}/healthz")) == (200, {"status": "alive"})
    status, answer = await send(ops, "stripe", BODY)
    assert status == 503

    async def has_none() -> None:
        assert not [name for name, _ in await ops.samples("work") if name.startswith(("inbox_pending", "workers_a"))]

    await eventually(has_none, within_s=40)

    def told() -> None:
        assert "Failed to restore the pool connection floor" in ops.log()

    await eventually(told)
    await ops.rig.postgres.start()

    async def is_back() -> None:
        for name in ("receive", "work"):
            assert (await ops.ready(name))[0] == 200
        await has_gauges()

    await eventually(is_back)
    assert "Traceback" not in ops.log()
    assert len(ops.lines()) > 0, "every line is JSON"


async def test_X4_without_valkey_a_receiver_is_ready_and_a_worker_is_not(ops: Ops) -> None:
    await ops.rig.valkey.stop()
    assert await ops.ready("receive") == (200, {"status": "ready", "postgres": True, "valkey": False})
    status, answer = await ops.ready("work")
    assert (status, answer["valkey"], answer["postgres"]) == (503, False, True)
    assert (await send(ops, "stripe", BODY))[0] == 200, "deliveries are safe without it"

    async def is_told() -> None:
        assert (await ops.samples("receive"))["signal_errors_total", ()] == 1

    await eventually(is_told)
    await ops.rig.valkey.start()

    async def is_back() -> None:
        assert (await ops.ready("work"))[0] == 200

    await eventually(is_back)


async def test_X4_a_schema_that_is_older_than_the_code_is_not_ready(ops: Ops) -> None:
    connection = await asyncpg.connect(ops.rig.postgres.url())
    try:
        last = await connection.fetchval("SELECT max(name) FROM migrations")
        await connection.execute("UPDATE migrations SET name = 'x' || name WHERE name = $1", last)
        for name in ("receive", "work"):
            status, answer = await ops.ready(name)
            assert (status, answer["detail"]) == (503, f"The schema lacks {last}. Run `daybook migrate`.")
    finally:
        await connection.close()


async def test_X5_a_process_that_drains_is_not_ready(ops: Ops) -> None:
    [receiver] = ops.rig.receivers
    slow = b"POST /webhooks/stripe HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{"
    port = int(ops.rig.urls[0].rpartition(":")[2])
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(slow)
    await writer.drain()
    ops.rig.asked.add(receiver.name)

    async def is_being_read() -> None:
        assert (await ops.samples("receive"))["http_server_active_requests", ()] == 1

    await eventually(is_being_read)
    receiver.send(signal.SIGTERM)

    async def says_so() -> None:
        status, answer = await ops.ready("receive")
        assert (status, answer["detail"]) == (503, "This process is ending. Another one answers.")

    try:
        await eventually(says_so, within_s=5)
    except aiohttp.ClientError:
        pytest.fail("the metrics port closed before the process had drained")
    writer.close()
    await receiver.wait()


async def test_X4_logs_are_one_line_an_event_and_one_a_request_without_payload_or_secret(ops: Ops) -> None:
    order = payload("shopify", "orders_create__minimal.json")
    planted = edited(order, note=MARKER, email=f"{MARKER}@example.com")
    broken = edited(order, id=f"{MARKER}-id", currency=f"{MARKER}-currency")
    sent = {}
    for name, body in {"good": planted, "broken": broken}.items():
        status, answer = await send(ops, "shopify", body, "orders/create")
        assert status == 200
        sent[name] = answer["event"]
    await send(ops, "shopify", planted, "orders/create", secret=f"{MARKER}-secret")
    good, dead = await settled(ops, sent["good"]), await settled(ops, sent["broken"])
    told = {"connection": "shopify", "topic": "orders/create", "attempt": 1}
    assert {**good, **told, "state": "applied", "event": "event_settled"} == good
    assert {**dead, **told, "state": "dead", "event": "event_settled", "orders": []} == dead
    assert len(good["orders"]) == 1
    assert good["ms"] >= 0
    assert good["account"] == dead["account"]
    path = f"/api/v1/orders?text={MARKER}"
    async with ops.session.get(f"{ops.rig.urls[0]}{path}", headers={"Authorization": f"Bearer {MARKER}"}) as answer:
        assert answer.status == 401
    await ops.get(f"{ops.rig.urls[0]}/readyz")

    def requests() -> dict[str, Any]:
        [line] = [line for line in ops.lines() if line["event"] == "request"]
        return line

    line = await eventually(requests)
    assert (line["method"], line["route"], line["status"]) == ("GET", "/api/v1/orders", 401)
    assert len(line["request"]) == 12
    committed = [line for line in ops.lines() if line["event"] == "deliveries_committed"]
    assert sorted(event for line in committed for event in line["events"]) == sorted(sent.values())
    assert MARKER not in ops.log()
    assert not [secret for secret in SECRETS.values() if secret in ops.log()]


async def test_X4_a_collector_of_traces_that_is_away_holds_nothing_up() -> None:
    async with running(OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:1") as ops:
        status, answer = await send(ops, "stripe", BODY)
        assert status == 200
        await settled(ops, answer["event"])
        [receiver], [worker] = ops.rig.receivers, ops.rig.workers
        for child in (receiver, worker):
            await ops.rig.terminate(child)  # it asserts a good end
        assert not [line for line in ops.lines() if line["event"] == "drain_cut_short"]
        assert "Traceback" not in ops.log()


def test_X4_a_taken_metrics_port_is_a_sentence(database: str, redis_url: str) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        given = {"DATABASE_URL": database, "REDIS_URL": redis_url, "DAYBOOK_SECRET_KEY": "k", "PORT": "0"}
        for command in ("receive", "work"):
            done = subprocess.run(
                [sys.executable, "-m", "worker.cli", command, "--metrics-port", port],
                capture_output=True, text=True, check=False, timeout=60, env={**os.environ, **given},
            )  # fmt: skip
            assert done.returncode == 1
            assert f"Metrics cannot be served on 127.0.0.1 port {port}: " in done.stderr
            assert "Traceback" not in done.stderr
