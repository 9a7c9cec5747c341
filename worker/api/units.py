"""Units over the API: things that are tracked one by one."""

from __future__ import annotations

from functools import partial

from aiohttp import web

from schemas.account import Permission
from schemas.api.unit import UnitBody, UnitCreate, UnitPage, UnitPatch, UnitQuery
from worker.actions import records as actions
from worker.actions.units import fit
from worker.api.operation import Ask, Operations
from worker.api.records import Resource, given, whole
from worker.store import units

OPERATIONS = Operations("units")
_RESOURCE = Resource("units", units.RECORDS, lambda row: UnitBody(**row), UnitPage)


@OPERATIONS.declare("GET", "/units", "List units", query=UnitQuery, answer=UnitPage)
async def list_units(ask: Ask, query: UnitQuery) -> web.Response:
    """Newest first. All filters given must hold. The contact and the order are null to who does not see them."""
    return await _RESOURCE.list(ask, query)


@OPERATIONS.declare("GET", "/units/{unit_id}", "Get a unit", answer=UnitBody, headers=("ETag",))
async def get_unit(ask: Ask, unit_id: str) -> web.Response:
    """One thing with its serial number, and who has it."""
    return await _RESOURCE.get(ask, unit_id)


@OPERATIONS.declare(
    "POST",
    "/units",
    "Create a unit",
    permission=Permission.CRM_MANAGE,
    body=UnitCreate,
    answer=UnitBody,
    statuses={201: "Created."},
    errors=(409,),
    headers=("ETag", "Location"),
)
async def create_unit(ask: Ask, body: UnitCreate) -> web.Response:
    """One record for each thing of a product that is `tracked`. A serial number is unique within its product: 409 where
    another has it."""
    unit_id = await actions.create(ask.ctx, ask.actor.account_id, units.RECORDS, whole(body), fit(ask.reach))
    return await _RESOURCE.get(ask, unit_id, created=True)


@OPERATIONS.declare(
    "PATCH",
    "/units/{unit_id}",
    "Change a unit",
    permission=Permission.CRM_MANAGE,
    body=UnitPatch,
    answer=UnitBody,
    errors=(409, 412),
    headers=("ETag",),
)
async def change_unit(ask: Ask, unit_id: str, body: UnitPatch) -> web.Response:
    """Only the fields given are changed: who has it, where it is, which order it went out with. A thing that
    somebody has whom you do not see stays theirs (403)."""
    write = partial(
        actions.change,
        ask.ctx,
        ask.actor.account_id,
        units.RECORDS,
        unit_id,
        given(body),
        fit=fit(ask.reach),
    )
    return await _RESOURCE.change(ask, unit_id, write)
