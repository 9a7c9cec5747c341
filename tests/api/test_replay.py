"""Events applied again, by filter; and the dry run, which says what that changes and leaves no trace (Q5)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic_core import to_jsonable_python
from typer.testing import CliRunner

import handlers.fold
from schemas.account import Permission
from tests.api.conftest import Api
from tests.integration.test_apply import checkout, intent, invoice, refund
from tests.world import World, payload
from worker.actions import replay
from worker.api.order_views import field_change
from worker.api.replays import bounded
from worker.apply import batch
from worker.cli import app as frame
from worker.cli.app import app
from worker.errors import UserError
from worker.ids import new_id
from worker.store import inbox, replays, tokens
from worker.store.db import transaction

LINK = {
    "id": "evt_link", "object": "event", "type": "invoice_payment.paid", "created": 1_700_000_060, "livemode": True,
    "data": {"object": {
        "object": "invoice_payment", "id": "inpay_1", "invoice": "in_1", "amount_paid": 1000, "currency": "usd",
        "status": "paid", "payment": {"type": "payment_intent", "payment_intent": "pi_1"},
    }},
}  # fmt: skip


async def given_up(shop: World, *bodies: Mapping[str, Any]) -> list[str]:
    """Events that nobody could apply."""
    stored = await shop.store([shop.event("stripe", body) for body in bodies])
    async with shop.ctx.pool.acquire() as connection:
        await inbox.settle(connection, shop.account_id, [inbox.Outcome(one.id, "dead", "a reason") for one in stored])
    return [one.id for one in stored]


async def everything(shop: World) -> dict[str, list[str]]:
    """Every row of every table, as text."""
    tables = await shop.rows(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 1"
    )
    return {
        name: sorted(row["row"] for row in await shop.rows(f'SELECT t::text AS row FROM "{name}" t'))
        for name in (row["relname"] for row in tables)
    }


def signalled(api: Api) -> list[str]:
    found: list[str] = api.shop.ctx.lanes.signalled  # type: ignore[attr-defined]
    return found


async def dry(api: Api, **wish: Any) -> Any:
    return await api.post("/events/replay", {**wish, "dry_run": True}, 200)


async def test_Q5_all_dead_of_a_connection_are_set_back_in_the_lane_of_bulk_work(api: Api) -> None:
    dead = await given_up(api.shop, intent(1), intent(2))
    applied = await api.shop.deliver("stripe", checkout(3))
    [other] = await api.shop.store(
        [api.shop.event("shopify", payload("shopify", "orders_create__minimal.json"), "orders/create")]
    )
    found = await api.post("/events/replay", {"connection": "stripe", "state": "dead"}, 202)
    assert (found["count"], sorted(found["event_ids"]), found["next_cursor"]) == (2, sorted(dead), None)
    assert (found["skipped"], found["pending"]) == (0, 3)
    assert sorted(signalled(api)) == sorted(dead)
    rows = await api.shop.rows("SELECT event_id, state, attempts, lane, released_at FROM event_states")
    back = {row["event_id"]: (row["state"], row["attempts"], row["lane"]) for row in rows}
    assert [back[id_] for id_ in dead] == [("received", 0, "bulk")] * 2
    assert back[applied][0] == "applied"
    assert back[other.id] == ("received", 0, "orders")
    assert all((row["released_at"] is not None) == (row["event_id"] in dead) for row in rows), "its age counts anew"
    await api.shop.apply(dead)
    assert {state for id_, (state, _) in (await api.shop.states()).items() if id_ in dead} == {"waiting"}


async def test_Q5_a_replay_of_what_was_applied_changes_nothing(api: Api) -> None:
    for body in (checkout(1), intent(1), refund(1)):
        await api.shop.deliver("stripe", body)
    before = await api.shop.books()
    timeline = await api.shop.rows("SELECT id FROM timeline")
    found = await api.post("/events/replay", {"topic": "*"}, 202)
    assert found["count"] == 3
    await api.shop.apply(found["event_ids"])
    assert await api.shop.books() == before
    assert await api.shop.rows("SELECT id FROM timeline") == timeline
    assert {state for state, _ in (await api.shop.states()).values()} == {"applied"}


@pytest.mark.parametrize("body", [{}, {"dry_run": True}, {"limit": 5}])
async def test_Q5_a_replay_of_everything_by_mistake_is_refused(api: Api, body: dict[str, Any]) -> None:
    await given_up(api.shop, intent(1))
    answer = await api.ask("POST", "/events/replay", json=body)
    assert (answer.status, answer.fields) == (422, ["ids"])
    assert "at least one of connection" in answer.json["detail"]
    assert signalled(api) == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"ids": []}, "ids"), ({"ids": ["x"]}, "ids.0"), ({"state": "lost"}, "state"), ({"state": None}, "state"),
        ({"q": "a\0"}, "q"), ({"ids": [new_id()], "limit": 0}, "limit"), ({"state": "dead", "limit": 10_001}, "limit"),
        ({"state": "dead", "received_from": "yesterday"}, "received_from"), ({"filter": {"state": "dead"}}, "filter"),
        ({"state": "dead", "cursor": "bm90"}, "cursor"), ({"state": "dead", "dry_run": True, "examine": 201}, "examine"),
    ],
)  # fmt: skip
async def test_Q5_a_wish_that_is_wrong_names_its_field(api: Api, body: dict[str, Any], field: str) -> None:
    answer = await api.ask("POST", "/events/replay", json=body)
    assert (answer.status, answer.fields) == (422, [field])


async def test_Q5_ids_and_filters_must_all_hold(api: Api) -> None:
    dead = await given_up(api.shop, intent(1), intent(2))
    applied = await api.shop.deliver("stripe", checkout(3))
    found = await api.post("/events/replay", {"ids": [dead[0], dead[0], applied, new_id()], "state": "dead"}, 202)
    assert found["event_ids"] == [dead[0]]


async def test_Q5_what_is_on_its_way_is_left_alone(api: Api) -> None:
    [event] = await api.shop.store([api.shop.event("stripe", intent(1))])
    found = await api.post("/events/replay", {"ids": [event.id]}, 202)
    assert (found["count"], found["skipped"]) == (0, 1)
    assert signalled(api) == []


async def test_Q5_thousands_are_set_back_in_parts_each_exactly_once(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "STEP", 2)
    dead = await given_up(api.shop, *(intent(number) for number in range(7)))
    done: list[str] = []
    more: dict[str, str] = {}
    while True:
        found = await api.post("/events/replay", {"connection": "stripe", "limit": 3, **more}, 202)
        assert found["count"] <= 3
        done += found["event_ids"]
        await api.shop.store([api.shop.event("stripe", intent(100 + len(done)))])  # what comes meanwhile is no part
        if found["next_cursor"] is None:
            break
        more = {"cursor": found["next_cursor"]}
    assert sorted(done) == sorted(dead)
    assert len(set(done)) == len(done)


async def test_Q5_no_more_than_so_many_are_on_their_way_at_once(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "ON_THEIR_WAY", 3)
    await api.shop.store([api.shop.event("stripe", intent(100))])
    dead = await given_up(api.shop, *(intent(number) for number in range(4)))
    first = await api.post("/events/replay", {"state": "dead"}, 202)
    assert (first["count"], first["pending"]) == (2, 3)
    full = await api.post("/events/replay", {"state": "dead", "cursor": first["next_cursor"]}, 202)
    assert (full["count"], full["event_ids"], full["next_cursor"]) == (0, [], first["next_cursor"])
    begun = await api.post("/events/replay", {"state": "dead"}, 202)
    await api.shop.apply(first["event_ids"])
    last = await api.post("/events/replay", {"state": "dead", "cursor": begun["next_cursor"]}, 202)
    assert sorted(first["event_ids"] + last["event_ids"]) == sorted(dead)


async def test_Q5_an_outcome_is_due_though_no_signal_arrives(api: Api) -> None:
    await given_up(api.shop, intent(1))
    await api.post("/events/replay", {"state": "dead"}, 202)
    [row] = await api.shop.rows("SELECT next_attempt_at - now() AS pause FROM event_states")
    assert replays.BULK_RESCUE_AFTER / 2 < row["pause"] <= replays.BULK_RESCUE_AFTER


async def test_O12_a_private_rep_replays_what_they_see_and_nothing_else(api: Api) -> None:
    row, rep = await tokens.add(api.shop.ctx.pool, api.shop.account_id, "rep", "rep", [Permission.OPS_REPLAY])
    mine = await api.shop.deliver("stripe", checkout(1))
    hidden = await api.shop.deliver("stripe", checkout(2))
    contact = (await api.shop.order("cs_1"))["contact_id"]
    assert (await api.ask("PATCH", f"/contacts/{contact}", json={"owner_id": row.id})).status == 200
    await api.set(owner_privacy=True)
    for wish in ({"connection": "stripe"}, {"ids": [mine, hidden]}):
        counted = await api.post("/events/replay", {**wish, "dry_run": True}, 200, token=rep)
        assert (counted["count"], counted["by_state"]) == (1, {"applied": 1})
    assert (await api.ask("POST", f"/events/{hidden}/replay", json={"dry_run": True}, token=rep)).status == 404
    found = await api.post("/events/replay", {"connection": "stripe"}, 202, token=rep)
    assert found["event_ids"] == [mine]


async def test_O12_a_diff_tells_a_private_rep_nothing_of_an_order_that_they_do_not_see(api: Api) -> None:
    row, rep = await tokens.add(api.shop.ctx.pool, api.shop.account_id, "rep", "rep", [Permission.OPS_REPLAY])
    mine = await api.shop.deliver("stripe", invoice(1))
    await api.shop.deliver("stripe", checkout(1, customer=None))
    [link] = await given_up(api.shop, LINK)
    contact = (await api.shop.order("in_1"))["contact_id"]
    assert (await api.ask("PATCH", f"/contacts/{contact}", json={"owner_id": row.id})).status == 200
    await api.shop.ctx.pool.execute(
        "UPDATE event_states SET dossier_id = (SELECT id FROM orders WHERE external_id = 'in_1') WHERE event_id = $1",
        link,
    )
    everyone = await dry(api, ids=[link])
    assert {change["order_id"] for change in everyone["changes"]} == {
        row["id"] for row in await api.shop.rows("SELECT id FROM orders")
    }
    await api.set(owner_privacy=True)
    seen = await api.post("/events/replay", {"ids": [link, mine], "dry_run": True}, 200, token=rep)
    own = (await api.shop.order("in_1"))["id"]
    assert {change["order_id"] for change in seen["changes"]} == {own}


async def test_Q5_a_dry_run_says_which_orders_would_be_made_and_changed(api: Api) -> None:
    await api.shop.deliver("stripe", checkout(1, payment_status="unpaid"))
    order = await api.shop.order("cs_1")
    paid, made = await given_up(api.shop, intent(1), checkout(2))
    lone, nonsense = await given_up(
        api.shop, intent(9), {**intent(8), "data": {"object": {"object": "payment_intent"}}}
    )
    found = await dry(api, connection="stripe")
    assert (found["count"], found["examined"], found["capped"]) == (5, 5, False)
    assert found["by_state"] == {"applied": 1, "dead": 4}
    assert found["outcomes"] == {"applied": 3, "waiting": 1, "dead": 1}
    changes = {(row["order_id"], row["field"]): row for row in found["changes"]}
    status = changes[order["id"], "payment_status"]
    assert (status["from"], status["to"], status["number"]) == ("pending", "paid", order["number"])
    assert paid in status["event_ids"]
    new = changes[None, "created"]
    assert (new["created"], new["number"], new["event_ids"]) == (True, None, [made])
    assert (new["to"]["external_id"], new["to"]["amount"]) == ("cs_2", 1000)
    assert {row["event_id"]: row["state"] for row in found["not_applied"]} == {lone: "waiting", nonsense: "dead"}
    assert all(row["reason"] for row in found["not_applied"])
    assert found["unchanged"] == 0


async def test_Q5_a_dry_run_of_one_event(api: Api) -> None:
    event = await api.shop.deliver("stripe", checkout(1))
    found = await api.post(f"/events/{event}/replay", {"dry_run": True}, 200)
    assert (found["count"], found["examined"], found["unchanged"], found["changes"]) == (1, 1, 1, [])
    assert (await api.shop.states())[event][0] == "applied"
    assert signalled(api) == []


async def test_Q5_a_dry_run_tells_of_orders_that_would_become_one(api: Api) -> None:
    await api.shop.deliver("stripe", invoice(1))
    await api.shop.deliver("stripe", checkout(1, customer=None))
    [link] = await given_up(api.shop, LINK)
    found = await dry(api, ids=[link])
    [merge] = [row for row in found["changes"] if row["field"] == "merged_into"]
    await api.shop.apply((await api.post("/events/replay", {"ids": [link]}, 202))["event_ids"])
    [row] = await api.shop.rows("SELECT order_id, into_order_id, number FROM order_merges")
    assert (merge["order_id"], merge["to"], merge["number"]) == (row["order_id"], row["into_order_id"], row["number"])


async def test_Q5_a_dry_run_leaves_every_table_as_it_was(api: Api) -> None:
    await api.post("/subscribers", {"description": "Books", "url": "https://8.8.8.8/hooks"})
    await api.location()
    for body in (checkout(1, payment_status="unpaid"), invoice(3)):
        await api.shop.deliver("stripe", body)
    await api.shop.deliver("shopify", payload("shopify", "orders_create__minimal.json"), "orders/create")
    one, *_ = await given_up(api.shop, intent(1), checkout(2), refund(2), intent(9), checkout(3, invoice="in_3"))
    before = await everything(api.shop)
    assert before["feed_events"], "subscribers would be told"
    found = await dry(api, topic="*")
    assert found["changes"]
    await api.post(f"/events/{one}/replay", {"dry_run": True}, 200)
    assert await everything(api.shop) == before
    assert signalled(api) == []


async def test_Q5_one_event_that_cannot_be_saved_spoils_no_dry_run(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    dead = await given_up(api.shop, *(checkout(number) for number in range(5)))
    fold = handlers.fold.fold

    def broken(dossier: Any, readings: Sequence[Any], now: int) -> Any:
        if any(event_id == dead[2] for event_id, _ in readings):
            raise RuntimeError("no such thing")
        return fold(dossier, readings, now)

    monkeypatch.setattr(batch, "fold", broken)
    before = await everything(api.shop)
    found = await dry(api, state="dead")
    assert found["outcomes"] == {"applied": 4, "dead": 1}
    assert [(row["event_id"], row["reason"]) for row in found["not_applied"]] == [
        (dead[2], "RuntimeError: no such thing")
    ]
    assert len(found["changes"]) == 4
    assert await everything(api.shop) == before


async def test_Q5_a_dry_run_waits_for_nobody_for_long(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    event = await api.shop.deliver("stripe", checkout(1))
    monkeypatch.setitem(replays._SQL, "impatient", "SELECT set_config('lock_timeout', '20ms', true)")
    async with transaction(api.shop.ctx.pool) as connection:
        await connection.execute("SELECT FROM dossiers FOR UPDATE")
        answer = await api.ask("POST", "/events/replay", json={"ids": [event], "dry_run": True})
    found = answer.json
    assert answer.status in (200, 503)
    if answer.status == 200:
        assert found["not_applied"][0]["state"] == "retrying"


async def test_O13_a_dry_run_while_the_registry_is_off_says_that_events_would_wait(api: Api) -> None:
    event = await api.shop.deliver("stripe", checkout(1))
    await api.set(registry_enabled=False)
    found = await dry(api, ids=[event])
    assert found["not_applied"] == [{"event_id": event, "state": "waiting", "reason": inbox.REGISTRY_OFF}]


async def test_Q5_a_dry_run_only_counts_where_it_is_asked_to(api: Api) -> None:
    await given_up(api.shop, checkout(1), checkout(2), checkout(3))
    found = await dry(api, state="dead", examine=0, limit=2)
    assert (found["count"], found["capped"], found["examined"], found["changes"]) == (2, True, 0, [])
    assert (await dry(api, state="dead", examine=1))["examined"] == 1


BODIES = [
    body for n in (1, 2)
    for body in (intent(n, "payment_intent.created", "requires_payment_method"), intent(n), checkout(n), refund(n), invoice(n))
] + [LINK]  # fmt: skip


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(range(len(BODIES))), applied=st.integers(0, len(BODIES)))
async def test_Q5_what_a_dry_run_says_is_what_the_replay_does(api: Api, order: list[int], applied: int) -> None:
    """The law: whatever was applied before, the replay changes the fields that the dry run names, to what it says."""
    await api.shop.ctx.pool.execute(
        "TRUNCATE events, event_states, dossiers, links, refs, contacts, contact_keys, orders, order_items, "
        "order_charges, payments, timeline, order_merges, counters CASCADE"
    )
    for place in order[:applied]:
        await api.shop.deliver("stripe", BODIES[place])
    await given_up(api.shop, *(BODIES[place] for place in order[applied:]))
    before = await everything(api.shop)
    said = await dry(api, topic="*")
    assert await everything(api.shop) == before
    orders = {row["id"] for row in await api.shop.rows("SELECT id FROM orders")}
    timeline = {row["id"] for row in await api.shop.rows("SELECT id FROM timeline")}
    done = await api.post("/events/replay", {"topic": "*"}, 202)
    await api.shop.apply(done["event_ids"])
    told = {(row["order_id"], row["field"]): row["to"] for row in said["changes"] if row["field"] != "merged_into"}
    became: dict[tuple[str | None, str], Any] = {}
    made = 0
    for row in await api.shop.rows("SELECT id, order_id, changes FROM timeline"):
        if row["id"] in timeline:
            continue
        for change in row["changes"]:
            made += change["field"] == "created"
            value = to_jsonable_python(bounded(field_change(change)["to"]))
            became[row["order_id"] if row["order_id"] in orders else None, change["field"]] = value
    assert became.keys() == told.keys()
    theirs = {"created", "contact_id"}  # told by what tells an order apart; and an id that is made anew each time
    assert not [key for key, value in became.items() if key[1] not in theirs and value != told[key]]
    assert made == sum(row["created"] for row in said["changes"])
    merged = {(row["order_id"], row["to"]) for row in said["changes"] if row["field"] == "merged_into"}
    rows = await api.shop.rows("SELECT order_id, into_order_id FROM order_merges")
    assert merged == {(row["order_id"], row["into_order_id"]) for row in rows if row["order_id"] in orders}
    states = [state for state, _ in (await api.shop.states()).values()]
    assert {state: states.count(state) for state in states} == said["outcomes"]


async def command(api: Api, *arguments: str) -> tuple[int, str, str]:
    for module in frame.COMMANDS:
        __import__(module)
    given_ = ["replay", *arguments, "--url", str(api.client.make_url("")), "--token", api.admin]
    result = await asyncio.to_thread(CliRunner().invoke, app, given_)
    failure = str(result.exception) if isinstance(result.exception, UserError) else ""
    return result.exit_code, result.output, failure


@pytest.fixture
def worked(api: Api, monkeypatch: pytest.MonkeyPatch) -> Api:
    """A shop whose events are applied as soon as they are signalled."""
    tasks: set[asyncio.Task[None]] = set()

    def signal(_lane: str, _account: str, event_ids: Sequence[str], **_: Any) -> None:
        task = asyncio.get_running_loop().create_task(api.shop.apply(list(event_ids)))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    monkeypatch.setattr(api.shop.ctx.lanes, "signal", signal)
    monkeypatch.setattr("worker.cli.replay.LOOK_S", 0.02)
    return api


async def test_X2_the_command_replays_a_filter_and_says_what_became_of_it(worked: Api) -> None:
    await given_up(worked.shop, checkout(1), checkout(2), intent(9))
    code, output, _ = await command(worked, "--connection", "stripe", "--state", "dead", "--yes")
    assert code == 0, output
    assert "Applying 3 events again." in output
    assert [line.split() for line in output.splitlines() if line.startswith(("applied", "waiting"))] == [
        ["applied", "2"],
        ["waiting", "1"],
    ]


async def test_X2_the_command_exits_1_where_some_are_dead_again(worked: Api) -> None:
    [good, bad] = await given_up(
        worked.shop, checkout(1), {**intent(8), "data": {"object": {"object": "payment_intent"}}}
    )
    code, output, _ = await command(worked, good, bad)
    assert code == 1
    assert "dead     1" in output
    assert "/dead-letters" in output


async def test_X2_the_command_asks_before_it_replays_a_filter(worked: Api) -> None:
    [event] = await given_up(worked.shop, checkout(1))
    code, _, failure = await command(worked, "--state", "dead")
    assert (code, failure) == (1, "1 event would be applied again. Say --yes if that is what you want.")
    assert (await worked.shop.states())[event][0] == "dead"


async def test_X2_the_command_prints_the_diff_and_changes_nothing(worked: Api) -> None:
    await worked.shop.deliver("stripe", checkout(1, payment_status="unpaid"))
    await given_up(worked.shop, intent(1), checkout(2), intent(9))
    before = await everything(worked.shop)
    code, output, _ = await command(worked, "--since", "2026-09-01", "--dry-run")
    assert code == 0, output
    lines = output.splitlines()
    lines = lines[next(place for place, line in enumerate(lines) if line.startswith("ORDER")) :]
    lines = [line for line in lines if "[info" not in line]  # what the test's own server logs meanwhile
    assert lines[0].split() == ["ORDER", "FIELD", "FROM", "TO", "EVENTS"]
    assert ["1", "payment_status", "pending", "paid", "2"] in [line.split() for line in lines]
    assert any(line.startswith("(new)") and "cs_2" in line for line in lines)
    assert any("waiting" in line and "pi_9" in line for line in lines)
    assert lines[-1] == (
        "4 events would be applied again. Of 4 examined, 3 would change something, 0 nothing, and 1 would not be applied. "
        "Nothing was changed."
    )
    assert await everything(worked.shop) == before


async def test_X2_the_command_says_what_is_missing(worked: Api) -> None:
    code, _, failure = await command(worked)
    assert (code, failure) == (
        1, "Nothing says which events are meant. Give their ids, or a filter such as --state dead.",
    )  # fmt: skip
    code, output, _ = await command(worked, new_id())
    assert code == 0
    assert "1 event of those ids cannot be found" in output
    assert "There is nothing to apply again." in output
    code, _, failure = await command(worked, "nonsense")
    assert (code, "ids" in failure) == (1, True)
