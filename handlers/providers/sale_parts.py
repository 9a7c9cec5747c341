"""The parts of a sale that every shop's order has: lines, charges, addresses, the customer's name.

The sender's own figures stand: a line's subtotal, discount and tax are taken as stated and its total is their sum, so
that lines and charges add up to the sender's total wherever the sender's own figures do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

import msgspec

from handlers import summary
from handlers.errors import Unmappable
from handlers.money import bounded, rounded
from handlers.reading import Node
from schemas.stated import Address, Charge, Line

QUANTITY_LIMIT, QUANTITY_PLACES = Decimal(10) ** 12, 9
_WEB = ("https://", "http://")


def key(connection: str, noun: str, identifier: str) -> str:
    """The object key of something that only its own shop numbers: `<connection>:<noun>:<id>`."""
    return f"{connection}:{noun}:{identifier}"


def plain(number: Decimal) -> str:
    """A decimal without exponent and trailing zeros: `8.5`, `2`, `1000`."""
    text = format(number, "f")
    return (text.rstrip("0").rstrip(".") if "." in text else text) or "0"


def quantity(node: Node, name: str = "quantity") -> str:
    """A quantity as a decimal string; 1 where it is missing."""
    if not node.has(name):
        return "1"
    number = node.decimal(name)
    exponent = number.normalize().as_tuple().exponent
    if not 0 <= number <= QUANTITY_LIMIT or (isinstance(exponent, int) and exponent < -QUANTITY_PLACES):
        raise Unmappable(node.at(name), f"{str(number)[:40]} is not a usable quantity")
    return plain(abs(number))


def sold(
    node: Node, *, name: str | None, subtotal: int, discount: int, tax: int, tax_rate: str | None = None,
    delivery_method: str | None = None, service: bool = False,
) -> Line:  # fmt: skip
    """A line with the sender's figures in minor units (subtotal before the discount and net of tax)."""
    count = quantity(node)
    share = rounded(Decimal(subtotal) / Decimal(count)) if Decimal(count) else 0
    return Line(
        key=node.maybe_identifier("id") or "",
        name=name or "Item",
        sku=node.text("sku"),
        quantity=count,
        unit_price=bounded(share, node.at("quantity")),
        tax_rate=tax_rate,
        discount=bounded(discount, node.path),
        subtotal=bounded(subtotal, node.path),
        tax=bounded(tax, node.path),
        total=bounded(subtotal - discount + tax, node.path),
        delivery_method=delivery_method,
        service=service,
    )


def keyed(lines: Iterable[Line]) -> tuple[Line, ...]:
    """The lines with a key each: the sender's id, made unique by its position where it is missing or used before."""
    found: list[Line] = []
    used: set[str] = set()
    for position, line in enumerate(lines, 1):
        own = line.key or f"line-{position}"
        while own in used:
            own = f"{own}-{position}"
        used.add(own)
        found.append(line if own == line.key else msgspec.structs.replace(line, key=own))
    return tuple(found)


def charge(kind: str, name: str, amount: int, label: str | None = None) -> Charge:
    """A fixed charge by its signed amount. What should add but subtracts is a price adjustment."""
    if amount < 0:
        kind = summary.ADJUSTMENT
    sign = -1 if amount < 0 else 1
    return Charge(kind=kind, key=name, value=str(abs(amount)), sign=sign, amount=amount, label=label)


def fitting(base: int, optional: Iterable[Charge], total: int) -> tuple[Charge, ...]:
    """Those charges with which `base` comes to the stated total; all of them where no choice does.

    For figures of which a sender's total may or may not consist already (tips are lines in some shops).
    """
    found = tuple(charge for charge in optional if charge.amount)
    for kept in sorted(range(2 ** len(found)), key=lambda mask: (-mask.bit_count(), mask)):
        chosen = tuple(charge for index, charge in enumerate(found) if kept >> index & 1)
        if base + sum(charge.amount for charge in chosen) == total:
            return chosen
    return found


def joined(*parts: str | None) -> str | None:
    """The parts that there are, with a space between."""
    return " ".join(part.strip() for part in parts if part and part.strip()) or None


def address(node: Node | None, fields: Mapping[str, str]) -> Address | None:
    """An address by the sender's names of its fields; None where nothing in it is filled in."""
    if node is None:
        return None
    found = {ours: node.text(theirs, 500) for ours, theirs in fields.items()}
    if not found.get("name"):
        found["name"] = joined(node.text("first_name", 500), node.text("last_name", 500))
    return Address(**found) if any(found.values()) else None


def web_address(text: str | None) -> str | None:
    """The text if it is an address that a browser may open from a screen."""
    text = text.strip() if text else None
    return text if text and text.lower().startswith(_WEB) else None
