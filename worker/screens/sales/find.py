"""The field on top of every page: what is named exactly is gone to at once, else all that matches is listed by kind."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from aiohttp import web

from schemas.account import Permission
from schemas.api.fields import Text, Wire
from worker.screens.screen import Content, Look, Screens
from worker.store import contact_reads, deals, event_reads, finds, order_briefs, search
from worker.store.db import Pooled
from worker.store.finds import Hit
from worker.store.query import Found
from worker.store.snapshot import snapshot

SCREENS = Screens("sales")
EACH = 10
"""What is shown of each kind."""
PLACES = {
    "order": "/orders",
    "payment": "/payments",
    "customer": "/customers",
    "deal": "/deals",
    "recurring order": "/recurring-orders",
    "checkout": "/checkouts",
    "event": "/events",
}
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_NUMBER = re.compile(r"(?:(?P<kind>order|payment)\s*)?(?:no\.?\s*)?#?\s*(?P<number>\d{1,18})", re.IGNORECASE | re.ASCII)


class FindQuery(Wire):
    q: Text | None = None


@SCREENS.declare("/find", "Find")
async def find(look: Look) -> Content:
    """With the registry off, or for who does not see events, the other half alone."""
    text = " ".join((look.wanted(FindQuery).q or "").split())
    sales, events = look.actor.registry_enabled, look.actor.may(Permission.OPS_VIEW)
    groups: list[dict[str, Any]] = []
    if text:
        async with snapshot(look.ctx.pool) as connection:
            hits = await exact(connection, look, text, sales=sales, events=events)
            if len(hits) == 1:
                raise web.HTTPSeeOther(f"{PLACES[hits[0].kind]}/{hits[0].id}")
            groups = await matches(connection, look, text, hits, sales=sales, events=events)
    return {
        "text": text,
        "found": [group for group in groups if group["rows"]],
        "registry_off": not sales,
        "zone": look.zone,
    }


async def exact(connection: Pooled, look: Look, text: str, *, sales: bool, events: bool) -> list[Hit]:
    """What the text names. A number is an order's, unless it says `payment`, and goes before whatever else is called
    so; else the first that is found: an id, then what senders call things, then deliveries."""
    reach = look.reach
    id_ = text.lower() if _ID.fullmatch(text) else None
    if sales and id_ and (hits := await finds.by_id(connection, reach, id_)):
        return hits
    if sales and (numbered := _NUMBER.fullmatch(text)):
        kind = (numbered["kind"] or "order").lower()
        if hits := await finds.by_number(connection, reach, int(numbered["number"]), kind):
            return hits
    if sales and (hits := await finds.by_external_id(connection, reach, text)):
        return hits
    return await finds.event(connection, reach, text, id_) if events else []


async def matches(
    connection: Pooled, look: Look, text: str, hits: Sequence[Hit], *, sales: bool, events: bool
) -> list[dict[str, Any]]:
    """Up to EACH of each kind, with the way to the rest."""
    reach, wanted, asked = look.reach, {"q": text}, quote(text, safe="")
    groups = []
    if sales:
        found = await search.orders(connection, reach, wanted, None, EACH + 1)
        ids = _first(hits, "order", found)
        groups.append(_group("orders", found, await order_briefs.read(connection, reach, ids), f"/orders?q={asked}"))
        found = await search.contacts(connection, reach, wanted, None, EACH + 1)
        ids = _first(hits, "customer", found)
        groups.append(
            _group("customers", found, await contact_reads.read(connection, reach, ids), f"/customers?q={asked}")
        )
        ids = _first(hits, "payment", [])
        groups.append(_group("payments", [], await order_briefs.payments(connection, reach, ids), ""))
        found = await search.deals(connection, reach, wanted, None, EACH + 1)
        ids = _first(hits, "deal", found)
        groups.append(_group("deals", found, await deals.read(connection, reach, ids), f"/deals?q={asked}"))
    if events:
        found = await search.events(connection, reach, wanted, None, EACH + 1)
        ids = _first(hits, "event", found)
        groups.append(_group("events", found, await event_reads.read(connection, reach, ids), f"/events?q={asked}"))
    return groups


def _first(hits: Sequence[Hit], kind: str, found: Found) -> list[str]:
    """The ids to show: what is named exactly, then what matches, each once."""
    named = [hit.id for hit in hits if hit.kind == kind]
    return list(dict.fromkeys([*named, *(id_ for _, id_ in found)]))[:EACH]


def _group(name: str, found: Found, rows: Sequence[Any], all_of_them: str) -> dict[str, Any]:
    return {"name": name, "rows": rows, "all": all_of_them if len(found) > EACH else ""}
