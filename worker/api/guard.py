"""Who is asking, and may they. Asked before anything of the request is looked at.

A bearer token decides where there is one. Else a browser's session does: for reading by its cookie, for changing only
with the page's own CSRF header, which the screens check.
"""

from __future__ import annotations

from aiohttp import web

from schemas.account import Actor, Permission
from worker.api.rates import RATES, address_of, too_fast
from worker.context import CONTEXT
from worker.problems import problem
from worker.store import tokens

SESSION_COOKIE = "daybook_session"
_FAILED_OFTEN = "Too many requests of this address did not say rightly who they are from."
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="daybook"'}


async def admit(request: web.Request, permission: Permission | None) -> Actor | web.Response:
    """The actor, or the 401, 403 or 429 that this request gets."""
    rates, address = request.app[RATES], address_of(request)
    credential = request.headers.get("Authorization") or request.cookies.get(SESSION_COOKIE, "")
    if (wait := rates.failed.wait(address)) and not rates.knows(credential):
        return too_fast(wait, _FAILED_OFTEN)  # nothing is looked up for it
    actor = await _actor(request)
    if isinstance(actor, web.Response):
        wait = rates.failed.take(address)
        return too_fast(wait, _FAILED_OFTEN) if wait else actor
    rates.remember(credential)
    if wait := rates.asked.take(actor.token_id):
        return too_fast(wait, "This token has asked more than DAYBOOK_API_RATE allows.")
    if permission is not None and not actor.may(permission):
        return forbidden(permission)
    return actor


def forbidden(permission: Permission) -> web.Response:
    return problem(
        403,
        f"This needs the permission {permission}. Ask an administrator for a token that has it.",
        code="permission_missing",
        permission=permission.value,
    )


async def _actor(request: web.Request) -> Actor | web.Response:
    header = request.headers.get("Authorization")
    if header is not None:
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer":
            return _unknown("Send `Authorization: Bearer` and the token.")
        actor = await tokens.find(request.app[CONTEXT].pool, token.strip())
        return actor or _unknown("This token is not known, has expired or was revoked. Ask an administrator for one.")
    if SESSION_COOKIE in request.cookies:
        from worker.screens.session import actor_of  # only here: the API stands without the screens

        return await actor_of(request) or _unknown(
            "The browser's session is over, or a change was sent without the page's X-CSRF-Token. Sign in again."
        )
    return _unknown(
        "Send `Authorization: Bearer` and a token. The first one is in the file admin-token of the data directory."
    )


def _unknown(detail: str) -> web.Response:
    return problem(401, detail, code="not_authorised", headers=_CHALLENGE)
