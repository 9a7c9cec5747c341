"""What entries other than orders and contacts make: locations, deals, the catalogue, order templates."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal
from typing import Any

import msgspec
from pydantic import BaseModel

from handlers import price_list as prices
from handlers import template as template_rules
from handlers.errors import Refused
from schemas.api.price_list import PriceListCreate
from schemas.api.seed import SeedDeal, SeedOffer
from schemas.api.template import TemplateCreate
from schemas.catalog import Entry as Price
from schemas.order import OrderType, Status
from schemas.seed import SeedType
from schemas.template import Template
from worker.actions import deals as deal_actions
from worker.actions import money, offers, product_templates, products
from worker.actions.records import Fit, columns
from worker.ids import new_id
from worker.store import deals, locations, offer_categories, price_lists, seeds, templates
from worker.store import offers as offer_store
from worker.store import product_templates as product_template_store
from worker.store import products as product_store
from worker.store.db import Pooled
from worker.store.records import Records

Made = tuple[str, bool | None]
"""The id of what an entry made, and whether it is new; None for what was there and is as the entry says."""
Make = Callable[[Pooled, str, Any, str | None, int], Awaitable[Made]]
"""(connection, account, the entry's body, the id of what it made before, now in microseconds)."""


async def _put(
    connection: Pooled,
    account_id: str,
    records: Records,
    body: BaseModel,
    held_id: str | None,
    fit: Fit | None = None,
) -> Made:
    """A record as the entry says, new or changed."""
    if held_id is None:
        asked = body.model_dump(mode="json")
        record_id = new_id()
        fitted = await fit(connection, account_id, asked, {}) if fit else asked
        await records.insert(connection, account_id, record_id, fitted)
        return record_id, True
    row = await records.hold(connection, account_id, held_id)
    if row is None:
        raise Refused("gone", "What this entry made is gone.", remedy="Give the entry another id or external_id.")
    before = columns(row)
    given = body.model_dump(mode="json", exclude_unset=True)
    after = {**before, **(await fit(connection, account_id, given, before) if fit else given)}
    if after == before:
        return held_id, None
    await records.update(connection, account_id, held_id, after)
    return held_id, False


def _by(records: Records, attribute: str, fit: Fit | None = None) -> Make:
    """Records that are known by what people call them."""

    async def make(connection: Pooled, account_id: str, body: BaseModel, held_id: str | None, _now: int) -> Made:
        name = getattr(body, attribute)
        there = await seeds.look_up(connection, account_id, records.table, attribute, [name])
        return await _put(connection, account_id, records, body, next(iter(there.get(name, ())), held_id), fit)

    return make


async def _price_list(
    connection: Pooled, account_id: str, body: PriceListCreate, held_id: str | None, now: int
) -> Made:
    entries = [msgspec.convert(entry.model_dump(mode="json"), Price) for entry in body.entries]
    prices.check(entries)
    head = body.model_copy(update={"currency": await money.currency(connection, account_id, body.currency)})
    put = _by(price_lists.RECORDS, "slug", _without_entries)
    list_id, new = await put(connection, account_id, head, held_id, now)
    if new or await price_lists.entries(connection, account_id, list_id) != sorted(
        entries, key=lambda entry: (entry.sku, Decimal(entry.from_quantity))
    ):
        await price_lists.write_entries(connection, account_id, list_id, entries)
        return list_id, bool(new)
    return list_id, new


async def _without_entries(
    _connection: Pooled, _account_id: str, asked: dict[str, Any], _before: Mapping[str, Any]
) -> dict[str, Any]:
    return {name: value for name, value in asked.items() if name != "entries"}


async def _template(connection: Pooled, account_id: str, body: TemplateCreate, _held_id: str | None, _now: int) -> Made:
    base = template_rules.BUILT_IN[body.type]
    children = base.children
    if body.children is not None:
        children = {OrderType(type_): tuple(map(Status, statuses)) for type_, statuses in body.children.items()}
    wanted = Template(
        slug=body.slug, name=body.name, type=body.type, title=body.title or base.title,
        slug_pattern=body.slug_pattern or base.slug_pattern, children=children, price_list=body.price_list,
        moves_stock=body.moves_stock,
    )  # fmt: skip
    template_rules.check(wanted)
    found = await templates.find(connection, account_id, body.slug, hold=True)
    if found and found[0] == wanted:
        return _NO_ID, None
    await templates.put(connection, account_id, wanted)
    return _NO_ID, found is None


_NO_ID = "00000000-0000-7000-8000-000000000000"
"""Order templates are known by their slug alone."""


async def _offer(connection: Pooled, account_id: str, body: SeedOffer, held_id: str | None, _now: int) -> Made:
    if body.category is not None:
        there = await seeds.look_up(connection, account_id, "offer_categories", "name", [body.category])
        category_id = next(iter(there.get(body.category, ())), None)
        if category_id is None:
            category_id = new_id()
            category = {"name": body.category, "archived": False}
            await offer_categories.RECORDS.insert(connection, account_id, category_id, category)
        body = body.model_copy(update={"category_id": category_id})
    return await _put(connection, account_id, offer_store.RECORDS, body, held_id, _fit_offer)


async def _fit_offer(
    connection: Pooled, account_id: str, asked: dict[str, Any], before: Mapping[str, Any]
) -> dict[str, Any]:
    own = {name: value for name, value in asked.items() if name not in ("id", "external_id", "category")}
    return await offers.fit(connection, account_id, own, before)


async def _deal(connection: Pooled, account_id: str, body: SeedDeal, held_id: str | None, _now: int) -> Made:
    if held_id is not None:
        return held_id, None
    given = body.model_dump(mode="json", exclude={"id", "external_id"})
    deal = await deal_actions.priced(connection, account_id, deals.Deal(id=new_id(), **given))
    await deals.add(connection, account_id, deal)
    return deal.id, True


MAKE: Mapping[SeedType, Make] = {
    SeedType.LOCATION: _by(locations.RECORDS, "slug"),
    SeedType.DEAL: _deal,
    SeedType.PRODUCT_TEMPLATE: _by(product_template_store.RECORDS, "slug", product_templates.fit),
    SeedType.PRODUCT: _by(product_store.RECORDS, "sku", products.fit),
    SeedType.PRICE_LIST: _price_list,
    SeedType.TEMPLATE: _template,
    SeedType.OFFER: _offer,
}
"""How each type is made of which an account has few, one entry at a time."""
