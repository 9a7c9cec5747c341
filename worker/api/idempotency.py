"""`Idempotency-Key`: a POST that is sent again is answered as the first time, and works once.

A key belongs to the account for a day. It is claimed in a statement of its own before the work and completed after
it, so a process that dies in between leaves a claim without an answer; once its lease ends, the same request may have
the key again. **What the dead process had committed is done twice then, unless the operation itself prevents it**, as
an order's external id does. `docs/api.md` says this to the sender.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Awaitable, Callable

import structlog
from aiohttp import web

from schemas.account import Actor, Role
from worker.api.refusals import refusal
from worker.context import CONTEXT, Context
from worker.ids import new_id
from worker.logs import said
from worker.problems import problem
from worker.store import idempotency_keys
from worker.store.idempotency_keys import Kept

log = structlog.get_logger("api")

HEADER = "Idempotency-Key"
REPLAYED = "Idempotent-Replayed"
SYNTAX = r'^(?:[!#-~][!-~]{0,254}|"(?:[!#-\[\]-~]|\\["\\]){1,255}")$'
"""Visible ASCII as it stands, or the string of a structured header (RFC 9651). Both spell the same key."""
WAIT_S = 2.0
"""How long a request waits for the answer of the one that has its key."""
LOOK_S = 0.1
"""How often it looks, where that one runs in another receiver."""
RETRY_AFTER_S = 1
KEPT_HEADERS = ("Content-Type", "ETag", "Location", "Content-Location")
PASSING = frozenset({401, 403, 408, 429})
"""Answers that say nothing of what was asked, so are not kept; nor are those of 500 and above."""

Running = dict[tuple[str, str], asyncio.Event]
RUNNING: web.AppKey[Running] = web.AppKey("idempotency_running", dict)
"""The keys that this receiver works under, each with what is set at its end."""


async def once(
    request: web.Request, actor: Actor, body: bytes, work: Callable[[], Awaitable[web.Response]], *, secret: bool
) -> web.Response:
    """The answer of `work`, or the one that was given to the same request before. `secret`: the answer holds a secret,
    so it is kept encrypted and given again only to the token that got it."""
    given = request.headers.getall(HEADER, [])
    if not given:
        return await work()
    key = _key(given)
    if key is None:
        said_of_it = "is not 1 to 255 visible ASCII characters, sent once"
        errors = [{"field": HEADER, "in": "header", "message": said_of_it}]
        return problem(422, f"{HEADER} {said_of_it}. A UUID will do.", code="invalid", errors=errors)
    ctx, running, name = request.app[CONTEXT], request.app[RUNNING], (actor.account_id, key)
    fingerprint = _fingerprint(request, body)
    deadline = asyncio.get_running_loop().time() + WAIT_S
    while True:
        other = running.get(name)
        if other is None:
            attempt = new_id()
            done = running[name] = asyncio.Event()
            try:
                if await idempotency_keys.claim(ctx.pool, *name, actor.token_id, fingerprint, attempt):
                    return await _worked(ctx, name, attempt, work, secret=secret)
            finally:
                del running[name]
                done.set()
        kept = await idempotency_keys.held(ctx.pool, *name)
        if kept is not None:
            if kept.fingerprint != fingerprint or not _may_have(actor, kept):
                return _reused()
            if kept.status is not None:
                return _replayed(ctx, kept)
        left = deadline - asyncio.get_running_loop().time()
        if left <= 0:
            return _in_flight()
        await _ended(other, min(left, WAIT_S if other else LOOK_S))


async def _worked(
    ctx: Context, name: tuple[str, str], attempt: str, work: Callable[[], Awaitable[web.Response]], *, secret: bool
) -> web.Response:
    """Do the work under a key that is ours, and keep its answer."""
    try:
        response = await work()
    except Exception as error:
        refused = refusal(error)
        if refused is None:
            await _let_go(ctx, name, attempt)
            raise
        response = refused
    content = response.body
    if response.status >= 500 or response.status in PASSING or not isinstance(content, bytes | None):
        await _let_go(ctx, name, attempt)
        return response
    headers = {header: response.headers[header] for header in KEPT_HEADERS if header in response.headers}
    body = content or b""
    if secret:
        body = ctx.vault.seal([body.decode()])
    try:
        await idempotency_keys.keep(ctx.pool, *name, attempt, response.status, headers, body, sealed=secret)
    except Exception as error:  # noqa: BLE001  (the work is done and must be answered for; the lease ends by itself)
        log.warning("idempotent_answer_not_kept", error=type(error).__name__, message=said(error))
    return response


async def _let_go(ctx: Context, name: tuple[str, str], attempt: str) -> None:
    try:
        await idempotency_keys.release(ctx.pool, *name, attempt)
    except Exception as error:  # noqa: BLE001  (the lease ends by itself)
        log.warning("idempotency_key_not_released", error=type(error).__name__, message=said(error))


async def _ended(other: asyncio.Event | None, seconds: float) -> None:
    """Wait until the other request has ended, but no longer than this."""
    try:
        async with asyncio.timeout(seconds):
            await (other or asyncio.Event()).wait()
    except TimeoutError:
        pass


def key_of(request: web.Request) -> str | None:
    """The key that a request carries; None where it carries none, or one that is refused."""
    return _key(request.headers.getall(HEADER, [""]))


def _key(given: list[str]) -> str | None:
    text = given[0].strip(" \t")
    if len(given) > 1 or not re.fullmatch(SYNTAX, text):
        return None
    return re.sub(r"\\(.)", r"\1", text[1:-1]) if text.startswith('"') else text


def _fingerprint(request: web.Request, body: bytes) -> bytes:
    asked = f"{request.method} {request.path_qs}\n".encode("utf-8", "surrogatepass")
    return hashlib.blake2b(asked + body, digest_size=32).digest()


def _may_have(actor: Actor, kept: Kept) -> bool:
    """Whether this token may see an answer that another token of the account got. A rep may not see all orders, and a
    secret is shown to whoever asked for it."""
    return actor.token_id == kept.token_id or not (kept.sealed or actor.role is Role.REP)


def _replayed(ctx: Context, kept: Kept) -> web.Response:
    body = kept.body or b""
    if kept.sealed:
        body = ctx.vault.open(body)[0].encode()
    headers = {**(kept.headers or {}), REPLAYED: "true", "Cache-Control": "no-store"}
    return web.Response(body=body or None, status=kept.status or 200, headers=headers)


def _reused() -> web.Response:
    errors = [{"field": HEADER, "in": "header", "message": "was used for another request"}]
    return problem(
        422,
        f"This {HEADER} was used within the last 24 hours for another path or body, or by another token. "
        "Send exactly the same request again, or use a new key.",
        code="idempotency_key_reused",
        errors=errors,
    )


def _in_flight() -> web.Response:
    return problem(
        409,
        f"The first request with this {HEADER} is still under way. Send it again in {RETRY_AFTER_S} s.",
        code="idempotency_key_in_flight",
        headers={"Retry-After": str(RETRY_AFTER_S)},
    )
