"""Checkouts over the API (P1)."""

from __future__ import annotations

from aiohttp import web

from schemas.account import Permission
from schemas.api.checkout import CheckoutBody, CheckoutCreate, CheckoutPage, CheckoutQuery
from schemas.checkout import Standing
from worker.actions import checkouts as actions
from worker.api import checkout_views, cursor
from worker.api.idempotency import key_of
from worker.api.operation import Ask, Operations, answer, missing
from worker.store import checkouts, search
from worker.store.snapshot import snapshot

OPERATIONS = Operations("checkouts", registry=True)


@OPERATIONS.declare("GET", "/checkouts", "List checkouts", query=CheckoutQuery, answer=CheckoutPage)
async def list_checkouts(ask: Ask, query: CheckoutQuery) -> web.Response:
    """Newest first. All filters given must hold."""
    place = cursor.decode("checkouts", query.cursor)
    before = (place.moment, place.id) if place else None
    given = query.model_dump(exclude={"limit", "cursor"})
    async with snapshot(ask.ctx.pool) as connection:
        found = await search.checkouts(connection, ask.reach, given, before, query.limit + 1)
        rows = await checkouts.read(connection, ask.reach, [id_ for _, id_ in found[: query.limit]])
    return answer(
        cursor.page(CheckoutPage, [checkout_views.body(row) for row in rows], found, "checkouts", query.limit)
    )


@OPERATIONS.declare("GET", "/checkouts/{checkout_id}", "Get a checkout", answer=CheckoutBody)
async def get_checkout(ask: Ask, checkout_id: str) -> web.Response:
    """Where a checkout is. What the money did is told by its order."""
    return await _shown(ask, checkout_id)


@OPERATIONS.declare(
    "POST",
    "/checkouts",
    "Open a checkout",
    permission=Permission.CRM_MANAGE,
    body=CheckoutCreate,
    answer=CheckoutBody,
    statuses={
        201: "The session is open, and its order is made.",
        202: "Stripe gave no clear answer yet. It is asked again by itself: GET the checkout until it is open.",
    },
    errors=(409,),
    headers=("Location",),
)
async def create_checkout(ask: Ask, body: CheckoutCreate) -> web.Response:
    """Opens a Checkout Session at Stripe and makes its order before anything is paid: both or neither, whatever is
    killed in between. Send an `Idempotency-Key`: who comes again with it finds the checkout that was begun.
    """
    checkout_id = await actions.open_(ask.ctx, ask.actor, body, key_of(ask.request))
    response = await _shown(ask, checkout_id, made=True)
    response.headers["Location"] = f"/api/v1/checkouts/{checkout_id}"
    return response


@OPERATIONS.declare(
    "POST",
    "/checkouts/{checkout_id}/expire",
    "Expire a checkout",
    permission=Permission.CRM_MANAGE,
    answer=CheckoutBody,
    errors=(409,),
)
async def expire_checkout(ask: Ask, checkout_id: str) -> web.Response:
    """Nobody can pay in its session any more. One in which the customer has paid, or that has expired, is refused."""
    await actions.expire(ask.ctx, ask.actor, checkout_id)
    return await _shown(ask, checkout_id)


async def _shown(ask: Ask, checkout_id: str, *, made: bool = False) -> web.Response:
    async with snapshot(ask.ctx.pool) as connection:
        rows = await checkouts.read(connection, ask.reach, [checkout_id])
    if not rows:
        return missing("checkouts")
    body = checkout_views.body(rows[0])
    opening = body.status is Standing.OPENING
    return answer(body, (202 if opening else 201) if made else 200)
