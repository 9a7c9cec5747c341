"""Contacts over the API."""

from __future__ import annotations

from aiohttp import web

from handlers import access
from schemas.account import Permission
from schemas.api.contact import (
    ContactBody,
    ContactCard,
    ContactCreate,
    ContactPage,
    ContactPatch,
    ContactQuery,
    LifetimeTotal,
)
from worker.actions import contacts as actions
from worker.api.lists import newest_first
from worker.api.operation import Ask, Operations, answer, missing
from worker.store import contact_reads, search
from worker.store.db import acquire
from worker.store.snapshot import snapshot

OPERATIONS = Operations("contacts")


@OPERATIONS.declare("GET", "/contacts", "List contacts", query=ContactQuery, answer=ContactPage)
async def list_contacts(ask: Ask, query: ContactQuery) -> web.Response:
    """Newest first. All filters given must hold."""
    return await newest_first(
        ask, "contacts", query, ContactPage, search.contacts, contact_reads.read, lambda row: ContactBody(**row)
    )  # fmt: skip


@OPERATIONS.declare("GET", "/contacts/{contact_id}", "Get a contact", answer=ContactCard, headers=("ETag",))
async def get_contact(ask: Ask, contact_id: str) -> web.Response:
    """One customer, with lifetime totals by currency. Their orders are at `GET /api/v1/orders?contact_id=`."""
    return await _shown(ask, contact_id)


@OPERATIONS.declare(
    "POST",
    "/contacts",
    "Create a contact",
    permission=Permission.CRM_MANAGE,
    body=ContactCreate,
    answer=ContactCard,
    statuses={201: "Created."},
    errors=(409,),
    headers=("ETag", "Location"),
)
async def create_contact(ask: Ask, body: ContactCreate) -> web.Response:
    """An e-mail address belongs to at most one contact: where one has it, the answer is 409 with its `contact_id`. A
    manager owns the contacts they make, and so does a rep while owner privacy is on.
    """
    contact_id = await actions.create(ask.ctx, ask.actor, body.model_dump())
    response = await _shown(ask, contact_id, status=201)
    response.headers["Location"] = f"/api/v1/contacts/{contact_id}"
    return response


@OPERATIONS.declare(
    "PATCH",
    "/contacts/{contact_id}",
    "Change a contact",
    permission=Permission.CRM_MANAGE,
    body=ContactPatch,
    answer=ContactCard,
    errors=(409, 412),
    headers=("ETag",),
)
async def change_contact(ask: Ask, contact_id: str, body: ContactPatch) -> web.Response:
    """Only the fields given are changed. An e-mail address that another contact has is 409 with its `contact_id`."""
    async with acquire(ask.ctx.pool) as connection:
        rows = await contact_reads.read(connection, ask.reach, [contact_id])
    if not rows:
        return missing("contacts")
    access.check_write(ask.actor, rows[0]["owner_id"], "contacts")
    expected = ask.expected(rows[0]["version"])
    await actions.change(ask.ctx, ask.actor, contact_id, body.model_dump(exclude_unset=True), expected)
    return await _shown(ask, contact_id)


async def _shown(ask: Ask, contact_id: str, *, status: int = 200) -> web.Response:
    async with snapshot(ask.ctx.pool) as connection:
        rows = await contact_reads.read(connection, ask.reach, [contact_id])
        totals = await contact_reads.totals(connection, ask.reach, contact_id)
    if not rows:
        return missing("contacts")
    card = ContactCard(**rows[0], totals=[LifetimeTotal(**row) for row in totals])
    return answer(card, status, ETag=f'"{card.version}"')
