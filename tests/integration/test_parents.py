"""What children received counts for their parent, whoever brings it and whatever dies in between."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from tests.api.conftest import Api, api
from tests.world import edited, payload
from worker.apply import parents
from worker.store import checks

__all__ = ["api"]


async def sale_with_invoice(api: Api) -> tuple[dict[str, Any], dict[str, Any]]:
    sale = await api.order(await api.contact())
    invoice = await api.post(f"/orders/{sale['id']}/children", {"template": "invoice"})
    return sale, invoice


def checkout_for(order: dict[str, Any]) -> bytes:
    return edited(
        payload("stripe", "checkout_session_completed__2020-08-27.json"),
        data__object__client_reference_id=order["id"], data__object__amount_total=order["amount"],
        data__object__amount_subtotal=order["amount"], data__object__currency="brl",
        data__object__payment_status="paid",
    )  # fmt: skip


async def test_T5_a_webhook_that_pays_an_invoice_pays_the_sale(api: Api) -> None:
    sale, invoice = await sale_with_invoice(api)
    await api.shop.deliver("stripe", checkout_for(invoice))
    assert (await api.get(f"/orders/{invoice['id']}"))["amount_paid"] == 2000
    assert await parents.tick(api.shop.ctx) == 1
    sale = await api.get(f"/orders/{sale['id']}")
    assert (sale["amount_paid"], sale["payment_status"]) == (2000, "paid")
    assert await parents.tick(api.shop.ctx) == 0
    assert await checks.broken(api.shop.ctx.pool) == {}


async def test_T5_a_mark_that_a_death_left_behind_is_settled_later(api: Api, monkeypatch: Any) -> None:
    sale, invoice = await sale_with_invoice(api)

    async def dead(*_: object) -> None:
        raise asyncio.CancelledError

    with monkeypatch.context() as patched:
        patched.setattr("worker.actions.orders.parents.settle", dead)
        with contextlib.suppress(Exception):  # the connection is cut: nobody is answered
            await api.ask("POST", f"/orders/{invoice['id']}/payments", json={"amount": 2000})
    assert (await api.get(f"/orders/{sale['id']}"))["amount_paid"] == 0
    assert await parents.tick(api.shop.ctx) == 1
    assert (await api.get(f"/orders/{sale['id']}"))["amount_paid"] == 2000


async def test_T5_payments_of_many_invoices_at_once_all_count(api: Api) -> None:
    items = [{"name": f"Line {n}", "unit_price": 100} for n in range(8)]
    sale = await api.order(await api.contact(), items=items)
    invoices = [
        await api.post(f"/orders/{sale['id']}/children", {"template": "invoice", "items": [{"item_id": item["id"]}]})
        for item in sale["items"]
    ]
    await asyncio.gather(*(api.post(f"/orders/{one['id']}/payments", {"amount": 100}) for one in invoices))
    await parents.tick(api.shop.ctx)
    sale = await api.get(f"/orders/{sale['id']}")
    assert (sale["amount_paid"], sale["payment_status"]) == (800, "paid")
    assert await checks.broken(api.shop.ctx.pool) == {}
