"""Comparing what a platform lists with what was received, over the API (Q9)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from aiohttp import web

from schemas.account import Permission
from schemas.api.page import PageQuery
from schemas.api.reconciliation import (
    DifferencePage,
    ReconciledDifference,
    ReconciliationBody,
    ReconciliationCreate,
    ReconciliationPage,
)
from worker.api import cursor
from worker.api.operation import Ask, Operations, answer, missing
from worker.store import connections, reconciliations
from worker.store.snapshot import snapshot
from worker.upkeep import reconcile

OPERATIONS = Operations("connections")
_PATH = "/connections/{connection_id}/reconciliations"


@OPERATIONS.declare(
    "GET", _PATH, "List reconciliations", permission=Permission.OPS_VIEW, query=PageQuery, answer=ReconciliationPage
)
async def list_reconciliations(ask: Ask, connection_id: str, query: PageQuery) -> web.Response:
    """The comparisons of a connection, newest first: those that were asked for and those made by themselves."""
    account_id = ask.actor.account_id
    if await connections.get(ask.ctx.pool, account_id, connection_id) is None:
        return missing("connections")
    place = cursor.decode("reconciliations", query.cursor)
    before = (place.moment, place.id) if place else None
    async with snapshot(ask.ctx.pool) as connection:
        found = await reconciliations.list_(connection, account_id, connection_id, before, query.limit + 1)
        ids = [id_ for _, id_ in found[: query.limit]]
        rows = await reconciliations.read(connection, account_id, connection_id, ids)
    items = [_body(row) for row in rows]
    places: list[tuple[datetime | int | None, str]] = list(found)
    return answer(cursor.page(ReconciliationPage, items, places, "reconciliations", query.limit))


@OPERATIONS.declare(
    "POST",
    _PATH,
    "Reconcile a connection",
    permission=Permission.OPS_REPLAY,
    body=ReconciliationCreate,
    answer=ReconciliationBody,
    statuses={202: "Begun: GET it until it is done."},
    errors=(409,),
    headers=("Location",),
)
async def create_reconciliation(ask: Ask, connection_id: str, body: ReconciliationCreate) -> web.Response:
    """Compares what Stripe lists with what was received, and puts what is missing through the inbox as if it had been
    delivered. Nothing is doubled: a delivery that comes later is a duplicate.
    """
    found = await connections.get(ask.ctx.pool, ask.actor.account_id, connection_id)
    if found is None:
        return missing("connections")
    id_ = await reconcile.begin(ask.ctx, found, ask.actor.label, body.since, body.until)
    response = await _shown(ask, connection_id, id_, status=202)
    response.headers["Location"] = f"/api/v1/connections/{connection_id}/reconciliations/{id_}"
    return response


@OPERATIONS.declare(
    "GET",
    f"{_PATH}/{{reconciliation_id}}",
    "Get a reconciliation",
    permission=Permission.OPS_VIEW,
    answer=ReconciliationBody,
)
async def get_reconciliation(ask: Ask, connection_id: str, reconciliation_id: str) -> web.Response:
    """How far it is, and what it found by day."""
    return await _shown(ask, connection_id, reconciliation_id)


@OPERATIONS.declare(
    "GET",
    f"{_PATH}/{{reconciliation_id}}/differences",
    "List a reconciliation's differences",
    permission=Permission.OPS_VIEW,
    query=PageQuery,
    answer=DifferencePage,
)
async def list_differences(ask: Ask, connection_id: str, reconciliation_id: str, query: PageQuery) -> web.Response:
    """Each event that was missing or was not applied, with where it is now; the newest event first."""
    account_id = ask.actor.account_id
    place = cursor.decode("differences", query.cursor)
    before = (place.moment, place.id) if place else None
    async with snapshot(ask.ctx.pool) as connection:
        if not await reconciliations.read(connection, account_id, connection_id, [reconciliation_id]):
            return missing("reconciliations")
        rows = await reconciliations.differences(connection, account_id, reconciliation_id, before, query.limit + 1)
    items = [ReconciledDifference(**row) for row in rows[: query.limit]]
    places = [(row["occurred_at"], row["id"]) for row in rows]
    return answer(cursor.page(DifferencePage, items, places, "differences", query.limit))


async def _shown(ask: Ask, connection_id: str, id_: str, *, status: int = 200) -> web.Response:
    async with snapshot(ask.ctx.pool) as connection:
        rows = await reconciliations.read(connection, ask.actor.account_id, connection_id, [id_])
    return answer(_body(rows[0]), status) if rows else missing("reconciliations")


def _body(row: dict[str, Any]) -> ReconciliationBody:
    given = {name: value for name, value in row.items() if name != "reached"}
    sums = {
        name: sum(day[name] for day in row["days"])
        for name in ("platform", "received", "recovered", "applied", "pending")
    }
    whole = (row["until"] - row["since"]).total_seconds()
    done = (row["until"] - row["reached"]).total_seconds() / whole if row["reached"] else 0.0
    progress = 1.0 if row["state"] == "done" else min(max(done, 0.0), 1.0)
    return ReconciliationBody.model_validate({**given, **sums, "progress": round(progress, 4)})
