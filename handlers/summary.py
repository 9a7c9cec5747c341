"""Totals: what a line, a charge and an order come to.

One rounding rule: half up (away from zero), each part rounded once to the currency's minor unit, and every total is
the sum of its rounded parts, so that parts always add up.

    line:  subtotal = round(quantity x unit_price); tax = round((subtotal - discount) x rate / 100)
           total = subtotal - discount + tax
    order: subtotal = sum of (subtotal - discount); the running total starts as the sum of line totals,
           and each charge in turn adds its signed amount to it
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from handlers.money import LARGEST, rounded
from schemas.order import Summary
from schemas.stated import Charge, Line

SUBTRACT = frozenset({"discount", "promotion"})
ADD = frozenset({"tax", "shipping", "surcharges", "additional_cost"})
SIGNED = frozenset({"other", "price_adjustment"})
CHARGE_KINDS = (*sorted(SUBTRACT), *sorted(ADD), *sorted(SIGNED))
ADJUSTMENT = "price_adjustment"


def line_amounts(quantity: str, unit_price: int, discount: int, tax_rate: str | None) -> tuple[int, int, int]:
    """(subtotal, tax, total) of a line in minor units. `quantity` and `tax_rate` are decimal strings."""
    subtotal = rounded(Decimal(quantity) * unit_price)
    tax = rounded((subtotal - discount) * Decimal(tax_rate) / 100) if tax_rate else 0
    return subtotal, tax, subtotal - discount + tax


def price(line: Line) -> Line:
    """The line with its computed figures."""
    subtotal, tax, total = line_amounts(line.quantity, line.unit_price, line.discount, line.tax_rate)
    return msgspec.structs.replace(line, subtotal=subtotal, tax=tax, total=total)


def sign_of(charge: Charge) -> int:
    if charge.kind in SUBTRACT:
        return -1
    return charge.sign if charge.kind in SIGNED else 1


def computed(lines: Iterable[Line], charges: Iterable[Charge]) -> tuple[Charge, ...]:
    """The charges with their signed amounts, in order of position."""
    lines = tuple(lines)
    subtotal = sum(line.subtotal - line.discount for line in lines)
    running = sum(line.total for line in lines)
    done = []
    for charge in charges:
        value = Decimal(charge.value)
        if charge.mode == "percent":
            value = value * (running if charge.of == "running" else subtotal) / 100
        amount = sign_of(charge) * rounded(value)
        running += amount
        done.append(msgspec.structs.replace(charge, amount=amount))
    return tuple(done)


def order_total(lines: Iterable[Line], charges: Iterable[Charge]) -> int:
    """The grand total: line totals and the (computed) charges."""
    return sum(line.total for line in lines) + sum(charge.amount for charge in charges)


def adjusted(lines: tuple[Line, ...], charges: tuple[Charge, ...], stated: int | None) -> tuple[Charge, ...]:
    """The charges, with one `price_adjustment` more where the sender's own total differs from the sum of the parts."""
    difference = 0 if stated is None else stated - order_total(lines, charges)
    if not difference:
        return charges
    return (*charges, adjustment(difference))


def adjustment(difference: int, key: str = "stated-total") -> Charge:
    """A fixed price adjustment by `difference` minor units, either way."""
    return Charge(
        kind=ADJUSTMENT, key=key, value=str(abs(difference)), sign=1 if difference > 0 else -1, amount=difference,
        label="Difference to the stated total",
    )  # fmt: skip


def summarize(lines: Iterable[Line], charges: Iterable[Charge], paid: int, refunded: int) -> Summary:
    """The order's summary; its parts add up to `order_total` to the last minor unit."""
    lines, charges = tuple(lines), tuple(charges)
    by_kind: dict[str, int] = {}
    for charge in charges:
        by_kind[charge.kind] = by_kind.get(charge.kind, 0) + charge.amount
    total = order_total(lines, charges)
    return Summary(
        items_total=sum(line.subtotal for line in lines),
        discounts_total=sum(line.discount for line in lines) - sum(by_kind.get(kind, 0) for kind in sorted(SUBTRACT)),
        taxes_total=sum(line.tax for line in lines) + by_kind.get("tax", 0),
        charges=dict(sorted(by_kind.items())),
        shipping_total=by_kind.get("shipping", 0),
        order_total=total,
        paid=paid,
        refunded=refunded,
        remaining=max(0, total - paid),
    )


def within_bounds(lines: Iterable[Line], charges: Iterable[Charge]) -> bool:
    """Whether every figure fits: none beyond the largest amount, and the total not below zero."""
    lines, charges = tuple(lines), tuple(charges)
    figures = [
        *(line.subtotal for line in lines),
        *(line.total for line in lines),
        *(charge.amount for charge in charges),
    ]
    return all(abs(figure) <= LARGEST for figure in figures) and 0 <= order_total(lines, charges) <= LARGEST
