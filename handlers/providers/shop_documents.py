"""What the order documents of commerce platforms share: lines with stated taxes, charges, people and addresses."""

from __future__ import annotations

from decimal import Decimal

from handlers.reading import Node
from schemas.stated import Address, Charge, Line


def stated_line(
    key: str,
    name: str,
    *,
    sku: str | None,
    quantity: Decimal,
    net: int,
    discount: int,
    tax: int,
    rate: str | None = None,
    service: bool = False,
) -> Line:
    """A line whose amounts the sender states: `net` before the discount and without tax, `tax` after the discount. The
    unit price is for show: net divided by the quantity."""
    unit = int(net / quantity) if quantity else net
    return Line(
        key=key, name=name, sku=sku, quantity=plain(quantity), unit_price=unit, tax_rate=rate, discount=discount,
        subtotal=net, tax=tax, total=net - discount + tax, service=service,
    )  # fmt: skip


def plain(number: Decimal) -> str:
    """A decimal without exponent or trailing zeros."""
    return format(number.normalize(), "f") if number else "0"


def fixed(kind: str, key: str, amount: int, label: str | None = None) -> tuple[Charge, ...]:
    """A fixed charge of a signed amount; nothing where the amount is 0. A kind that cannot carry the sign becomes a
    price adjustment."""
    if not amount:
        return ()
    fits = amount < 0 if kind in ("discount", "promotion") else amount > 0
    if kind not in ("other", "price_adjustment") and not fits:
        kind = "price_adjustment"
    sign = 1 if amount > 0 else -1
    return (Charge(kind=kind, key=key, value=str(abs(amount)), sign=sign, amount=amount, label=label),)


def full_name(node: Node) -> str | None:
    first, last = node.text("first_name", 500), node.text("last_name", 500)
    return " ".join(part for part in (first, last) if part) or node.text("name", 1000)


def address(node: Node | None, *, line1: str, line2: str, postal_code: str, state: str, country: str) -> Address | None:
    """An address by the sender's field names, or None where nothing of it is given."""
    if node is None:
        return None
    found = Address(
        name=full_name(node), company=node.text("company", 1000), line1=node.text(line1, 1000), line2=node.text(line2, 1000),
        city=node.text("city", 500), state=node.text(state, 500), postal_code=node.text(postal_code, 100),
        country=node.text(country, 100), phone=node.text("phone", 100),
    )  # fmt: skip
    return found if any((found.line1, found.city, found.postal_code, found.country, found.name)) else None
