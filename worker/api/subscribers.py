"""Subscribers of the outgoing feed over the API. **A secret is shown once.**"""

from __future__ import annotations

from aiohttp import web

from handlers.errors import Refused
from schemas.account import Permission
from schemas.api.page import PageQuery
from schemas.api.subscriber import (
    DeliveryBody,
    DeliveryPage,
    DeliveryQuery,
    RetriedBody,
    SubscriberBody,
    SubscriberCreate,
    SubscriberIssued,
    SubscriberPage,
    SubscriberPatch,
)
from worker.actions import subscribers as actions
from worker.api import cursor
from worker.api.operation import Ask, Operations, answer, missing
from worker.store import deliveries, subscribers
from worker.store.db import acquire
from worker.store.deliveries import DeliveryRow
from worker.store.subscribers import SubscriberRow

OPERATIONS = Operations("subscribers")
_NEEDED = Permission.SETTINGS_MANAGE


@OPERATIONS.declare(
    "GET", "/subscribers", "List subscribers", permission=_NEEDED, query=PageQuery, answer=SubscriberPage
)
async def list_subscribers(ask: Ask, query: PageQuery) -> web.Response:
    """Who is told of changes, newest first."""
    place = cursor.decode("subscribers", query.cursor)
    async with acquire(ask.ctx.pool) as connection:
        rows = await subscribers.list_(connection, ask.actor.account_id, place.id if place else None, query.limit + 1)
    items = [SubscriberBody.model_validate(_given(row)) for row in rows[: query.limit]]
    return answer(cursor.page(SubscriberPage, items, [(None, row.id) for row in rows], "subscribers", query.limit))


@OPERATIONS.declare(
    "POST",
    "/subscribers",
    "Create a subscriber",
    permission=_NEEDED,
    body=SubscriberCreate,
    answer=SubscriberIssued,
    statuses={201: "Created. The secret is in this answer and nowhere else."},
    secret=True,
    errors=(409,),
    headers=("ETag", "Location"),
)
async def create_subscriber(ask: Ask, body: SubscriberCreate) -> web.Response:
    """It is told of what happens from now on, as Standard Webhooks, signed with the secret that this answer shows once.
    Messages hold whole orders of the account, whoever owns them.
    """
    row, secret = await actions.create(
        ask.ctx,
        ask.actor.account_id,
        url=body.url,
        description=body.description,
        types=None if body.types is None else list(body.types),
    )
    response = _issued(row, secret, 201)
    response.headers["Location"] = f"/api/v1/subscribers/{row.id}"
    return response


@OPERATIONS.declare(
    "GET",
    "/subscribers/{subscriber_id}",
    "Get a subscriber",
    permission=_NEEDED,
    answer=SubscriberBody,
    headers=("ETag",),
)
async def get_subscriber(ask: Ask, subscriber_id: str) -> web.Response:
    """One subscriber, without its secret."""
    row = await _find(ask, subscriber_id)
    return _shown(row) if row else missing("subscribers")


@OPERATIONS.declare(
    "PATCH",
    "/subscribers/{subscriber_id}",
    "Change a subscriber",
    permission=_NEEDED,
    body=SubscriberPatch,
    answer=SubscriberBody,
    errors=(412,),
    headers=("ETag",),
)
async def change_subscriber(ask: Ask, subscriber_id: str, body: SubscriberPatch) -> web.Response:
    """Another address holds for what was not delivered yet, too; other types for what happens from now on."""
    expected = await _expected(ask, subscriber_id)
    given = body.model_dump(exclude_unset=True)
    return _shown(await actions.change(ask.ctx, ask.actor.account_id, subscriber_id, given, expected))


@OPERATIONS.declare(
    "DELETE",
    "/subscribers/{subscriber_id}",
    "Remove a subscriber",
    permission=_NEEDED,
    statuses={204: "It is told nothing more."},
    errors=(412,),
)
async def remove_subscriber(ask: Ask, subscriber_id: str) -> web.Response:
    """At once and for good, with what was not delivered yet. Pause it to have that kept."""
    expected = await _expected(ask, subscriber_id)
    await actions.remove(ask.ctx, ask.actor.account_id, subscriber_id, expected)
    return web.Response(status=204)


@OPERATIONS.declare(
    "POST",
    "/subscribers/{subscriber_id}/rotate",
    "Replace a subscriber's secret",
    permission=_NEEDED,
    answer=SubscriberIssued,
    statuses={200: "The new secret is in this answer and nowhere else."},
    secret=True,
    errors=(412,),
    headers=("ETag",),
)
async def rotate_subscriber(ask: Ask, subscriber_id: str) -> web.Response:
    """For 24 h messages carry two signatures, of the new secret and of the one before, so that the receiver can change
    over without losing any.
    """
    expected = await _expected(ask, subscriber_id)
    row, secret = await actions.rotate(ask.ctx, ask.actor.account_id, subscriber_id, expected)
    return _issued(row, secret)


@OPERATIONS.declare(
    "POST",
    "/subscribers/{subscriber_id}/pause",
    "Pause a subscriber",
    permission=_NEEDED,
    answer=SubscriberBody,
    errors=(412,),
    headers=("ETag",),
)
async def pause_subscriber(ask: Ask, subscriber_id: str) -> web.Response:
    """Nothing is sent; what happens meanwhile gathers, for as long as events are kept (30 days unless set)."""
    expected = await _expected(ask, subscriber_id)
    return _shown(await actions.pause(ask.ctx, ask.actor.account_id, subscriber_id, expected))


@OPERATIONS.declare(
    "POST",
    "/subscribers/{subscriber_id}/activate",
    "Activate a subscriber",
    permission=_NEEDED,
    answer=SubscriberBody,
    errors=(412, 422),
    headers=("ETag",),
)
async def activate_subscriber(ask: Ask, subscriber_id: str) -> web.Response:
    """What has gathered is sent, and what comes. Its address is checked once more: 422 where it leads inside."""
    expected = await _expected(ask, subscriber_id)
    return _shown(await actions.activate(ask.ctx, ask.actor.account_id, subscriber_id, expected))


@OPERATIONS.declare(
    "POST",
    "/subscribers/{subscriber_id}/test",
    "Send a test message",
    permission=_NEEDED,
    answer=DeliveryBody,
    statuses={202: "Queued: get the delivery to see what became of it."},
    errors=(409,),
)
async def test_subscriber(ask: Ask, subscriber_id: str) -> web.Response:
    """One message of the type `daybook.test`, whatever types it has chosen. 409 unless it is active."""
    event_id = await actions.test(ask.ctx, ask.actor.account_id, subscriber_id)
    return await _delivery(ask, subscriber_id, event_id, 202)


@OPERATIONS.declare(
    "GET",
    "/subscribers/{subscriber_id}/deliveries",
    "List a subscriber's deliveries",
    permission=_NEEDED,
    query=DeliveryQuery,
    answer=DeliveryPage,
)
async def list_deliveries(ask: Ask, subscriber_id: str, query: DeliveryQuery) -> web.Response:
    """What became of each event told to it, newest first; with `state=dead` what was given up."""
    place = cursor.decode("deliveries", query.cursor)
    if await _find(ask, subscriber_id) is None:
        return missing("subscribers")
    async with acquire(ask.ctx.pool) as connection:
        rows = await deliveries.list_(
            connection, ask.actor.account_id, subscriber_id, query.state, place.id if place else None, query.limit + 1
        )
    items = [_delivered(row) for row in rows[: query.limit]]
    return answer(cursor.page(DeliveryPage, items, [(None, row.event_id) for row in rows], "deliveries", query.limit))


@OPERATIONS.declare(
    "GET",
    "/subscribers/{subscriber_id}/deliveries/{delivery_id}",
    "Get a delivery",
    permission=_NEEDED,
    answer=DeliveryBody,
)
async def get_delivery(ask: Ask, subscriber_id: str, delivery_id: str) -> web.Response:
    """What became of one event told to it."""
    return await _delivery(ask, subscriber_id, delivery_id)


@OPERATIONS.declare(
    "POST",
    "/subscribers/{subscriber_id}/deliveries/{delivery_id}/retry",
    "Send an event again",
    permission=_NEEDED,
    answer=DeliveryBody,
    statuses={202: "It is due, with all its attempts anew; or it is being sent at this moment."},
)
async def retry_delivery(ask: Ask, subscriber_id: str, delivery_id: str) -> web.Response:
    """Whatever became of it, under the same id and word for word. It may come after later events of the same order:
    `sequence` tells.
    """
    return answer(_delivered(await actions.retry(ask.ctx, ask.actor.account_id, subscriber_id, delivery_id)), 202)


@OPERATIONS.declare(
    "POST",
    "/subscribers/{subscriber_id}/retry-dead",
    "Send everything again that was given up",
    permission=_NEEDED,
    answer=RetriedBody,
    statuses={202: "They are due, with all their attempts anew."},
)
async def retry_dead_deliveries(ask: Ask, subscriber_id: str) -> web.Response:
    """The oldest first, up to 10,000 at once."""
    retried = await actions.retry_dead(ask.ctx, ask.actor.account_id, subscriber_id)
    return answer(RetriedBody(retried=retried, more=retried == actions.RETRY_LIMIT), 202)


async def _find(ask: Ask, subscriber_id: str) -> SubscriberRow | None:
    async with acquire(ask.ctx.pool) as connection:
        return await subscribers.get(connection, ask.actor.account_id, subscriber_id)


async def _expected(ask: Ask, subscriber_id: str) -> int | None:
    """The version that the change is for, where the request names one. Refused: `not_found`, `version`."""
    row = await _find(ask, subscriber_id)
    if row is None:
        raise Refused("not_found", "There is nothing of this id among your subscribers.", remedy="")
    return ask.expected(row.version)


async def _delivery(ask: Ask, subscriber_id: str, event_id: str, status: int = 200) -> web.Response:
    async with acquire(ask.ctx.pool) as connection:
        seen = await subscribers.get(connection, ask.actor.account_id, subscriber_id)
        row = await deliveries.get(connection, ask.actor.account_id, subscriber_id, event_id)
    return answer(_delivered(row), status) if seen and row else missing("deliveries")


def _delivered(row: DeliveryRow) -> DeliveryBody:
    given = {name: getattr(row, name) for name in DeliveryBody.model_fields if name != "id"}
    return DeliveryBody.model_validate({**given, "id": row.event_id})


def _given(row: SubscriberRow) -> dict[str, object]:
    given = {name: getattr(row, name) for name in SubscriberBody.model_fields if name != "former_secret_until"}
    return {**given, "former_secret_until": row.former_until}


def _shown(row: SubscriberRow) -> web.Response:
    return answer(SubscriberBody.model_validate(_given(row)), ETag=f'"{row.version}"')


def _issued(row: SubscriberRow, secret: str, status: int = 200) -> web.Response:
    return answer(SubscriberIssued.model_validate({**_given(row), "secret": secret}), status, ETag=f'"{row.version}"')
