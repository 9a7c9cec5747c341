"""From what is ordered by sku or offer to the lines as they are sold: names, prices and tax rates of this moment.

What the request says always wins; the catalogue fills in what it leaves out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from handlers import price_list as prices
from handlers.errors import Refused
from schemas.catalog import Offer, PriceList, Product, ProductKind

Wish = Mapping[str, Any]


def skus(wish: Wish) -> list[str]:
    """The skus of the lines that the request makes, sorted. A line that the order has (`id`) is as it was sold."""
    return sorted({item["sku"] for item in wish.get("items") or () if item.get("sku") and not item.get("id")})


def checked_price_list(found: PriceList | None, slug: str) -> PriceList:
    """The price list that a request names by its slug. Refused for one that is not there or is archived."""
    if found is None or found.archived:
        raise Refused(
            "price_list_unknown", f"There is no price list {slug} to sell from.", field="price_list",
            remedy="Use the slug of one that GET /api/v1/price-lists shows and that is not archived.",
        )  # fmt: skip
    return found


def currency(wish: Wish, price_list: PriceList | None, offer: Offer | None, default: str) -> str:
    """The order's currency: the given one, else the price list's, else that of the offer that makes its line, else the
    account's. Refused where a price is in another."""
    priced = offer if offer and makes_line(wish) else None
    given = wish.get("currency")
    code: str = given or (price_list.currency if price_list else priced.currency if priced else default)
    if price_list and price_list.currency != code:
        raise Refused(
            "currency_mismatch", f"The price list {price_list.slug} is in {price_list.currency}, the order in {code}.",
            field="currency", remedy="Leave the currency out, or use a price list in it.",
        )  # fmt: skip
    if priced and priced.currency != code:
        raise Refused(
            "currency_mismatch", f"The offer is in {priced.currency}, the order in {code}.", field="currency",
            remedy="Leave the currency out, or sell an offer in it.",
        )  # fmt: skip
    return code


def makes_line(wish: Wish) -> bool:
    """Whether the offer gives the order's one line: nothing else does."""
    return wish.get("offer_id") is not None and not wish.get("items") and wish.get("amount") is None


def offer_line(wish: Wish, offer: Offer) -> dict[str, Any]:
    """The line of an order for an offer: unit price x quantity. Refused for several, or for a part, of one that is
    sold one at a time."""
    quantity = wish.get("quantity") or "1"
    if Decimal(quantity) != 1 and not offer.several_units:
        raise Refused(
            "invalid", f"The offer {offer.name} is sold one at a time.", field="quantity",
            remedy="Leave the quantity out, or let the offer be sold in several units.",
        )  # fmt: skip
    return {"name": offer.name, "quantity": quantity, "unit_price": offer.unit_price}


def check_quantity(wish: Wish) -> None:
    """Refuse a quantity for the whole order where no offer makes its line."""
    if wish.get("quantity") is not None and not makes_line(wish):
        raise Refused(
            "invalid", "A quantity of the whole order needs an offer_id, and neither items nor an amount.",
            field="quantity", remedy="Give the quantity of each item instead.",
        )  # fmt: skip


def lines(
    items: Sequence[Wish], products: Mapping[str, Product], price_list: PriceList | None, code: str
) -> list[dict[str, Any]]:
    """The items with name, unit price and tax rate filled in, and the attributes of their products as they are now.

    Refused names the item (`items.2.sku`): a sku that nothing is known of, one without a price, one priced in another
    currency.
    """
    return [
        _line(f"items.{place}", item, products.get(item.get("sku") or ""), price_list, code)
        for place, item in enumerate(items)
    ]


def _line(place: str, item: Wish, product: Product | None, price_list: PriceList | None, code: str) -> dict[str, Any]:
    found = dict(item)
    if item.get("id"):
        return found
    sku = item.get("sku")
    named, priced = item.get("name") is not None, item.get("unit_price") is not None
    if sku is None or (named and priced):
        return _described(found, product)
    if not named:
        found["name"] = _known(place, sku, product).name
    if not priced:
        price = _price(place, item, sku, product, price_list, code)
        if price is None:
            found.pop("unit_price", None)
            return _described(found, product)
        found["unit_price"] = price
    if "tax_rate" not in item and product is not None:
        found["tax_rate"] = product.tax_rate
    return _described(found, product)


def _described(line: dict[str, Any], product: Product | None) -> dict[str, Any]:
    if product is not None:
        line["attributes"] = dict(product.attributes)
        line["service"] = product.kind == ProductKind.SERVICE
    return line


def _known(place: str, sku: str, product: Product | None) -> Product:
    if product is None or product.archived:
        raise Refused(
            "sku_unknown", f"There is no product {sku} to sell.", field=f"{place}.sku",
            remedy="Give the line's name and unit_price, or make the product first.",
        )  # fmt: skip
    return product


def _price(
    place: str, item: Wish, sku: str, product: Product | None, price_list: PriceList | None, code: str
) -> int | None:
    """The unit price from the price list, else from the product. None for a line with a name of its own whose sku
    nobody knows, where no price list was asked for: it is free, as any line without a price."""
    if price_list is not None:
        price = prices.unit_price(price_list.entries, sku, str(item.get("quantity", 1)))
        if price is not None:
            return price
    elif product is None and item.get("name") is not None:
        return None
    known = _known(place, sku, product)
    if known.unit_price is None:
        where = f"Neither the price list {price_list.slug} nor" if price_list else "Nothing in"
        raise Refused(
            "price_unknown", f"{where} the product {sku} gives a price.", field=f"{place}.unit_price",
            remedy="Give the line's unit_price, or the product a price.",
        )  # fmt: skip
    if known.currency != code:
        raise Refused(
            "currency_mismatch", f"The product {sku} is priced in {known.currency}, the order is in {code}.",
            field=f"{place}.unit_price", remedy="Give the line's unit_price, or use a price list in that currency.",
        )  # fmt: skip
    return known.unit_price
