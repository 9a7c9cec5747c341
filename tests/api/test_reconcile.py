"""Gap filling (Q9): what Stripe lists goes through the inbox where it was never delivered, and nothing is doubled."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp.test_utils import TestClient
from pydantic import SecretStr
from typer.testing import CliRunner

from tests.api.conftest import Answer, Api, Served
from tests.api.test_checkouts import Shop
from tests.stripe import KEY
from tests.world import NOW, SECRETS, payload, world
from worker.cli import app as frame
from worker.cli.app import app
from worker.cli.reconcile import moment
from worker.errors import UserError
from worker.local.stripe.delivery import body_of
from worker.local.stripe.objects import Object
from worker.local.stripe.stand_in import StandIn
from worker.providers import adapters
from worker.serve import make_app
from worker.store import tokens
from worker.store.checks import broken
from worker.upkeep import reconcile

DAY = 86_400


class Books(Shop):
    """A shop whose clock, and Stripe's with it, a test moves."""

    now: list[float]

    def move(self, seconds: float) -> None:
        self.now[0] += seconds

    @property
    def connection_id(self) -> str:
        return self.shop.connections["stripe"]

    async def post_webhook(self, event: Object, connection: str = "stripe") -> Answer:
        body = body_of(event)
        headers = adapters()["stripe"].sign(body, "", SECRETS["stripe"].encode(), self.now[0], {})
        address = self.client.make_url(f"/webhooks/{connection}")
        async with self.client.session.post(address, data=body, headers=headers) as answer:
            return Answer(answer.status, answer.headers.copy(), await answer.read())

    async def sold(self, count: int = 1) -> list[Object]:
        """So many checkouts elsewhere, paid at Stripe: the events of which nobody was told."""
        before = len(self.stand_in.events)
        for _ in range(count):
            made = await self.session()
            self.stand_in.pay(made)
        return self.stand_in.events[before:]

    async def session(self) -> str:
        from worker.outside.stripe import Stripe

        item = {"quantity": 1, "price_data": {"currency": "brl", "unit_amount": 500, "product_data": {"name": "Tea"}}}
        params = {"mode": "payment", "line_items": [item], "success_url": "https://shop.example"}
        async with Stripe(KEY, self.stand_in.url) as stripe:
            found = await stripe.create_checkout_session(params, key=f"k-{len(self.sessions)}")
        return str(found.object["id"])  # type: ignore[union-attr]

    async def begin(self, since: float = DAY, **more: Any) -> dict[str, Any]:
        body = {"since": f"{datetime.fromtimestamp(self.now[0] - since, UTC):%Y-%m-%dT%H:%M:%SZ}", **more}
        path = f"/connections/{self.connection_id}/reconciliations"
        return dict(await self.post(path, body, 202))

    async def look(self, run: dict[str, Any]) -> dict[str, Any]:
        return dict(await self.get(f"/connections/{self.connection_id}/reconciliations/{run['id']}"))

    async def runs(self) -> list[dict[str, Any]]:
        return list((await self.get(f"/connections/{self.connection_id}/reconciliations"))["items"])

    async def differences(self, run: dict[str, Any]) -> list[dict[str, Any]]:
        path = f"/connections/{self.connection_id}/reconciliations/{run['id']}/differences"
        return await self.pages(path, 2)

    async def work(self) -> None:
        """Go on with every comparison, and apply what came of it."""
        while await reconcile.tick(self.shop.ctx):
            pass
        rows = await self.shop.rows("SELECT event_id FROM event_states WHERE state = 'received'")
        await self.shop.apply([row["event_id"] for row in rows])


def acted_on(events: list[Object]) -> list[Object]:
    return [event for event in events if event["type"] in adapters()["stripe"].TOPICS]


@pytest.fixture
async def shop(database: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Books]:
    now = [NOW]
    async with StandIn(clock=lambda: now[0], retries_s=()) as stand_in, world(database) as made:
        key = {"stripe_api_key": SecretStr(KEY), "stripe_api_base": stand_in.url, "reconcile_every_s": 0}
        settings = made.ctx.settings.model_copy(update=key)
        made.ctx = dataclasses.replace(made.ctx, settings=settings, clock=lambda: now[0])
        await made.ctx.pool.execute("UPDATE connections SET created_at = $1", datetime.fromtimestamp(NOW - DAY, UTC))
        admin = await tokens.issue(made.ctx.pool, made.account_id, "first admin", "admin")
        async with TestClient(Served(make_app(made.ctx))) as client:
            found = Books(made, client, admin)
            found.stand_in, found.now = stand_in, now
            yield found
        assert {name for name in await broken(made.ctx.pool) if name != "reconciliation_left_behind"} == set()


async def test_Q9_what_was_never_delivered_is_there_afterwards(shop: Books) -> None:
    events = acted_on(await shop.sold(3))
    shop.move(10)
    run = await shop.begin()
    assert (run["state"], run["progress"], run["asked_by"]) == ("running", 0.0, "token:first admin")
    await shop.work()
    done = await shop.look(run)
    count = len(events)
    assert (done["state"], done["progress"], done["problem"]) == ("done", 1.0, None)
    assert (done["platform"], done["received"], done["recovered"], done["applied"]) == (count, 0, count, count)
    assert [order["payment_status"] for order in await shop.orders()] == ["paid"] * 3
    told = await shop.differences(run)
    assert sorted(row["delivery_id"] for row in told) == sorted(event["id"] for event in events)
    assert {(row["kind"], row["state"]) for row in told} == {("missing", "applied")}


async def test_Q9_what_was_delivered_before_is_not_had_again(shop: Books) -> None:
    [first, *rest] = acted_on(await shop.sold(2))
    assert (await shop.post_webhook(first)).json["status"] == "accepted"
    shop.move(10)
    run = await shop.begin()
    await shop.work()
    done = await shop.look(run)
    assert (done["received"], done["recovered"]) == (1, len(rest))
    stored = await shop.shop.rows("SELECT delivery_id FROM events")
    assert sorted(row["delivery_id"] for row in stored) == sorted(event["id"] for event in [first, *rest])


async def test_Q9_a_delivery_that_comes_later_is_a_duplicate(shop: Books) -> None:
    events = acted_on(await shop.sold(2))
    shop.move(10)
    await shop.begin()
    await shop.work()
    before = await shop.shop.books()
    here = {row["delivery_id"]: row["id"] for row in await shop.shop.rows("SELECT delivery_id, id FROM events")}
    for event in [*events, *events]:
        told = (await shop.post_webhook(event)).json
        assert told == {"status": "duplicate", "event": here[event["id"]]}
    assert len(await shop.shop.rows("SELECT FROM events")) == len(events)
    assert await shop.shop.books() == before


async def test_Q9_done_twice_it_finds_nothing_more(shop: Books) -> None:
    events = acted_on(await shop.sold(2))
    shop.move(10)
    await shop.begin()
    await shop.work()
    again = await shop.begin()
    await shop.work()
    done = await shop.look(again)
    assert (done["platform"], done["received"], done["recovered"]) == (len(events), len(events), 0)
    assert await shop.differences(again) == []


async def test_Q9_two_at_once_store_each_event_once(shop: Books) -> None:
    events = acted_on(await shop.sold(4))
    shop.move(10)
    runs = [await shop.begin() for _ in range(4)]
    await asyncio.gather(*(reconcile.tick(shop.shop.ctx) for _ in range(4)))
    await shop.work()
    assert len(await shop.shop.rows("SELECT FROM events")) == len(events)
    done = [await shop.look(run) for run in runs]
    assert sum(run["recovered"] for run in done) == len(events)
    assert [run["received"] + run["recovered"] for run in done] == [len(events)] * 4


async def test_Q9_days_are_told_apart_and_the_list_is_paged(shop: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.outside.stripe.Stripe.list_events.__kwdefaults__", {
        "types": (), "created_from": None, "created_to": None, "undelivered": False, "after": None, "limit": 3,
    })  # fmt: skip
    first = acted_on(await shop.sold(2))
    shop.move(DAY)
    second = acted_on(await shop.sold(1))
    shop.move(10)
    run = await shop.begin(2 * DAY)
    await shop.work()
    done = await shop.look(run)
    days = [(day["day"], day["platform"], day["recovered"], day["applied"]) for day in done["days"]]
    assert days == [
        ("2026-09-22", len(second), len(second), len(second)), ("2026-09-21", len(first), len(first), len(first)),
    ]  # fmt: skip
    pages = [asked for asked in shop.stand_in.requests if asked.operation == "events.list"]
    assert len(pages) > 3


async def test_Q9_what_is_not_applied_is_a_difference_and_says_why(shop: Books) -> None:
    made = await shop.session()
    shop.stand_in.pay(made)
    for event in shop.stand_in.events:
        if event["type"] == "payment_intent.succeeded":
            await shop.post_webhook(event)
    await shop.work()  # it waits for its checkout
    shop.move(10)
    run = await shop.begin()
    await reconcile.tick(shop.shop.ctx)
    [row] = [row for row in await shop.differences(run) if row["kind"] == "not_applied"]
    assert (row["topic"], row["state"]) == ("payment_intent.succeeded", "waiting")
    assert "has been seen yet" in row["reason"]
    before = await shop.look(run)
    await shop.work()  # the checkout was missing, and is applied now
    [row] = [row for row in await shop.differences(run) if row["kind"] == "not_applied"]
    after = await shop.look(run)
    assert (row["state"], after["applied"]) == ("applied", after["platform"])
    assert before["applied"] < after["applied"]


async def test_Q9_trouble_at_stripe_holds_it_up_and_it_goes_on_where_it_was(
    shop: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = acted_on(await shop.sold(2))
    shop.move(10)
    run = await shop.begin()
    for kind in ("rate_limit", "cut_before", "gateway"):
        shop.stand_in.trouble(kind, on="events.list", times=20)  # type: ignore[arg-type]
        assert await reconcile.tick(shop.shop.ctx) == 0
        held_up = await shop.look(run)
        assert held_up["state"] == "running"
        assert held_up["problem"]
        shop.stand_in.forget_scripts()
        assert await reconcile.tick(shop.shop.ctx) == 0  # not before its time
        shop.move(700)
    await shop.work()
    done = await shop.look(run)
    assert (done["state"], done["recovered"], done["problem"]) == ("done", len(events), None)


async def test_Q9_what_stays_refused_has_failed_and_says_why(shop: Books) -> None:
    run = await shop.begin()
    wrong = shop.shop.ctx.settings.model_copy(update={"stripe_api_key": SecretStr("no_key")})
    await reconcile.tick(dataclasses.replace(shop.shop.ctx, settings=wrong))
    failed = await shop.look(run)
    assert failed["state"] == "failed"
    assert failed["problem"]


async def test_Q9_killed_between_two_pages_it_counts_nothing_twice(
    shop: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = acted_on(await shop.sold(3))
    shop.move(10)
    run = await shop.begin()
    heard = reconcile.reconciliations.finish

    async def killed(*_: object) -> None:
        raise ConnectionError("killed")

    monkeypatch.setattr(reconcile.reconciliations, "finish", killed)
    with pytest.raises(ConnectionError):
        await reconcile.tick(shop.shop.ctx)
    assert await shop.shop.rows("SELECT FROM events") == []
    monkeypatch.setattr(reconcile.reconciliations, "finish", heard)
    assert await reconcile.tick(shop.shop.ctx) == 0  # whoever was killed might be at it
    shop.move(61)
    await shop.work()
    done = await shop.look(run)
    assert (done["platform"], done["recovered"]) == (len(events), len(events))


async def test_Q9_it_waits_while_the_inbox_is_full(shop: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconcile, "UNREAD_LIMIT", 1)
    [event, *_] = acted_on(await shop.sold(2))
    await shop.post_webhook(event)
    shop.move(10)
    run = await shop.begin()
    assert await reconcile.tick(shop.shop.ctx) == 1
    assert (await shop.look(run))["platform"] == 0
    await shop.work()
    shop.move(3)
    await shop.work()
    assert (await shop.look(run))["state"] == "done"


async def hourly(shop: Books) -> None:
    settings = shop.shop.ctx.settings.model_copy(update={"reconcile_every_s": 3600.0})
    shop.shop.ctx = dataclasses.replace(shop.shop.ctx, settings=settings)


async def test_Q9_by_itself_it_goes_on_from_where_the_last_one_ended(shop: Books) -> None:
    await hourly(shop)
    await shop.sold()
    shop.move(60)
    await shop.work()
    [first] = await shop.runs()
    assert (first["asked_by"], first["state"]) == ("daybook", "done")
    await shop.work()
    assert len(await shop.runs()) == 1
    missed = acted_on(await shop.sold(2))
    shop.move(3600)
    await shop.work()
    second, _ = await shop.runs()
    assert second["recovered"] == len(missed)
    ended, began = (datetime.fromisoformat(text) for text in (first["until"], second["since"]))
    assert ended - began == timedelta(minutes=10)
    assert [order["payment_status"] for order in await shop.orders()] == ["paid"] * 3


async def test_Q9_after_no_receiver_was_there_it_does_not_wait_for_the_hour(shop: Books) -> None:
    await hourly(shop)
    await shop.work()
    await shop.sold()
    shop.move(20)
    await reconcile.hurry(shop.shop.ctx)  # as a receiver does when it starts
    await shop.work()
    assert len(await shop.runs()) == 1
    shop.move(33)
    await shop.work()
    newest, _ = await shop.runs()
    assert newest["recovered"] > 0
    assert [order["payment_status"] for order in await shop.orders()] == ["paid"]


async def test_Q9_thin_events_that_waited_for_a_key_are_read_once_there_is_one(shop: Books) -> None:
    made = await shop.session()
    shop.stand_in.pay(made)
    intent = shop.stand_in.find(made)["payment_intent"]
    thin = {
        "id": "evt_thin", "object": "v2.core.event", "type": "v1.payment_intent.succeeded", "livemode": False,
        "created": "2026-09-21T11:33:20Z",
        "related_object": {"id": intent, "type": "payment_intent", "url": f"/v1/payment_intents/{intent}"},
    }  # fmt: skip
    with_key = shop.shop.ctx
    without = with_key.settings.model_copy(update={"stripe_api_key": None})
    shop.shop.ctx = dataclasses.replace(with_key, settings=without)
    await shop.shop.deliver("stripe", thin)
    [(state, reason)] = (await shop.shop.states()).values()
    assert (state, "no API key" in str(reason)) == ("waiting", True)
    shop.shop.ctx = with_key
    await hourly(shop)
    shop.move(60)
    await shop.work()
    assert {state for state, _ in (await shop.shop.states()).values()} == {"applied"}


async def test_I4_the_key_fetches_for_the_connection_stripe_and_no_other(shop: Books) -> None:
    await shop.post("/connections", {"name": "second", "provider": "stripe", "secret": SECRETS["stripe"]})
    thin = {
        "id": "evt_thin", "object": "v2.core.event", "type": "v1.payment_intent.succeeded", "livemode": False,
        "created": "2026-09-21T11:33:20Z",
        "related_object": {"id": "pi_1", "type": "payment_intent", "url": "/v1/payment_intents/pi_1"},
    }  # fmt: skip
    [row] = await shop.shop.rows("SELECT id FROM connections WHERE name = 'second'")
    shop.shop.connections["stripe"] = row["id"]
    await shop.shop.deliver("stripe", thin)
    [(state, _)] = (await shop.shop.states()).values()
    assert (state, list(shop.stand_in.requests)) == ("waiting", [])


async def test_Q9_what_cannot_be_compared_is_refused_with_what_to_do(shop: Books) -> None:
    path = f"/connections/{shop.connection_id}/reconciliations"
    for body, field in (
        ({}, "since"), ({"since": "2026-08-01T00:00:00Z"}, "since"), ({"since": "2027-01-01T00:00:00Z"}, "since"),
        ({"since": "2026-09-20T00:00:00Z", "until": "2026-09-19T00:00:00Z"}, "since"), ({"since": "then"}, "since"),
    ):  # fmt: skip
        refused = await shop.ask("POST", path, json=body)
        assert (refused.status, refused.fields) == (422, [field]), body
    other = f"/connections/{shop.shop.connections['shopify']}/reconciliations"
    refused = await shop.ask("POST", other, json={"since": "2026-09-20T00:00:00Z"})
    assert (refused.status, refused.json["code"]) == (409, "not_reconcilable")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("2026-11-20", "2026-11-20T00:00:00Z"), ("2026-11-20T08:00:00+02:00", "2026-11-20T06:00:00Z"),
        ("12h", "2026-11-20T12:00:00Z"), ("3d", "2026-11-18T00:00:00Z"), ("90m", "2026-11-20T22:30:00Z"),
    ],
)  # fmt: skip
def test_X2_a_time_is_typed_as_people_do(text: str, told: str) -> None:
    assert moment(text, datetime(2026, 11, 21, tzinfo=UTC), "--since") == told


def test_X2_a_time_that_is_none_says_how_to_write_one() -> None:
    with pytest.raises(UserError, match="--since yesterday is not a time"):
        moment("yesterday", datetime(2026, 11, 21, tzinfo=UTC), "--since")


async def command(shop: Api, *arguments: str) -> tuple[int, list[str], str]:
    for module in frame.COMMANDS:
        __import__(module)
    given = ["reconcile", *arguments, "--url", str(shop.client.make_url("")), "--token", shop.admin]
    result = await asyncio.to_thread(CliRunner().invoke, app, given)
    failure = str(result.exception) if isinstance(result.exception, UserError) else ""
    return result.exit_code, result.output.splitlines(), failure


async def test_X2_the_command_prints_days_and_differences(shop: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.cli.reconcile.LOOK_S", 0.05)
    monkeypatch.setattr(reconcile, "PERIOD_S", 0.05)
    events = acted_on(await shop.sold(1))
    shop.now[0] = datetime.now(UTC).timestamp()
    shop.stand_in.clock.set(NOW)

    async def worker() -> None:
        while True:
            await shop.work()
            await asyncio.sleep(0.02)

    working = asyncio.create_task(worker())
    # Stripe lists 30 days, and the clock of the command is the machine's
    monkeypatch.setattr(reconcile, "LISTED", timedelta(days=36_500))
    code, lines, _ = await command(shop, "stripe", "--since", "2026-09-01")
    working.cancel()
    assert code == 0, lines
    lines = lines[next(place for place, line in enumerate(lines) if line.startswith("DAY")) :]
    lines = [line for line in lines if "[" not in line]  # what the test's own worker logs meanwhile
    count = len(events)
    assert lines[0].split() == ["DAY", "PLATFORM", "RECEIVED", "RECOVERED", "APPLIED"]
    assert lines[1].split() == ["2026-09-21", str(count), "0", str(count), str(count)]
    assert lines[3].split()[:5] == ["OCCURRED_AT", "TOPIC", "DELIVERY_ID", "KIND", "STATE"]
    assert sorted(line.split()[2] for line in lines[4:]) == sorted(event["id"] for event in events)
    assert all(line.split()[3:5] == ["missing", "applied"] for line in lines[4:])


async def test_X2_the_command_says_what_is_wrong(shop: Books) -> None:
    code, _, failure = await command(shop, "nothing", "--since", "1h")
    assert (code, failure) == (1, "There is no connection nothing. See `daybook connection list`.")


async def test_Q9_an_event_of_the_list_reads_as_one_delivered(shop: Books) -> None:
    """The same sale, delivered to one shop and listed for another, is the same in both books."""
    await shop.shop.deliver("stripe", payload("stripe", "product_created__2020-08-27.json"))
    events = acted_on(await shop.sold(1))
    shop.move(10)
    await shop.begin()
    await shop.work()
    listed = await shop.shop.books()
    await shop.shop.ctx.pool.execute("DELETE FROM reconciled_differences; UPDATE events SET fetched = false")
    for event in events:
        await shop.shop.deliver("stripe", body_of(event))
    assert await shop.shop.books() == listed
