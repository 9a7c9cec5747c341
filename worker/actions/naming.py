"""What a template's naming convention may say of an order that is being made (T1)."""

from __future__ import annotations

from collections.abc import Mapping
from zoneinfo import ZoneInfo

from handlers.reading import moment
from handlers.template import uses
from schemas.account import Reach
from schemas.template import Template
from worker.store import contact_reads, templates
from worker.store.accounts import Account
from worker.store.db import Pooled


async def names(
    connection: Pooled, account: Account, template: Template, wish: Mapping[str, object], now: int
) -> dict[str, str | int | None]:
    """The values of the placeholders that need a look at the account or the database; only what the template uses."""
    found: dict[str, str | int | None] = {}
    if uses(template, "contact") and wish.get("contact_id"):
        rows = await contact_reads.read(connection, Reach(account.id), [str(wish["contact_id"])])
        found["contact"] = (rows[0]["name"] or rows[0]["email"]) if rows else None
    ordered_at = wish.get("ordered_at")
    day = moment(ordered_at if isinstance(ordered_at, int) else now).astimezone(ZoneInfo(account.timezone))
    return {**found, "date": f"{day:%Y-%m-%d}", "year": f"{day:%Y}", "month": f"{day:%m}"}


async def number(connection: Pooled, account: Account, template: Template) -> int | None:
    """The order's serial number of its template, where that is used: orders of such a template are made one after
    another, from here to the commit."""
    return await templates.next_number(connection, account.id, template.slug) if uses(template, "sequence") else None
