"""The front page, as a browser first gets it."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from handlers import access
from worker.context import CONTEXT
from worker.errors import Transient, classify
from worker.screens.looks import FIRST, RANGES, Looks, Range
from worker.screens.overview import SECTIONS, view
from worker.screens.pages import PAGES, notice, page
from worker.screens.session import Session, here, session_of

LOOKS: web.AppKey[Looks] = web.AppKey("looks", Looks)
VIEW = "ops.view"


async def overview_page(request: web.Request) -> web.Response:
    try:
        return await _overview(request)
    except Exception as error:
        if not isinstance(classify(error), Transient):
            raise
        return notice(request, 503, "The database does not answer", "Reload this page in a moment. Nothing is lost.")


async def _overview(request: web.Request) -> web.Response:
    session = await session_of(request)
    if session is None:
        raise web.HTTPSeeOther("/sign-in")
    if not session.actor.may(VIEW):
        return notice(
            request,
            403,
            "You cannot see this page",
            f"Your token “{session.actor.name}” lacks the permission {VIEW}. An administrator can make one with it:",
            command=f"daybook token create --name NAME --role {session.actor.role} --permission {VIEW}",
            session=session,
        )
    choice = chosen(request)
    content = await look_of(request, session, choice)
    content["sections"] = SECTIONS
    return page(request, "overview.html", content, session=session)


def chosen(request: web.Request) -> Range:
    """The range that the address names; an unknown one is the first."""
    return RANGES.get(request.query.get("range", ""), FIRST)


async def look_of(request: web.Request, session: Session, choice: Range) -> dict[str, Any]:
    """What the sections show to this person now."""
    look = await request.app[LOOKS].look(access.reach(session.actor), choice)
    return view(
        look,
        choice,
        session.actor,
        address=here(request),
        max_attempts=request.app[CONTEXT].settings.max_attempts,
    )


def sections_of(request: web.Request, content: dict[str, Any]) -> dict[str, str]:
    """Each section as HTML."""
    pages = request.app[PAGES]
    return {name: pages.get_template(f"overview/{name}.html").render(content) for name in SECTIONS}
