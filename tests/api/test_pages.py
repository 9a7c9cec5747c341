"""Lists are stable (H4): whoever walks the pages of any list while rows are added sees each row that was there at the
start exactly once, newest first. Every list operation must be in `MAKERS` or be reached by `SUB`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.api.page import Page
from tests.api.conftest import Api
from tests.world import edited, payload
from worker.api.operation import Operation
from worker.api.routes import OPERATIONS
from worker.ids import new_id

Maker = Callable[[Api, str], Awaitable[None]]
"""Adds a row to a list; the text is the id of what the list belongs to, where it does."""


async def an_order(api: Api, _parent: str) -> None:
    contact_id = await api.contact(f"{new_id()}@example.com")
    await api.order(contact_id)


async def a_contact(api: Api, _parent: str) -> None:
    await api.contact(f"{new_id()}@example.com")


async def an_event(api: Api, _parent: str) -> None:
    body = edited(payload("stripe", "product_created__2020-08-27.json"), id=f"evt_{new_id()}")
    await api.shop.store([api.shop.event("stripe", body)])


async def a_payment(api: Api, _parent: str) -> None:
    name = new_id()
    body = payload("stripe", "payment_intent_succeeded__2020-08-27.json")
    named = {"id": f"evt_{name}", "data__object__id": f"pi_{name}", "data__object__charges": {"data": []}}
    await api.shop.deliver("stripe", edited(body, **named))


async def a_checkout(api: Api, _parent: str) -> None:
    """One that was never opened: there is no key of Stripe here."""
    contact_id = await api.contact(f"{new_id()}@example.com")
    await api.shop.ctx.pool.execute(
        "INSERT INTO checkouts (account_id, id, connection_id, state, contact_id, order_id, currency, amount, params, "
        "lines, actor, expires_at, created_at) VALUES ($1, $2, $3, 'refused', $4, $2, 'BRL', 5, '{}', '[]', 'token:t', "
        "now(), now())",
        api.shop.account_id, new_id(), api.shop.connections["stripe"], contact_id,
    )  # fmt: skip


async def a_reconciliation(api: Api, parent: str) -> None:
    await api.shop.ctx.pool.execute(
        "INSERT INTO reconciliations (account_id, id, connection_id, asked_by, state, since, until, created_at) VALUES "
        "($1, $2, $3, 'daybook', 'done', now() - interval '1 hour', now(), now())",
        api.shop.account_id, new_id(), parent,
    )  # fmt: skip


async def a_connection(api: Api, _parent: str) -> None:
    await api.post("/connections", {"name": f"c-{new_id()}", "provider": "stripe", "secret": "hush"})


async def a_token(api: Api, _parent: str) -> None:
    await api.post("/tokens", {"name": "one more", "role": "rep"})


async def a_change(api: Api, parent: str) -> None:
    assert (await api.ask("PATCH", f"/orders/{parent}", json={"notes": new_id()})).status == 200


def posted(path: str, body: Callable[[], dict[str, Any]], status: int = 201) -> Maker:
    """Adds a row by POST; `{}` in the path is the id of what the list belongs to."""

    async def make(api: Api, parent: str) -> None:
        await api.post(path.format(parent), body(), status)

    return make


async def planned(api: Api) -> str:
    """A new recurring order; its id."""
    body = {
        "contact_id": await api.contact(f"{new_id()}@example.com"), "amount": 5, "interval": {"unit": "day", "count": 1},
        "stripe_customer_id": "cus_1", "stripe_payment_method_id": "pm_1",
    }  # fmt: skip
    return str((await api.post("/recurring-orders", body))["id"])


async def a_recurring_order(api: Api, _parent: str) -> None:
    await planned(api)


async def an_attempt(api: Api, parent: str) -> None:
    """Another try: the one before is taken back."""
    for verb in ("pause", "activate", "charge"):
        await api.post(f"/recurring-orders/{parent}/{verb}", None, 200)


async def a_unit(api: Api, _parent: str) -> None:
    product = await api.post("/products", {"sku": new_id(), "name": "Tea", "tracked": True})
    await api.post("/units", {"product_id": product["id"], "serial_number": "1"})


async def a_movement(api: Api, _parent: str) -> None:
    body = {"location_id": await api.location(f"l-{new_id()}"), "sku": "A", "difference": 1, "reason": "found"}
    await api.post("/stock/adjustments", body)


MAKERS: dict[str, Maker] = {
    "list_orders": an_order,
    "list_order_timeline": a_change,
    "list_payments": a_payment,
    "list_recurring_orders": a_recurring_order,
    "list_charge_attempts": an_attempt,
    "list_checkouts": a_checkout,
    "list_reconciliations": a_reconciliation,
    "list_contacts": a_contact,
    "list_events": an_event,
    "list_connections": a_connection,
    "list_tokens": a_token,
    "list_audit": posted("/tokens", lambda: {"name": "t", "role": "rep"}),
    "list_deals": posted("/deals", lambda: {"title": "Tea"}),
    "list_stock_movements": a_movement,
    "list_sales_plans": posted("/contacts/{}/sales-plans", lambda: {"note": "soon"}),
    "list_offers": posted("/offers", lambda: {"name": "Course", "unit_price": 5}),
    "list_offer_categories": posted("/offer-categories", lambda: {"name": new_id()}),
    "list_products": posted("/products", lambda: {"sku": new_id(), "name": "Tea"}),
    "list_product_templates": posted("/product-templates", lambda: {"slug": f"p-{new_id()}", "name": "Tea"}),
    "list_price_lists": posted("/price-lists", lambda: {"slug": f"p-{new_id()}", "name": "Retail", "currency": "BRL"}),
    "list_units": a_unit,
    "list_locations": posted("/locations", lambda: {"slug": f"l-{new_id()}", "name": "Shop"}),
    "list_subscribers": posted("/subscribers", lambda: {"url": "https://8.8.8.8/hooks"}),
    "list_deliveries": posted("/subscribers/{}/test", dict, 202),
}
NOT_BY_TIME = {
    "list_stock": "is sorted by sku: what is added may come later in it",
    "list_accounts": "is the asker's own account",
    "list_lanes": "holds every lane, always the same",
    "list_recurring_orders_orders": "shows the first on top: what is added comes last",
    "list_differences": "is one comparison's, which goes back in time: what is added comes later in it",
}
LISTS = [
    operation
    for operation in OPERATIONS
    if operation.method == "GET"
    and isinstance(operation.answer, type)
    and issubclass(operation.answer, Page)
    and operation.name not in NOT_BY_TIME
]
WALK = settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])


def test_every_list_is_walked_here() -> None:
    assert {operation.name for operation in LISTS} == set(MAKERS)


async def all_of(api: Api, path: str) -> list[str]:
    return [item["id"] for item in await api.pages(path, 100)]


async def address(api: Api, operation: Operation) -> tuple[str, str]:
    """The list's path, and the id of what it belongs to."""
    if not operation.parameters:
        return operation.path, ""
    [parameter] = operation.parameters
    contact_id = await api.contact(f"{new_id()}@example.com")
    if parameter == "order_id":
        parent = (await api.order(contact_id))["id"]
    elif parameter == "recurring_order_id":
        parent = await planned(api)
    elif parameter == "connection_id":
        body = {"name": f"c-{new_id()}", "provider": "stripe", "secret": "hush"}
        parent = (await api.post("/connections", body))["id"]
    elif parameter == "subscriber_id":
        parent = (await api.post("/subscribers", {"url": "https://8.8.8.8/hooks"}))["id"]
    else:
        parent = contact_id
    return operation.path.replace(f"{{{parameter}}}", parent), parent


@pytest.mark.parametrize("operation", LISTS, ids=lambda operation: operation.name)
@WALK
@given(rows=st.integers(0, 5), limit=st.integers(1, 3), added=st.lists(st.integers(0, 2), max_size=4))
async def test_H4_what_is_added_while_pages_are_read_neither_repeats_nor_hides_a_row(
    api: Api, operation: Operation, rows: int, limit: int, added: list[int]
) -> None:
    path, parent = await address(api, operation)
    make = MAKERS[operation.name]
    for _ in range(rows):
        await make(api, parent)
    expected = await all_of(api, path)
    assert len(expected) == len(set(expected))
    assert len(expected) >= rows
    seen: list[str] = []
    cursor, pauses = "", iter(added)
    while True:
        page = await api.get(f"{path}?limit={limit}{cursor}")
        seen += [item["id"] for item in page["items"]]
        for _ in range(next(pauses, 0)):
            await make(api, parent)
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert seen == expected
    assert set(expected) <= set(await all_of(api, path))
