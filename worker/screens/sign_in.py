"""Signing in and out. A link is shown with a button first, so that a robot that previews it does not use it up."""

from __future__ import annotations

import math
import re

from aiohttp import web

from worker.context import CONTEXT
from worker.problems import problem
from worker.screens.attempts import Attempts
from worker.screens.pages import page
from worker.screens.session import COOKIE, SESSION_S, csrf_right, from_here, is_https, open_session, session_of
from worker.store import tokens

ATTEMPTS: web.AppKey[Attempts] = web.AppKey("attempts", Attempts)
SECRET_LIMIT = 512


def start(app: web.Application) -> None:
    app[ATTEMPTS] = Attempts(app[CONTEXT].clock)


async def show(request: web.Request) -> web.Response:
    """The form: a token to fill in, or the link that was followed and one button."""
    link = request.query.get("link", "")[:SECRET_LIMIT]
    if not link and await session_of(request):
        raise web.HTTPSeeOther(_local(request.query.get("next")))
    return _form(request, 200, link=link, next_=_local(request.query.get("next")))


async def sign_in(request: web.Request) -> web.Response:
    if not from_here(request):
        return _form(request, 403, error="This form was sent from another site. Sign in from here.")
    wait_s = request.app[ATTEMPTS].wait_s(request.remote)
    if wait_s:
        seconds = math.ceil(wait_s)
        response = _form(request, 429, error=f"Too many attempts from your address. Try again in {seconds} s.")
        response.headers["Retry-After"] = str(seconds)
        return response
    form = await request.post()
    link, token = (_text(form.get(name)) for name in ("link", "token"))
    next_ = _local(form.get("next"))
    opened = await open_session(request, link, "link") if link else await open_session(request, token, "bearer")
    if opened is None:
        error = (
            "This link was used before, or is too old. Print a new one: daybook sign-in-link"
            if link
            else "This token is not known, or was revoked. The first is in the file admin-token of the data directory."
        )
        return _form(request, 401, error=error, next_=next_)
    request.app[ATTEMPTS].forgive(request.remote)
    answer = web.Response(status=303, headers={"Location": next_, "Cache-Control": "no-store"})
    answer.set_cookie(
        COOKIE, opened, max_age=SESSION_S, path="/", httponly=True, samesite="Lax", secure=is_https(request)
    )
    return answer


async def sign_out(request: web.Request) -> web.Response:
    session = await session_of(request)
    if session is not None:
        form = await request.post()
        if not from_here(request) or not csrf_right(session, _text(form.get("csrf"))):
            return problem(
                403, "The form was not sent by a page of this session. Reload it and try again.", code="csrf"
            )
        await tokens.forget(request.app[CONTEXT].pool, session.secret)
    answer = web.Response(status=303, headers={"Location": "/sign-in", "Cache-Control": "no-store"})
    answer.del_cookie(COOKIE, path="/")
    return answer


def _form(request: web.Request, status: int, *, link: str = "", error: str = "", next_: str = "/") -> web.Response:
    return page(request, "sign_in.html", {"link": link, "error": error, "next": next_}, status=status)


def _local(address: object) -> str:
    """Where to go after signing in: a page of this instance, whatever a forged link says."""
    text = address if isinstance(address, str) else ""
    return text if re.fullmatch(r"/(?![/\\])[!-~]{0,1500}", text) and "\\" not in text else "/"


def _text(value: object) -> str:
    return value.strip()[:SECRET_LIMIT] if isinstance(value, str) else ""
