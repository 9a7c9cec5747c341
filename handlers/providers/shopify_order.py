"""A Shopify order as it stands at one moment, read whole.

All money is the shop's (`shop_money`), never the customer's currency. The amount is what the order came to at the
sale; refunds are apart. An order that was cut down before it was paid for comes to what is left of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from handlers import money
from handlers.errors import Unmappable
from handlers.merge import state
from handlers.money import EXPONENTS, rounded
from handlers.providers.sale_parts import address, charge, fitting, joined, key, keyed, plain, quantity, sold
from handlers.providers.shopify_movements import returned, shipment, tracking
from handlers.reading import Node, micros
from schemas.fact import Kind, Reading
from schemas.order import PaymentStatus, ShippingStatus
from schemas.provider import Event
from schemas.stated import Charge, Claim, Form, Line, Party

_ADDRESS = {
    "name": "name", "company": "company", "line1": "address1", "line2": "address2", "city": "city",
    "state": "province", "postal_code": "zip", "country": "country_code", "phone": "phone",
}  # fmt: skip
_SETTLED = frozenset({"paid", "partially_refunded", "refunded"})
_PROGRESS = ("pending", "authorized", "partially_paid", "paid", "partially_refunded", "refunded", "voided", "expired")
_SHIPPING = {
    "partial": ShippingStatus.PARTIALLY_SHIPPED,
    "fulfilled": ShippingStatus.SHIPPED,
    "restocked": ShippingStatus.RETURNED,
}


class _Money:
    """Reads amounts in the shop's currency: from the `_set` beside a field, else from the plain field."""

    def __init__(self, order: Node) -> None:
        shop = _shop_money(order, "total_price")
        self._plain = order.currency("currency") if order.has("currency") or shop is None else ""
        named = shop and (_currency_of(shop) or None)
        self.currency = named or self._plain
        if not self.currency:
            raise Unmappable(order.at("currency"), "missing")

    def figure(self, node: Node, name: str) -> tuple[Any, str]:
        """The amount as sent, and its path."""
        shop = _shop_money(node, name)
        if shop is None:
            value = node.raw(name)
            if value not in (None, "") and self._plain not in ("", self.currency):
                raise Unmappable(node.at(name), f"stated in {self._plain}, and the order is in {self.currency}")
            return value, node.at(name)
        if _currency_of(shop) not in (None, self.currency):
            raise Unmappable(shop.path, f"stated in {_currency_of(shop)}, and the order is in {self.currency}")
        return shop.raw("amount"), shop.at("amount")

    def has(self, node: Node, name: str) -> bool:
        return self.figure(node, name)[0] not in (None, "")

    def exact(self, node: Node, name: str) -> int:
        """An amount that has to fit the currency; missing is Unmappable."""
        value, path = self.figure(node, name)
        if value in (None, ""):
            raise Unmappable(path, "missing")
        return money.minor(value, self.currency, path)

    def rounded(self, node: Node, name: str) -> int:
        """A part of an order, which may carry more digits than the currency has; 0 where it is missing."""
        value, path = self.figure(node, name)
        return money.minor_rounded(value, self.currency, path) if value not in (None, "") else 0

    def times(self, node: Node, name: str, count: str) -> int:
        """A price times a quantity, rounded once."""
        value, path = self.figure(node, name)
        if value in (None, ""):
            return 0
        whole = money.decimal(value, path) * Decimal(count)
        return money.bounded(rounded(whole.scaleb(EXPONENTS[self.currency])), path)


def _shop_money(node: Node, name: str) -> Node | None:
    stated = node.maybe_node(f"{name}_set")
    shop = stated.maybe_node("shop_money") if stated else None
    return shop if shop is not None and shop.raw("amount") not in (None, "") else None


def _currency_of(shop: Node) -> str | None:
    name = next((name for name in ("currency_code", "currency") if shop.has(name)), None)
    return shop.currency(name) if name else None


def order(event: Event, body: Node) -> Reading:
    """The body of every orders/* topic that carries the order: its claim, its refunds, its fulfillments."""
    identifier = body.identifier("id")
    amounts = _Money(body)
    status = (body.text("financial_status", 64) or "pending").lower()
    canceled = body.has("cancelled_at") or status in ("voided", "expired")
    total = amounts.exact(body, "total_price")
    if total < 0:
        raise Unmappable(body.at("total_price"), "an amount below zero")
    removed = _removed_unpaid(body, amounts, status, total, canceled)
    lines = keyed(_lines(body, amounts))
    charges = _charges(body, amounts, lines, total, removed)
    paid, note = _stated_paid(body, amounts, status, total - removed)
    created = body.maybe_time("created_at")
    at = body.maybe_time("updated_at") or created or micros(event.received_at)
    number = body.text("name", 255) or body.maybe_identifier("order_number")
    stated = Claim(
        form=Form.SHOP,
        claims=True,
        connection=event.source.connection,
        external_id=identifier,
        external_number=number,
        title=f"Shopify {number or identifier}",
        currency=amounts.currency,
        total=total - removed,
        lines=lines,
        charges=charges,
        open=not canceled and status not in _SETTLED,
        failed=False,
        canceled=canceled,
        settled=status in _SETTLED,
        stated_paid=paid,
        stated_returned=paid if status == "refunded" else 0,
        note=note,
        payment_system=_gateway(body),
        party=_party(event, body),
        billing_address=address(body.maybe_node("billing_address"), _ADDRESS),
        shipping_address=address(body.maybe_node("shipping_address"), _ADDRESS),
        shipping_status=_shipping_status(body),
        tracking_url=_tracking(body),
        notes=body.text("note"),
        ordered_at=body.maybe_time("processed_at") or created or at,
        paid_at=None,
        due_at=_due_at(body),
        livemode=event.livemode and not body.boolean("test"),
    )
    own = key(event.source.connection, "order", identifier)
    claim = state(own, Kind.CLAIM, stated, at=at, rank=_rank(body, status), event=event.id)
    converted = _conversion(body, amounts) if body.raw("refunds") else None
    back = (fact for node in body.nodes("refunds") for fact in returned(event, node, converted))
    return Reading((claim, *back, *(shipment(event, node) for node in body.nodes("fulfillments") if node.has("id"))))


def _rank(body: Node, status: str) -> int:
    """Which of two snapshots of one second is the later one: the one further along."""
    progress = _PROGRESS.index(status) if status in _PROGRESS else 0
    shipped = {"partial": 1, "fulfilled": 2, "restocked": 3}.get(body.text("fulfillment_status", 64) or "", 0)
    return 100 * body.has("cancelled_at") + 10 * progress + shipped


def _lines(body: Node, amounts: _Money) -> Iterator[Line]:
    shipping = [node.text("title", 255) for node in body.nodes("shipping_lines") if not node.boolean("is_removed")]
    method = shipping[0] if len(shipping) == 1 else None
    included = body.boolean("taxes_included")
    for node in body.nodes("line_items"):
        discount = sum(amounts.rounded(share, "amount") for share in node.nodes("discount_allocations"))
        tax, rate = _taxes(node, amounts)
        gross = amounts.times(node, "price", quantity(node))
        goods = node.raw("requires_shipping") is not False
        yield sold(
            node,
            name=node.text("name", 1000) or node.text("title", 1000),
            subtotal=gross - tax if included else gross,
            discount=discount,
            tax=tax,
            tax_rate=rate,
            delivery_method=method if goods else None,
            service=not goods,
        )


def _taxes(node: Node, amounts: _Money) -> tuple[int, str | None]:
    """The taxes of a line in sum, and their rates in sum as a percentage."""
    tax, rate = 0, None
    for line in node.nodes("tax_lines"):
        tax += amounts.rounded(line, "price")
        if line.has("rate"):
            rate = (rate or Decimal(0)) + line.decimal("rate") * 100
    return tax, None if rate is None else plain(rate)


def _charges(body: Node, amounts: _Money, lines: tuple[Line, ...], total: int, removed: int) -> tuple[Charge, ...]:
    """Shipping and its tax, then what else the total consists of, then what was taken off before payment."""
    included = body.boolean("taxes_included")
    found: list[Charge] = []
    for index, node in enumerate(body.nodes("shipping_lines"), 1):
        if node.boolean("is_removed"):
            continue
        off = [amounts.rounded(share, "amount") for share in node.nodes("discount_allocations")]
        price = amounts.rounded(node, "price")
        lowered = not off and amounts.has(node, "discounted_price")
        gross = amounts.rounded(node, "discounted_price") if lowered else price - sum(off)
        tax, _ = _taxes(node, amounts)
        name = node.maybe_identifier("id") or f"{index}"
        label = node.text("title", 255)
        found.append(charge("shipping", f"shipping-{name}", gross - tax if included else gross, label))
        found.append(charge("tax", f"shipping-{name}-tax", tax, "Tax on shipping"))
    found = [one for one in found if one.amount]
    base = sum(line.total for line in lines) + sum(one.amount for one in found)
    known = sum(line.tax for line in lines) + sum(one.amount for one in found if one.kind == "tax")
    others = 0 if included else max(0, amounts.rounded(body, "total_tax") - known)
    cash = amounts.rounded(body, "total_cash_rounding_payment_adjustment")
    optional = (
        charge("tax", "other-tax", others, "Taxes"),
        charge("additional_cost", "tip", amounts.rounded(body, "total_tip_received"), "Tip"),
        charge("additional_cost", "duties", _duties(body, amounts), "Duties"),
        charge("additional_cost", "fees", amounts.rounded(body, "original_total_additional_fees"), "Additional fees"),
        charge("price_adjustment", "cash-rounding", cash, "Cash rounding"),
    )  # fmt: skip
    found.extend(fitting(base, optional, total))
    if removed:
        found.append(charge("price_adjustment", "removed", -removed, "Taken off the order before payment"))
    return tuple(found)


def _duties(body: Node, amounts: _Money) -> int:
    if amounts.has(body, "original_total_duties"):
        return amounts.rounded(body, "original_total_duties")
    return sum(amounts.rounded(duty, "price") for line in body.nodes("line_items") for duty in line.nodes("duties"))


def _removed_unpaid(body: Node, amounts: _Money, status: str, total: int, canceled: bool) -> int:
    """What was edited out of an order before it was paid for, which nobody owes and nobody gets back.

    Shopify lists what was taken out beside the refunds, leaves the total as it was, and lowers only the current one.
    """
    if canceled or not amounts.has(body, "current_total_price") or status in ("partially_refunded", "refunded"):
        return 0
    current = amounts.rounded(body, "current_total_price")
    taken_out = [node for node in body.nodes("refunds") if node.has("refund_line_items")]
    given_back = any(True for node in taken_out for _ in node.nodes("transactions"))
    if given_back or not taken_out or not 0 < current < total:
        return 0
    if status == "paid" and amounts.rounded(body, "total_outstanding") != 0:
        return 0
    return total - current


def _stated_paid(body: Node, amounts: _Money, status: str, total: int) -> tuple[int, str | None]:
    """What came in by the order's own word, and the bare status where it states no sum.

    `paid` is believed over `total_outstanding`: an order that an app made as paid has both.
    """
    owed = amounts.rounded(body, "total_outstanding") if amounts.has(body, "total_outstanding") else None
    if status == "paid":
        return total, None
    if status in _SETTLED:
        return (total - owed if owed is not None and 0 < owed < total else total), None
    if status == "partially_paid":
        known = owed is not None and 0 < owed < total
        return (total - owed, None) if known and owed is not None else (0, PaymentStatus.PARTIALLY_PAID)
    return 0, None


def _conversion(body: Node, amounts: _Money) -> tuple[str, str, Decimal]:
    """The customer's currency, the order's, and the one in the other, by the order's own two totals."""
    own = (amounts.currency, amounts.currency, Decimal(1))
    totals = body.maybe_node("total_price_set")
    shop = totals.maybe_node("shop_money") if totals else None
    theirs = totals.maybe_node("presentment_money") if totals else None
    if shop is None or theirs is None or not shop.has("amount") or not theirs.has("amount"):
        return own
    paid_in, amount = _currency_of(theirs), theirs.decimal("amount")
    return (paid_in, amounts.currency, shop.decimal("amount") / amount) if paid_in and amount > 0 else own


def _gateway(body: Node) -> str | None:
    names = body.raw("payment_gateway_names")
    listed = [name for name in names if isinstance(name, str) and name.strip()] if isinstance(names, list) else []
    first = Node({"name": listed[0] if listed else None}, body.at("payment_gateway_names")).text("name", 255)
    return first or body.text("gateway", 255)


def _party(event: Event, body: Node) -> Party:
    """The customer; a guest by the order's own e-mail address; nobody where neither is known."""
    customer = body.maybe_node("customer") or Node({}, body.at("customer"))
    home = customer.maybe_node("default_address") or Node({})
    billing = body.maybe_node("billing_address") or Node({})
    identifier = customer.maybe_identifier("id")
    own_name = joined(customer.text("first_name", 255), customer.text("last_name", 255)) or home.text("name", 500)
    return Party(
        ids=(key(event.source.connection, "customer", identifier),) if identifier else (),
        email=customer.email("email") or body.email("email") or body.email("contact_email"),
        name=own_name or billing.text("name", 500),
        phone=customer.text("phone", 64) or body.text("phone", 64) or billing.text("phone", 64),
    )


def _shipping_status(body: Node) -> str:
    status = _SHIPPING.get((body.text("fulfillment_status", 64) or "").lower(), ShippingStatus.UNSHIPPED)
    sent = [node.raw("shipment_status") for node in body.nodes("fulfillments") if node.raw("status") == "success"]
    arrived = bool(sent) and all(shipped == "delivered" for shipped in sent)
    return str(ShippingStatus.DELIVERED if status is ShippingStatus.SHIPPED and arrived else status)


def _tracking(body: Node) -> str | None:
    """Of the latest parcel that has one."""
    found = [
        (node.maybe_time("updated_at") or node.maybe_time("created_at") or 0, index, url)
        for index, node in enumerate(body.nodes("fulfillments"))
        if node.raw("status") == "success" and (url := tracking(node))
    ]
    return max(found)[2] if found else None


def _due_at(body: Node) -> int | None:
    """When the next payment by the agreed terms is due."""
    terms = body.maybe_node("payment_terms")
    if terms is None:
        return None
    dates = [(node.maybe_time("due_at"), node.has("completed_at")) for node in terms.nodes("payment_schedules")]
    open_dates = [due for due, done in dates if due is not None and not done]
    every_date = [due for due, _ in dates if due is not None]
    return min(open_dates, default=None) or max(every_date, default=None) or terms.maybe_time("due_at")
