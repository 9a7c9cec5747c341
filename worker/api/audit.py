"""The audit over the API: who changed what."""

from __future__ import annotations

from aiohttp import web

from schemas.account import Permission
from schemas.api.audit import AuditEntry, AuditPage, AuditQuery
from worker.api.lists import newest_first
from worker.api.operation import Ask, Operations
from worker.store import audit, search

OPERATIONS = Operations("audit")


@OPERATIONS.declare(
    "GET", "/audit", "List the audit", permission=Permission.OPS_VIEW, query=AuditQuery, answer=AuditPage
)
async def list_audit(ask: Ask, query: AuditQuery) -> web.Response:
    """Newest first: every change made with `ops.replay`, `settings.manage`, `recurring.manage` or `sales.confirm`, and
    every change made in a browser. Kept for 400 days. Who sees only what they own sees what they did themselves."""
    return await newest_first(
        ask, "audit", query, AuditPage, search.audit, audit.read, lambda row: AuditEntry(**row)
    )  # fmt: skip
