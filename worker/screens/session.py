"""Who is looking: the browser's session, and the proof that a request was meant.

The cookie holds a secret of which only the hash is stored. A request that changes anything must carry the session's own
CSRF token (in a form field or a header) and must not come from another site.
"""

from __future__ import annotations

import base64
import hmac
from hashlib import blake2b
from urllib.parse import urlsplit

import msgspec
from aiohttp import web

from schemas.account import Actor
from worker.context import CONTEXT
from worker.errors import UserError
from worker.store import tokens

COOKIE = "daybook_session"
CSRF_HEADER = "X-CSRF-Token"
SESSION_S = int(tokens.LIFETIMES["session"].total_seconds())
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class Session(msgspec.Struct, frozen=True):
    """A browser that signed in. `secret` is the cookie's value."""

    secret: str
    actor: Actor


async def session_of(request: web.Request) -> Session | None:
    """The session of this request's cookie, if there is one and it stands."""
    secret = request.cookies.get(COOKIE, "")
    if not secret:
        return None
    actor = await tokens.find(request.app[CONTEXT].pool, secret, "session")
    return Session(secret, actor) if actor else None


async def actor_of(request: web.Request) -> Actor | None:
    """For the API: the signed-in person, if this request is theirs. One that changes anything proves that it was sent
    by a page of the session."""
    session = await session_of(request)
    if session is None:
        return None
    if request.method in SAFE:
        return session.actor
    meant = from_here(request) and csrf_right(session, request.headers.get(CSRF_HEADER, ""))
    return session.actor if meant else None


async def open_session(request: web.Request, secret: str, purpose: str) -> str | None:
    """Sign in with a link (which is used up by it) or a token: the new session's secret."""
    pool = request.app[CONTEXT].pool
    actor = await tokens.find(pool, secret, purpose) if secret else None
    if actor is None:
        return None
    try:
        return await tokens.grant(pool, actor.account_id, actor.token_id, "session")
    except UserError:  # revoked at this very moment
        return None


async def renewed(request: web.Request, session: Session) -> Session | None:
    """A session that has been open for a while, as it stands now; None where it has ended."""
    actor = await tokens.find(request.app[CONTEXT].pool, session.secret, "session")
    return Session(session.secret, actor) if actor else None


def csrf_of(session: Session) -> str:
    """The session's CSRF token: made from its secret, which no page and no other site can read."""
    digest = blake2b(session.secret.encode(), digest_size=18, person=b"daybook-csrf").digest()
    return base64.urlsafe_b64encode(digest).decode()


def csrf_right(session: Session, given: str) -> bool:
    return hmac.compare_digest(csrf_of(session).encode(), given.encode("utf-8", "replace"))


def from_here(request: web.Request) -> bool:
    """Whether a browser says that this request comes from a page of ours. Programs say nothing, and have no cookie to
    be abused."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = request.headers.get("Origin")
    return origin is None or urlsplit(origin).netloc.lower() == request.host.lower()


def is_https(request: web.Request) -> bool:
    """Whether the browser speaks https, to us or to the proxy before us."""
    return request.secure or request.headers.get("X-Forwarded-Proto", "").split(",")[0].strip().lower() == "https"


def here(request: web.Request) -> str:
    """The address by which the browser knows this instance."""
    return f"{'https' if is_https(request) else 'http'}://{request.host}"
