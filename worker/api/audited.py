"""What somebody did is kept (the audit): every change made with a permission that not everybody has, and every change
made in a browser. Written here and nowhere else, once the change is committed and before it is answered.

A program's ordinary writes (`crm.manage`, at any rate) are on the timelines of what they change, and not here.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec
import structlog
from aiohttp import web
from pydantic import BaseModel

from schemas.account import Actor, Permission
from worker import metrics
from worker.context import CONTEXT
from worker.ids import new_id
from worker.logs import said
from worker.store import audit
from worker.store.audit import Entry

if TYPE_CHECKING:
    from worker.api.operation import Operation

log = structlog.get_logger("api")

SPECIAL = frozenset(
    {Permission.OPS_REPLAY, Permission.SETTINGS_MANAGE, Permission.RECURRING_MANAGE, Permission.SALES_CONFIRM}
)
SAFE = ("GET", "HEAD")
LOST = "Daybook-Audit"
"""The header that says so where a change was made and could not be kept here."""
LIMIT_S = 3.0
_PREFIX = "/api/v1"
_DETAILS_BYTES = 4_000
_FIELDS = 30
_NOTES: web.RequestKey[dict[str, Any] | None] = web.RequestKey("audit_notes", dict)


def note(request: web.Request, **details: Any) -> None:
    """Have this told beside what was done, in place of the names of the body's fields. Never a secret."""
    request[_NOTES] = details


def nothing_done(request: web.Request) -> None:
    """This request has changed nothing after all."""
    request[_NOTES] = None


async def keep(
    request: web.Request, actor: Actor, operation: Operation, body: BaseModel | None, response: web.Response
) -> None:
    """Keep what was done, if it is of the kind that is kept. A failure is logged, counted and told in a header: the
    change is committed, and cannot be taken back."""
    session = "Authorization" not in request.headers
    notes = request.get(_NOTES, {})
    if operation.method in SAFE or response.status >= 400 or notes is None:
        return
    if not session and operation.permission not in SPECIAL:
        return
    ctx = request.app[CONTEXT]
    entry = Entry(
        account_id=actor.account_id, id=new_id(), at=datetime.fromtimestamp(ctx.clock(), UTC), actor=actor.label,
        token_id=actor.token_id, session=session, operation=operation.name, summary=operation.summary,
        method=operation.method, path=_path(request, response), status=response.status,
        details=_bounded(notes or _named(body)),
    )  # fmt: skip
    try:
        async with asyncio.timeout(LIMIT_S):
            await audit.add(ctx.pool, entry)
    except Exception as error:  # noqa: BLE001  (the change is made, and is to be answered for)
        metrics.audit_lost.inc()
        log.error(
            "audit_lost", operation=operation.name, actor=actor.label, path=entry.path, error=type(error).__name__,
            message=said(error),
        )  # fmt: skip
        response.headers[LOST] = "not kept"


def _path(request: web.Request, response: web.Response) -> str:
    """What was asked for, or the address of what was made."""
    made = response.headers.get("Location", "")
    return (made if made.startswith(_PREFIX) else request.path).removeprefix(_PREFIX)[:300]


def _named(body: BaseModel | None) -> dict[str, Any]:
    """The names of the fields that were sent: their values may be anything, secrets too."""
    fields = sorted(body.model_fields_set) if body else []
    return {"fields": fields[:_FIELDS]} if fields else {}


def _bounded(details: Mapping[str, Any]) -> Mapping[str, Any]:
    """The details as they can be stored."""
    text = msgspec.json.encode(details).decode("utf-8", "replace")
    if len(text) > _DETAILS_BYTES or re.search(r"\\u0000|\\ud[89a-f]", text, re.IGNORECASE):
        return {"names": sorted(details)[:_FIELDS]}
    found: Mapping[str, Any] = msgspec.json.decode(text)
    return found
