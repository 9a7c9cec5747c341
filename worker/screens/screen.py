"""A screen, declared once: from it come its page, its live stream, who is let in, its place in the access matrix.

A screen's function reads what is to be shown and returns what its template is given. Its sections are templates of
their own (`<room>/<name>/<section>.html`), so that the stream can send only those that changed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

from aiohttp import web
from markupsafe import Markup
from pydantic import BaseModel, ValidationError

from handlers import access
from handlers.errors import Refused
from schemas.account import Actor, Permission, Reach
from worker.api.operation import pattern_of
from worker.context import CONTEXT, Context
from worker.errors import Transient, classify
from worker.screens import navigation
from worker.screens.ops.counts import COUNTS
from worker.screens.pages import PAGES, notice, page
from worker.screens.session import Session, session_of
from worker.store import accounts
from worker.store.accounts import Account

M = TypeVar("M", bound=BaseModel)
Content = Mapping[str, Any]
Show = Callable[["Look"], Awaitable[Content]]


class NotThere(Exception):
    """What the address names is not there, or is beyond this person's reach: both look the same. `noun` says what."""

    def __init__(self, noun: str) -> None:
        super().__init__(noun)
        self.noun = noun


@dataclass(frozen=True)
class Look:
    """One look of one person at one screen. Whatever is read is within `reach`."""

    ctx: Context
    session: Session
    request: web.Request
    screen: Screen

    @property
    def actor(self) -> Actor:
        return self.session.actor

    @property
    def reach(self) -> Reach:
        return access.reach(self.session.actor)

    @property
    def zone(self) -> ZoneInfo:
        """Where the account is."""
        return ZoneInfo(self.actor.timezone)

    @property
    def now(self) -> datetime:
        return datetime.fromtimestamp(self.ctx.clock(), UTC)

    @property
    def address(self) -> str:
        """The address of the page, also where the stream asks for it."""
        return self.request.path.removeprefix(STREAM)

    def id(self, name: str = "id") -> str:
        """An id of the address."""
        return self.request.match_info[name]

    def wanted(self, model: type[M]) -> M:
        """The filters of the address. Empty ones count as left out, as a form sends them.

        Raises Refused (`invalid`) with the first field that is wrong.
        """
        given = {name: text for name, text in self.request.query.items() if text.strip()}
        try:
            return model.model_validate_strings(given)
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False, include_input=False)[0]
            name = ".".join(str(part) for part in first["loc"])
            raise Refused("invalid", f"{name}: {first['msg']}", field=name) from None
        except UnicodeEncodeError:
            raise Refused("invalid", "The address is not UTF-8.") from None

    def link(self, **changes: Any) -> str:
        """The address of this page with other filters; None takes one away. It begins at the first page again, unless a
        cursor is given."""
        query = {name: text for name, text in self.request.query.items() if text and name != "cursor"}
        query |= {name: str(value) for name, value in changes.items() if value is not None}
        kept = {name: text for name, text in query.items() if changes.get(name, "") is not None}
        return quote(self.address) + (f"?{urlencode(kept)}" if kept else "")

    async def account(self) -> Account:
        async with self.ctx.pool.acquire() as connection:
            return await accounts.get(connection, self.actor.account_id)


@dataclass(frozen=True, kw_only=True)
class Screen:
    """`permission` is what seeing it needs. `registry`: it shows what the order registry holds, so it is closed while
    that is off (O13). `live`: it streams. `path` is as aiohttp matches it, with `{id}` for an id."""

    room: str
    name: str
    path: str
    title: str
    show: Show = field(repr=False)
    sections: tuple[str, ...]
    permission: Permission | None
    registry: bool
    live: bool

    @property
    def template(self) -> str:
        return f"{self.room}/{self.name}.html"

    @property
    def route(self) -> str:
        """Only an id stands where an id belongs."""
        return "/".join(
            f"{{{part[1:-1]}:{pattern_of(part[1:-1]).strip('^$')}}}" if part.startswith("{") else part
            for part in self.path.split("/")
        )

    def section(self, request: web.Request, name: str, content: Content) -> Markup:
        """One section as HTML."""
        return _rendered(request, f"{self.room}/{self.name}/{name}.html", content)

    def lively(self, request: web.Request, content: Content) -> dict[str, str]:
        """What a stream keeps up to date, by name: the sections, and the count in the menu for who has it there."""
        found = {name: str(self.section(request, name, content)) for name in self.sections}
        if "dead_letters" in content:
            found["dead-count"] = str(_rendered(request, "dead_count.html", content))
        return found

    async def look(self, request: web.Request, session: Session) -> dict[str, Any]:
        """What the page and its sections are given."""
        look = Look(request.app[CONTEXT], session, request, self)
        counted = {}
        if session.actor.may(Permission.OPS_VIEW):
            counted["dead_letters"] = await request.app[COUNTS].dead(look.reach)
        return {
            **counted,
            "now": look.now,
            "actor": session.actor,
            "may": session.actor.may,
            "narrow": look.reach.owner_id is not None,
            "link": look.link,
            "query": request.query,
            "zone": look.zone if self.registry else ZoneInfo("UTC"),
            **await self.show(look),
        }

    async def page(self, request: web.Request) -> web.StreamResponse:
        """The whole page, or the one that says why it is not shown."""
        try:
            session = await session_of(request)
            if session is None:
                meant = request.path_qs
                raise web.HTTPSeeOther("/sign-in" + ("" if meant == "/" else f"?{urlencode({'next': meant})}"))
            return self.closed(request, session) or await self._page(request, session)
        except NotThere as error:
            return notice(
                request, 404, f"There is no such {error.noun}",
                "It may have been removed, or your token may not reach it.", session=session,
            )  # fmt: skip
        except Refused as refused:
            return notice(
                request, 422, "The address of this page is not right", f"{refused.message} {refused.remedy}".strip(),
                session=session, back=(request.path, "Without filters"),
            )  # fmt: skip
        except Exception as error:
            if not isinstance(classify(error), Transient):
                raise
            return notice(
                request, 503, "The database does not answer", "Reload this page in a moment. Nothing is lost."
            )

    def closed(self, request: web.Request, session: Session) -> web.Response | None:
        """Why this person does not see it, if so."""
        actor = session.actor
        if request.path == "/" and not actor.may(Permission.OPS_VIEW):
            raise web.HTTPSeeOther(navigation.HOME)
        if self.permission is not None and not actor.may(self.permission):
            return notice(
                request, 403, "You cannot see this page",
                f"Your token “{actor.name}” lacks the permission {self.permission}. An administrator makes one:",
                command=f"daybook token create --name NAME --role {actor.role} --permission {self.permission}",
                session=session,
            )  # fmt: skip
        if self.registry and not actor.registry_enabled:
            return notice(
                request, 403, "The order registry is off",
                "Events are kept meanwhile, and applied once an administrator, or a token with settings.manage, "
                "enables it:",
                command="daybook account enable-registry",
                session=session,
            )  # fmt: skip
        return None

    async def _page(self, request: web.Request, session: Session) -> web.Response:
        content = await self.look(request, session)
        live = self.live and "cursor" not in request.query  # what somebody pages through stays as it is
        content["screen"] = self
        content["sheets"] = SHEETS[self.room]
        content["stream"] = f"{STREAM}{request.path_qs}" if live else ""
        content["section"] = lambda name: _SECTION.format(name, self.section(request, name, content))
        return page(request, self.template, content, session=session)


def _rendered(request: web.Request, template: str, content: Content) -> Markup:
    return Markup(request.app[PAGES].get_template(template).render(content))  # noqa: S704  (a template's own output)


SHEETS = {
    "ops": ("events.css", "lanes.css", "upkeep.css"),
    "sales": ("sales.css", "order.css", "order_form.css", "customers.css", "picker.css", "recurring.css"),
}
"""The style sheets of each room, beside those of all pages: a class of one room says nothing in the other."""
_SECTION = Markup('<div class="section section-{0}" data-section="{0}">{1}</div>')
STREAM = "/stream"
"""What stands before a page's address in that of its stream."""


class Screens(list[Screen]):
    """The screens of one room, in the order of their declaration."""

    def __init__(self, room: str, *, permission: Permission | None = None, registry: bool = False) -> None:
        super().__init__()
        self._room, self._permission, self._registry = room, permission, registry

    def declare(
        self, path: str, title: str, *, sections: tuple[str, ...] = (), live: bool = True
    ) -> Callable[[Show], Show]:
        """A screen whose template is named as the function. Without sections it does not stream."""

        def keep(show: Show) -> Show:
            self.append(
                Screen(
                    room=self._room, name=show.__name__, path=path, title=title, show=show, sections=sections,
                    permission=self._permission, registry=self._registry, live=live and bool(sections),
                )
            )  # fmt: skip
            return show

        return keep
