"""Orders and the catalogue: what a request leaves out is filled in here, in the transaction that makes the order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from handlers import catalog
from handlers.errors import Refused
from schemas.catalog import Offer
from worker.actions.records import unknown
from worker.store import offers, price_lists, products
from worker.store.db import Pooled


async def to_make(connection: Pooled, account_id: str, wish: Mapping[str, Any], default: str) -> dict[str, Any]:
    """The wish for a new order with its currency and its lines. `default`: the account's currency.

    Refused: `offer_unknown`, `offer_archived`, `price_list_unknown`, `sku_unknown`, `price_unknown`,
    `currency_mismatch`, `invalid`.
    """
    catalog.check_quantity(wish)
    offer = await _offer(connection, account_id, wish)
    skus = catalog.skus(wish)
    price_list = None
    if wish.get("price_list"):
        found = await price_lists.to_sell(connection, account_id, wish["price_list"], skus)
        price_list = catalog.checked_price_list(found, wish["price_list"])
    code = catalog.currency(wish, price_list, offer, default)
    filled: dict[str, Any] = {**wish, "currency": code}
    if offer and catalog.makes_line(wish):
        filled["items"] = [catalog.offer_line(wish, offer)]
    elif skus:
        known = await products.of_skus(connection, account_id, skus)
        filled["items"] = catalog.lines(wish["items"], known, price_list, code)
    return filled


async def to_edit(connection: Pooled, account_id: str, wish: Mapping[str, Any], currency: str) -> dict[str, Any]:
    """The wish for an order that there is, whose currency is given: new items by sku are filled in, a new offer has to
    be there. Refused as in `to_make`."""
    if wish.get("offer_id"):
        await _offer(connection, account_id, wish)
    if not (skus := catalog.skus(wish)):
        return dict(wish)
    known = await products.of_skus(connection, account_id, skus)
    return {**wish, "items": catalog.lines(wish["items"], known, None, wish.get("currency") or currency)}


async def _offer(connection: Pooled, account_id: str, wish: Mapping[str, Any]) -> Offer | None:
    if not wish.get("offer_id"):
        return None
    offer = await offers.to_sell(connection, account_id, wish["offer_id"])
    if offer is None:
        raise unknown("offer", "offer_id")
    if offer.archived:
        raise Refused(
            "offer_archived", f"The offer {offer.name} is not sold any more.", field="offer_id",
            remedy="Sell another, or set its `archived` to false.",
        )  # fmt: skip
    return offer
