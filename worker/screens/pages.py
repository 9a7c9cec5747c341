"""How a page is made: the templates, what every page is given, and the pages that say why there is nothing to see."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2
from aiohttp import web

from worker.context import CONTEXT
from worker.refusals import cause_words
from worker.screens import navigation, words
from worker.screens.assets import asset, icon
from worker.screens.heartbeats import heartbeat
from worker.screens.session import Session, csrf_of

PAGES: web.AppKey[jinja2.Environment] = web.AppKey("pages", jinja2.Environment)


def environment() -> jinja2.Environment:
    """Templates with everything escaped and nothing left undefined."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals.update(
        asset=asset, icon=icon, cause_words=cause_words, is_here=navigation.is_here, heartbeat=heartbeat,
        person=words.person,
    )  # fmt: skip
    made.filters.update(
        count=words.count,
        ago=words.ago,
        age=words.age,
        until=words.until,
        clock=words.clock,
        reason=words.reason,
        money=words.money,
        plain_money=words.plain_money,
        moment=words.moment,
        day=words.day,
        label=words.label,
    )
    return made


def page(
    request: web.Request,
    template: str,
    content: Mapping[str, Any],
    *,
    session: Session | None = None,
    status: int = 200,
) -> web.Response:
    """A whole page. It is never kept by a browser or a proxy: it shows one account's business."""
    text = (
        request.app[PAGES]
        .get_template(template)
        .render(
            {
                "session": session,
                "csrf": csrf_of(session) if session else "",
                "groups": navigation.offered(session.actor) if session else [],
                "path": request.path,
                "stream": "",
                "sheets": (),
                "dead_letters": "",
                "stripe_stand_in": request.app[CONTEXT].settings.stripe_stand_in,
                **content,
            }
        )
    )
    return web.Response(text=text, status=status, content_type="text/html", headers={"Cache-Control": "no-store"})


def notice(
    request: web.Request,
    status: int,
    title: str,
    text: str,
    *,
    command: str = "",
    back: tuple[str, str] | None = None,
    session: Session | None = None,
) -> web.Response:
    """A page that only says something: with the command that mends it, or the way `back` as (address, words)."""
    content = {"title": title, "text": text, "command": command, "back": back}
    return page(request, "notice.html", content, session=session, status=status)
