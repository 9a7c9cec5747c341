"""Contacts over the API."""

from __future__ import annotations

from aiohttp import web

from schemas.account import Permission
from schemas.api.contact import ContactBody, ContactCreate, ContactPage, ContactQuery
from worker.actions import contacts as actions
from worker.api import cursor
from worker.api.operation import Ask, Operations, answer, missing
from worker.store import contact_reads, search
from worker.store.db import acquire
from worker.store.snapshot import snapshot

OPERATIONS = Operations("contacts")


@OPERATIONS.declare("GET", "/contacts", "List contacts", query=ContactQuery, answer=ContactPage)
async def list_contacts(ask: Ask, query: ContactQuery) -> web.Response:
    """Newest first. All filters given must hold."""
    place = cursor.decode("contacts", query.cursor)
    before = (place.moment, place.id) if place else None
    async with snapshot(ask.ctx.pool) as connection:
        found = await search.contacts(connection, ask.actor.account_id, query.model_dump(), before, query.limit + 1)
        rows = await contact_reads.read(connection, ask.actor.account_id, [id_ for _, id_ in found[: query.limit]])
    return answer(cursor.page(ContactPage, [ContactBody(**row) for row in rows], found, "contacts", query.limit))


@OPERATIONS.declare("GET", "/contacts/{contact_id}", "Get a contact", answer=ContactBody, headers=("ETag",))
async def get_contact(ask: Ask, contact_id: str) -> web.Response:
    """One customer."""
    return await _shown(ask, contact_id)


@OPERATIONS.declare(
    "POST",
    "/contacts",
    "Create a contact",
    permission=Permission.CRM_MANAGE,
    body=ContactCreate,
    answer=ContactBody,
    statuses={201: "Created."},
    errors=(409,),
    headers=("ETag", "Location"),
)
async def create_contact(ask: Ask, body: ContactCreate) -> web.Response:
    """An e-mail address belongs to at most one contact: where one has it, the answer is 409 with its `contact_id`."""
    contact_id = await actions.create(ask.ctx, ask.actor.account_id, email=body.email, name=body.name, phone=body.phone)
    response = await _shown(ask, contact_id, status=201)
    response.headers["Location"] = f"/api/v1/contacts/{contact_id}"
    return response


async def _shown(ask: Ask, contact_id: str, *, status: int = 200) -> web.Response:
    async with acquire(ask.ctx.pool) as connection:
        rows = await contact_reads.read(connection, ask.actor.account_id, [contact_id])
    if not rows:
        return missing("contacts")
    return answer(ContactBody(**rows[0]), status, ETag=f'"{rows[0]["version"]}"')
