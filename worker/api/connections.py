"""Connections over the API. **A secret goes in and never comes out.**"""

from __future__ import annotations

from aiohttp import web

from schemas.account import Permission
from schemas.api.connection import ConnectionBody, ConnectionCreate, ConnectionPage, ConnectionPatch
from schemas.api.page import PageQuery
from worker.api import audited, cursor
from worker.api.operation import Ask, Operations, answer, missing
from worker.store import connections
from worker.store.connections import ConnectionRow

OPERATIONS = Operations("connections")


@OPERATIONS.declare(
    "GET",
    "/connections",
    "List connections",
    permission=Permission.SETTINGS_MANAGE,
    query=PageQuery,
    answer=ConnectionPage,
)
async def list_connections(ask: Ask, query: PageQuery) -> web.Response:
    """The configured inbound sources, newest first."""
    place = cursor.decode("connections", query.cursor)
    before = place.id if place else None
    rows = await connections.list_(ask.ctx.pool, ask.actor.account_id, before=before, limit=query.limit + 1)
    items = [_body(ask, row) for row in rows[: query.limit]]
    return answer(cursor.page(ConnectionPage, items, [(None, row.id) for row in rows], "connections", query.limit))


@OPERATIONS.declare(
    "GET",
    "/connections/{connection_id}",
    "Get a connection",
    permission=Permission.SETTINGS_MANAGE,
    answer=ConnectionBody,
    headers=("ETag",),
)
async def get_connection(ask: Ask, connection_id: str) -> web.Response:
    """One inbound source, without its secrets."""
    row = await connections.get(ask.ctx.pool, ask.actor.account_id, connection_id)
    return _shown(ask, row) if row else missing("connections")


@OPERATIONS.declare(
    "POST",
    "/connections",
    "Create a connection",
    permission=Permission.SETTINGS_MANAGE,
    body=ConnectionCreate,
    answer=ConnectionBody,
    statuses={201: "Created. Deliveries are taken within 2 s."},
    errors=(409,),
    headers=("ETag", "Location"),
)
async def create_connection(ask: Ask, body: ConnectionCreate) -> web.Response:
    """Its address is `/webhooks/{name}`. Names are unique over the whole installation: 409 where one is taken."""
    row = await connections.add(
        ask.ctx.pool, ask.ctx.vault, ask.actor.account_id, body.name, body.provider, body.given or [], body.settings
    )
    audited.note(ask.request, name=row.name, fields=sorted(body.model_fields_set))
    response = _shown(ask, row, status=201)
    response.headers["Location"] = f"/api/v1/connections/{row.id}"
    return response


@OPERATIONS.declare(
    "PATCH",
    "/connections/{connection_id}",
    "Change a connection",
    permission=Permission.SETTINGS_MANAGE,
    body=ConnectionPatch,
    answer=ConnectionBody,
    errors=(412,),
    headers=("ETag",),
)
async def change_connection(ask: Ask, connection_id: str, body: ConnectionPatch) -> web.Response:
    """New secrets, settings, or both. With `keep_old` the old secrets stay valid beside the new ones, so that no
    delivery is lost while the provider changes over; `end_old` ends them once it has.
    """
    held = await connections.get(ask.ctx.pool, ask.actor.account_id, connection_id)
    if held is None:
        return missing("connections")
    row = await connections.update(
        ask.ctx.pool,
        ask.ctx.vault,
        ask.actor.account_id,
        connection_id,
        secrets=body.given,
        keep_old=body.keep_old,
        end_old=body.end_old,
        settings=body.settings,
        if_version=ask.expected(held.version),
    )
    audited.note(ask.request, name=held.name, fields=sorted(body.model_fields_set))
    return _shown(ask, row) if row else missing("connections")


def _shown(ask: Ask, row: ConnectionRow, *, status: int = 200) -> web.Response:
    return answer(_body(ask, row), status, ETag=f'"{row.version}"')


def _body(ask: Ask, row: ConnectionRow) -> ConnectionBody:
    return ConnectionBody(
        id=row.id,
        name=row.name,
        provider=row.provider,
        path=f"/webhooks/{row.name}",
        settings=row.settings,
        secrets=len(ask.ctx.vault.open(row.secrets)),
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
