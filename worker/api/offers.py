"""Offers over the API: what sales people sell (S1)."""

from __future__ import annotations

from functools import partial

from aiohttp import web

from schemas.account import Permission
from schemas.api.offer import OfferBody, OfferCreate, OfferPage, OfferPatch, OfferQuery
from worker.actions import records as actions
from worker.actions.offers import fit
from worker.api.operation import Ask, Operations
from worker.api.records import Resource, given, whole
from worker.store import offers

OPERATIONS = Operations("offers")
_RESOURCE = Resource("offers", offers.RECORDS, lambda row: OfferBody(**row), OfferPage)


@OPERATIONS.declare("GET", "/offers", "List offers", query=OfferQuery, answer=OfferPage)
async def list_offers(ask: Ask, query: OfferQuery) -> web.Response:
    """Newest first. All filters given must hold."""
    return await _RESOURCE.list(ask, query)


@OPERATIONS.declare("GET", "/offers/{offer_id}", "Get an offer", answer=OfferBody, headers=("ETag",))
async def get_offer(ask: Ask, offer_id: str) -> web.Response:
    """One offer, with its number and its category."""
    return await _RESOURCE.get(ask, offer_id)


@OPERATIONS.declare(
    "POST",
    "/offers",
    "Create an offer",
    permission=Permission.CRM_MANAGE,
    body=OfferCreate,
    answer=OfferBody,
    statuses={201: "Created."},
    errors=(409,),
    headers=("ETag", "Location"),
)
async def create_offer(ask: Ask, body: OfferCreate) -> web.Response:
    """Its number is the next of the account. An order with its `offer_id` and no items gets one line from it."""
    offer_id = await actions.create(ask.ctx, ask.actor.account_id, offers.RECORDS, whole(body), fit)
    return await _RESOURCE.get(ask, offer_id, created=True)


@OPERATIONS.declare(
    "PATCH",
    "/offers/{offer_id}",
    "Change an offer",
    permission=Permission.CRM_MANAGE,
    body=OfferPatch,
    answer=OfferBody,
    errors=(409, 412),
    headers=("ETag",),
)
async def change_offer(ask: Ask, offer_id: str, body: OfferPatch) -> web.Response:
    """Only the fields given are changed. Orders keep the name and price at which they were made. An offer is not
    deleted but archived: then it cannot be sold.
    """
    write = partial(actions.change, ask.ctx, ask.actor.account_id, offers.RECORDS, offer_id, given(body), fit=fit)
    return await _RESOURCE.change(ask, offer_id, write)
