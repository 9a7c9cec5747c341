"""Categories of offers over the API."""

from __future__ import annotations

from functools import partial

from aiohttp import web

from schemas.account import Permission
from schemas.api.offer import (
    OfferCategoryBody,
    OfferCategoryCreate,
    OfferCategoryPage,
    OfferCategoryPatch,
    OfferCategoryQuery,
)
from worker.actions import records as actions
from worker.api.operation import Ask, Operations
from worker.api.records import Resource, given, whole
from worker.store import offer_categories

OPERATIONS = Operations("offer-categories")
_RESOURCE = Resource(
    "offer-categories", offer_categories.RECORDS, lambda row: OfferCategoryBody(**row), OfferCategoryPage
)


@OPERATIONS.declare(
    "GET", "/offer-categories", "List offer categories", query=OfferCategoryQuery, answer=OfferCategoryPage
)
async def list_offer_categories(ask: Ask, query: OfferCategoryQuery) -> web.Response:
    """Newest first. All filters given must hold."""
    return await _RESOURCE.list(ask, query)


@OPERATIONS.declare(
    "GET", "/offer-categories/{offer_category_id}", "Get an offer category", answer=OfferCategoryBody, headers=("ETag",)
)
async def get_offer_category(ask: Ask, offer_category_id: str) -> web.Response:
    """One category, with its number."""
    return await _RESOURCE.get(ask, offer_category_id)


@OPERATIONS.declare(
    "POST",
    "/offer-categories",
    "Create an offer category",
    permission=Permission.CRM_MANAGE,
    body=OfferCategoryCreate,
    answer=OfferCategoryBody,
    statuses={201: "Created."},
    errors=(409,),
    headers=("ETag", "Location"),
)
async def create_offer_category(ask: Ask, body: OfferCategoryCreate) -> web.Response:
    """Its number is the next of the account. A name belongs to one category: 409 where one has it."""
    offer_category_id = await actions.create(ask.ctx, ask.actor.account_id, offer_categories.RECORDS, whole(body))
    return await _RESOURCE.get(ask, offer_category_id, created=True)


@OPERATIONS.declare(
    "PATCH",
    "/offer-categories/{offer_category_id}",
    "Change an offer category",
    permission=Permission.CRM_MANAGE,
    body=OfferCategoryPatch,
    answer=OfferCategoryBody,
    errors=(409, 412),
    headers=("ETag",),
)
async def change_offer_category(ask: Ask, offer_category_id: str, body: OfferCategoryPatch) -> web.Response:
    """Only the fields given are changed. A category is not deleted but archived."""
    write = partial(
        actions.change, ask.ctx, ask.actor.account_id, offer_categories.RECORDS, offer_category_id, given(body)
    )
    return await _RESOURCE.change(ask, offer_category_id, write)
