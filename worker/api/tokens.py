"""Tokens over the API. Nobody gives more than they have."""

from __future__ import annotations

from aiohttp import web

from handlers.errors import Refused
from schemas.account import Actor, Permission, Role
from schemas.api.page import PageQuery
from schemas.api.token import TokenBody, TokenCreate, TokenIssued, TokenPage
from worker.api import audited, cursor
from worker.api.operation import Ask, Operations, answer, missing
from worker.store import tokens
from worker.store.tokens import TokenRow

OPERATIONS = Operations("tokens")
_RANKS = {Role.REP: 0, Role.MANAGER: 1, Role.ADMIN: 2}


@OPERATIONS.declare(
    "GET", "/tokens", "List tokens", permission=Permission.SETTINGS_MANAGE, query=PageQuery, answer=TokenPage
)
async def list_tokens(ask: Ask, query: PageQuery) -> web.Response:
    """Newest first, revoked ones too. Their secrets are not kept, so they cannot be shown."""
    place = cursor.decode("tokens", query.cursor)
    before = place.id if place else None
    rows = await tokens.list_(ask.ctx.pool, ask.actor.account_id, before=before, limit=query.limit + 1)
    items = [TokenBody.model_validate(_given(row)) for row in rows[: query.limit]]
    return answer(cursor.page(TokenPage, items, [(None, row.id) for row in rows], "tokens", query.limit))


@OPERATIONS.declare(
    "POST",
    "/tokens",
    "Create a token",
    permission=Permission.SETTINGS_MANAGE,
    body=TokenCreate,
    answer=TokenIssued,
    statuses={201: "Created. The token is in this answer and nowhere else."},
    secret=True,
)
async def create_token(ask: Ask, body: TokenCreate) -> web.Response:
    """The answer shows the token this once. Only a role and permissions that you have yourself can be given."""
    _check_rank(ask.actor, body)
    row, secret = await tokens.add(
        ask.ctx.pool, ask.actor.account_id, body.name, body.role, body.permissions, expires_at=body.expires_at
    )
    audited.note(ask.request, name=body.name, role=body.role, permissions=list(body.permissions))
    return answer(TokenIssued.model_validate({**_given(row), "token": secret}), 201)


@OPERATIONS.declare(
    "DELETE",
    "/tokens/{token_id}",
    "Revoke a token",
    permission=Permission.SETTINGS_MANAGE,
    statuses={204: "It stands no more, nor do the sessions opened with it."},
)
async def revoke_token(ask: Ask, token_id: str) -> web.Response:
    """At once and for good, with every browser session that was opened with it."""
    held = await tokens.get(ask.ctx.pool, ask.actor.account_id, token_id)
    if held is None:
        return missing("tokens")
    if _RANKS[Role(held.role)] > _RANKS[ask.actor.role]:
        raise _too_high()
    await tokens.revoke(ask.ctx.pool, ask.actor.account_id, token_id)
    audited.note(ask.request, name=held.name)
    return web.Response(status=204)


def _check_rank(actor: Actor, body: TokenCreate) -> None:
    if _RANKS[body.role] > _RANKS[actor.role] or not all(actor.may(permission) for permission in body.permissions):
        raise _too_high()


def _too_high() -> Refused:
    return Refused(
        "permission_missing", "This goes beyond your own role or permissions.", remedy="Ask an administrator to do it."
    )


def _given(row: TokenRow) -> dict[str, object]:
    return {name: getattr(row, name) for name in TokenBody.model_fields}
