"""Lines and charges of an order, edited one at a time (O7, O8). Each function gives the whole list after the edit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from handlers import money, summary
from handlers.errors import Refused, Unmappable
from schemas.stated import Charge, Line

Part = TypeVar("Part", Line, Charge)


def line(item: Mapping[str, Any], key: str, field: str = "") -> Line:
    """A line as it was wished for, with its figures. `field`: where the wish stands in the request (`items.3.`)."""
    if item.get("name") is None:
        raise Refused(
            "invalid", "A line needs a name, or the sku of a product.", field=f"{field}name", remedy="Give one of them."
        )
    return summary.price(
        Line(
            key=key,
            name=item["name"],
            sku=item.get("sku"),
            quantity=_quantity(item.get("quantity", 1), f"{field}quantity"),
            unit_price=item.get("unit_price") or 0,
            tax_rate=item.get("tax_rate"),
            discount=item.get("discount", 0),
            delivery_method=item.get("delivery_method"),
            service=item.get("service", False),
            attributes=item.get("attributes"),
        )
    )


def charge(wish: Mapping[str, Any], key: str) -> Charge:
    """A charge as it was wished for; its amount follows from the order's lines."""
    mode = wish.get("mode") or "fixed"
    return Charge(
        kind=wish["kind"],
        key=key,
        mode=mode,
        of=(wish.get("of") or "subtotal") if mode == "percent" else None,
        value=format(Decimal(str(wish.get("value", 0))), "f"),
        sign=wish.get("sign") or 1,
        label=wish.get("label"),
    )


def kept_line(before: Line, wish: Mapping[str, Any]) -> Line:
    """The line with what the wish says otherwise. What it only repeats changes nothing, so that figures which a sender
    stated for the line stay."""
    differing = {
        name: wish[name]
        for name in ("name", "sku", "delivery_method", "service", "discount")
        if name in wish and wish[name] != getattr(before, name) and not (name == "name" and wish[name] is None)
    }
    if wish.get("unit_price") is not None and wish["unit_price"] != before.unit_price:
        differing["unit_price"] = wish["unit_price"]
    if "quantity" in wish and Decimal(wish["quantity"]) != Decimal(before.quantity):
        differing["quantity"] = wish["quantity"]
    if "tax_rate" in wish and _rate(wish["tax_rate"]) != _rate(before.tax_rate):
        differing["tax_rate"] = wish["tax_rate"]
    return changed_line(before, differing)


def _rate(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def changed_line(before: Line, wish: Mapping[str, Any]) -> Line:
    """The line with the fields of the wish changed; its figures are computed anew only where one of them counts."""
    plain = {name: wish[name] for name in ("name", "sku", "delivery_method", "service") if name in wish}
    counting = {name: wish[name] for name in ("unit_price", "tax_rate", "discount") if name in wish}
    if "quantity" in wish:
        counting["quantity"] = _quantity(wish["quantity"], "quantity")
    after = msgspec.structs.replace(before, **plain, **counting)
    return summary.price(after) if counting else after


def changed_charge(before: Charge, wish: Mapping[str, Any]) -> Charge:
    """The charge with the fields of the wish changed."""
    asked = {name: getattr(before, name) for name in ("kind", "mode", "of", "value", "sign", "label")}
    after = {**asked, **wish}
    if after["mode"] == "fixed" and "." in str(after["value"]):
        raise Refused(
            "invalid", "A fixed value is a whole number of minor units.", field="value",
            remedy="Round it, or use the mode percent.",
        )  # fmt: skip
    return charge(after, before.key)


def replaced(parts: Sequence[Part], part: Part) -> tuple[Part, ...]:
    """The list with the part of the same key in its place."""
    return tuple(part if held.key == part.key else held for held in parts)


def removed(parts: Sequence[Part], key: str) -> tuple[Part, ...]:
    return tuple(held for held in parts if held.key != key)


def reordered(parts: Sequence[Part], keys: Sequence[str]) -> tuple[Part, ...]:
    """The list in the order of the keys, which have to be all of its keys, each once."""
    by_key = {held.key: held for held in parts}
    if sorted(keys) != sorted(by_key):
        raise Refused(
            "invalid", "The list does not name each line of the order once.", field="items",
            remedy="Get the order, and send the ids of all of its lines in the new order.",
        )  # fmt: skip
    return tuple(by_key[key] for key in keys)


def _quantity(value: int | str, field: str) -> str:
    try:
        number = money.decimal(value, field)
    except Unmappable as error:
        raise Refused("invalid", error.problem, field=error.path, remedy="Give a number or a decimal string.") from None
    return format(number.normalize(), "f")
