"""Locations over the API: where goods lie."""

from __future__ import annotations

from functools import partial

from aiohttp import web

from schemas.account import Permission
from schemas.api.location import LocationBody, LocationCreate, LocationPage, LocationPatch, LocationQuery
from worker.actions import records as actions
from worker.api.operation import Ask, Operations
from worker.api.records import Resource, given, whole
from worker.store import locations

OPERATIONS = Operations("locations")
_RESOURCE = Resource("locations", locations.RECORDS, lambda row: LocationBody(**row), LocationPage)


@OPERATIONS.declare("GET", "/locations", "List locations", query=LocationQuery, answer=LocationPage)
async def list_locations(ask: Ask, query: LocationQuery) -> web.Response:
    """Newest first. All filters given must hold."""
    return await _RESOURCE.list(ask, query)


@OPERATIONS.declare("GET", "/locations/{location_id}", "Get a location", answer=LocationBody, headers=("ETag",))
async def get_location(ask: Ask, location_id: str) -> web.Response:
    """One place where goods lie."""
    return await _RESOURCE.get(ask, location_id)


@OPERATIONS.declare(
    "POST",
    "/locations",
    "Create a location",
    permission=Permission.SETTINGS_MANAGE,
    body=LocationCreate,
    answer=LocationBody,
    statuses={201: "Created."},
    errors=(409,),
    headers=("ETag", "Location"),
)
async def create_location(ask: Ask, body: LocationCreate) -> web.Response:
    """A slug belongs to one location: 409 where one has it."""
    location_id = await actions.create(ask.ctx, ask.actor.account_id, locations.RECORDS, whole(body))
    return await _RESOURCE.get(ask, location_id, created=True)


@OPERATIONS.declare(
    "PATCH",
    "/locations/{location_id}",
    "Change a location",
    permission=Permission.SETTINGS_MANAGE,
    body=LocationPatch,
    answer=LocationBody,
    errors=(409, 412),
    headers=("ETag",),
)
async def change_location(ask: Ask, location_id: str, body: LocationPatch) -> web.Response:
    """Only the fields given are changed. A location that orders speak of is not deleted but archived."""
    write = partial(actions.change, ask.ctx, ask.actor.account_id, locations.RECORDS, location_id, given(body))
    return await _RESOURCE.change(ask, location_id, write)
