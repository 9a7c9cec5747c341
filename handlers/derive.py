"""The order that follows from a dossier and from now.

One function, no state of its own: the same dossier and the same now always give the same order, so any order of
arrival and any duplicates end alike, and any order can be derived again from its raw events.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import UNSET

from handlers import payment, summary
from handlers.history import history_key, last_changed
from handlers.merge import holders, values, view
from handlers.payment import known, of_kind
from schemas.fact import Dossier, Fact, Kind
from schemas.order import ManagedBy, Order, OrderSource, OrderType, PaymentStatus, SalesStatus, ShippingStatus, Status
from schemas.stated import Charge, Child, Claim, Credit, Form, Fulfillment, Hand, Line, Party, Payment

HAND_KEY = "hand"
_OURS = (f"{HAND_KEY}:", "child:")
"""How the keys of objects begin that no sender knows."""
_FORMS = tuple(Form)
_STRIPE_FORMS = frozenset({Form.CHECKOUT, Form.INVOICE, Form.INTENT})
_SALES = {
    PaymentStatus.PENDING: SalesStatus.OPEN,
    PaymentStatus.PARTIALLY_PAID: SalesStatus.OPEN,
    PaymentStatus.OVERDUE: SalesStatus.OPEN,
    PaymentStatus.PAID: SalesStatus.COMPLETED,
    PaymentStatus.FAILED: SalesStatus.DECLINED,
    PaymentStatus.CANCELED: SalesStatus.DECLINED,
    PaymentStatus.REFUNDED: SalesStatus.REFUND,
}


def hand_key(order_id: str) -> str:
    """The object key of what people state of an order."""
    return f"{HAND_KEY}:{order_id}"


def makes_order(dossier: Dossier) -> bool:
    """Whether something in the dossier claims the sale; until then its events wait."""
    return any(_claims(fact) for fact in dossier.facts.values())


def _claims(fact: Fact) -> bool:
    if fact.kind is Kind.CLAIM or fact.kind is Kind.PAYMENT:
        return values(fact).get("claims") is True
    return fact.kind is Kind.HAND and "origin" in values(fact)


def has_payment_facts(dossier: Dossier) -> bool:
    """Whether the payment status is derived: some provider speaks of money. Else it is a note (O5)."""
    kinds = {Kind.PAYMENT, Kind.CHARGE, Kind.REFUND, Kind.DISPUTE}
    if any(fact.kind in kinds for fact in dossier.facts.values()):
        return True
    if any(known(view(fact, Child).received, 0) for fact in of_kind(dossier, Kind.CHILD)):
        return True
    return any(
        known(claim.form, Form.FEED) is not Form.FEED or known(claim.stated_paid, None) is not None
        for _, claim in _documents(dossier)
    )


def _documents(dossier: Dossier) -> list[tuple[str, Claim]]:
    """The documents that claim the sale by key, the base first: by form, then the earliest, then the id."""
    found = []
    for fact in of_kind(dossier, Kind.CLAIM):
        claim = view(fact, Claim)
        if claim.deleted_at is not UNSET and any(
            s.at > claim.deleted_at and "total" in s.fields for s in fact.statements
        ):
            claim = msgspec.structs.replace(claim, deleted_at=UNSET)  # a later version restored it
        if claim.claims is True and claim.form is not UNSET:
            found.append((fact.key, claim))
    for fact in of_kind(dossier, Kind.PAYMENT):
        stated = view(fact, Payment)
        if stated.claims is True:
            found.append((fact.key, _intent(fact.key, stated)))
    return sorted(
        found, key=lambda pair: (_FORMS.index(known(pair[1].form, Form.INTENT)), known(pair[1].ordered_at, 0), pair[0])
    )


def _intent(key: str, stated: Payment) -> Claim:
    """A payment intent that makes an order of its own."""
    external_id = key.removeprefix("stripe:")
    return Claim(
        form=Form.INTENT,
        claims=True,
        connection=known(stated.connection, "stripe"),
        external_id=external_id,
        title=f"Stripe payment {external_id[-8:]}",
        currency=known(stated.currency, "USD"),
        total=known(stated.amount, 0),
        ordered_at=known(stated.attempted_at, 0),
        party=known(stated.party, Party()),
        livemode=known(stated.livemode, True),
        stripe={"payment_intent_id": external_id},
    )


class _Fields:
    """The value of each editable field: a person's where it is newer than the sender's last change of it."""

    def __init__(self, dossier: Dossier, hand: Fact | None, base: tuple[str, Claim] | None) -> None:
        self._hand = values(hand) if hand else {}
        self._held_at = {name: statement.at for name, statement in holders(hand).items()} if hand else {}
        self.hand = view(hand, Hand) if hand else Hand()
        self._history = dossier.facts.get(history_key(base[0])) if base else None
        self._claim = base[1] if base else Claim()

    def by_hand(self, name: str) -> bool:
        if name not in self._hand:
            return False
        changed = last_changed(self._history, name)
        return changed is None or self._held_at[name] >= changed

    def get(self, name: str, default: Any = None) -> Any:
        if self.by_hand(name):
            return known(getattr(self.hand, name), default)
        return known(getattr(self._claim, name, UNSET), default)


def derive(dossier: Dossier, now: int) -> Order:
    """The order of a dossier for which `makes_order` holds. `now` in microseconds decides only what is overdue."""
    hand_fact = next(iter(of_kind(dossier, Kind.HAND)), None)
    documents = _documents(dossier)
    base_key, base = documents[0] if documents else ("", None)
    fields = _Fields(dossier, hand_fact, documents[0] if documents else None)
    made_by_hand = fields.hand.origin is not UNSET
    if made_by_hand:
        fields = _Fields(dossier, hand_fact, None)
    currency = fields.get("currency", "BRL")
    claims = dict(documents)
    money = payment.movements(dossier, currency, claims)
    lines, charges, total = _content(dossier, fields, base if not made_by_hand else None)
    status = known(fields.hand.status, Status.NEW)
    due_at = fields.get("due_at")
    derived = has_payment_facts(dossier)
    if derived:
        verdict = payment.decide(total, money, claims.values(), completed=status == Status.COMPLETED)
        paid, refunded, paid_at = money.received, money.returned, payment.paid_at(total, money)
    else:
        verdict, paid, refunded, paid_at = _noted(fields.hand, base, total, status)
    verdict = payment.at(verdict, due_at, now)
    shipping_status, tracking_url = _shipping(dossier, fields, lines)
    identity = _identity(fields, base, base_key, made_by_hand)
    party, emails, party_at = _party(dossier, documents)
    title = fields.get("title") or identity["title"]
    return Order(
        **{**identity, "title": title},
        status=status,
        payment_status=verdict.status,
        rule=verdict.rule,
        shipping_status=shipping_status,
        sales_status=_sales_status(verdict.status, paid, fields.hand),
        sale_kind=known(fields.hand.sale_kind, "system"),
        sale_confirmed_at=known(fields.hand.sale_confirmed_at, None),
        sale_confirmed_by=known(fields.hand.sale_confirmed_by, None),
        payment_type="partial"
        if verdict.status == PaymentStatus.PARTIALLY_PAID or sum(bool(r.counted) for r in money.payments) > 1
        else "full",
        livemode=_livemode(dossier, documents, fields.hand),
        currency=currency,
        amount=total,
        shipping_amount=sum(charge.amount for charge in charges if charge.kind == "shipping"),
        amount_paid=paid,
        amount_refunded=refunded,
        is_paid=verdict.status == PaymentStatus.PAID or (paid > 0 and paid >= total),
        ordered_at=fields.get("ordered_at", 0),
        paid_at=paid_at,
        due_at=due_at,
        notes=fields.get("notes"),
        billing_address=fields.get("billing_address"),
        shipping_address=fields.get("shipping_address"),
        tracking_url=tracking_url,
        contact_id=known(fields.hand.contact_id, None),
        deal_id=known(fields.hand.deal_id, None),
        owner_id=known(fields.hand.owner_id, None),
        manager_id=known(fields.hand.manager_id, None),
        offer_id=known(fields.hand.offer_id, None),
        location_id=known(fields.hand.location_id, None),
        destination_location_id=known(fields.hand.destination_location_id, None),
        stripe=_stripe_ids(documents, money),
        links=tuple(key for key in dossier.links if not key.startswith(_OURS)),
        lines=lines,
        charges=charges,
        summary=summary.summarize(lines, charges, paid, refunded),
        payments=money.payments,
        refunds=money.refunds,
        disputes=money.disputes,
        party=party,
        emails=emails,
        party_at=party_at,
        parent_id=known(fields.hand.parent_id, None),
        recurring_order_id=known(fields.hand.recurring_order_id, None),
        moves_stock=known(fields.hand.moves_stock, True),
    )


def _sales_status(status: str, paid: int, hand: Hand) -> SalesStatus:
    """The label of the sales screens: it follows the payment status, save that somebody may have confirmed or declined
    a partly paid sale (P4)."""
    partly = status == PaymentStatus.PARTIALLY_PAID or (status == PaymentStatus.OVERDUE and paid > 0)
    verdict = known(hand.verdict, None)
    if partly and verdict:
        return SalesStatus.COMPLETED if verdict == "confirmed" else SalesStatus.DECLINED
    return _SALES[PaymentStatus(status)]


def _content(dossier: Dossier, fields: _Fields, base: Claim | None) -> tuple[tuple[Line, ...], tuple[Charge, ...], int]:
    """Lines, computed charges and the grand total."""
    lines: tuple[Line, ...] = fields.get("lines", ())
    if base is not None and not lines and not fields.by_hand("lines") and known(base.total, 0):
        lines = (
            summary.price(Line(key="total", name=known(base.title, None) or "Sale", unit_price=known(base.total, 0))),
        )
    detail = () if base is None or fields.by_hand("lines") else known(base.detail, ())
    if detail and sum(line.total for line in detail) == sum(line.total for line in lines):
        lines = detail
    charges = summary.computed(lines, fields.get("charges", ()))
    edited = fields.by_hand("lines") or fields.by_hand("charges")
    if base is not None and not edited:
        charges = summary.adjusted(lines, charges, known(base.total, 0))
    owed_less = _credited(dossier)
    if owed_less:
        charges = (
            *charges,
            msgspec.structs.replace(summary.adjustment(-owed_less, "credit-notes"), label="Credit notes"),
        )
    return lines, charges, summary.order_total(lines, charges)


def _credited(dossier: Dossier) -> int:
    """What credit notes take off the amount: by the notes themselves, or by the invoice's running total of them."""
    notes = totals = 0
    for fact in of_kind(dossier, Kind.CREDIT):
        credit = view(fact, Credit)
        amount = 0 if known(credit.void, False) else known(credit.amount, 0)
        if fact.key.endswith("#credited"):
            totals += amount
        else:
            notes += amount
    return max(notes, totals)


def _noted(hand: Hand, base: Claim | None, total: int, status: str) -> tuple[payment.Verdict, int, int, int | None]:
    """The payment state of an order on which no provider states money: a note, by hand or in a feed's order."""
    note = known(hand.payment_status, None) or (known(base.note, None) if base else None)
    if base is not None and (known(base.canceled, False) or base.deleted_at is not UNSET):
        return (
            payment.Verdict(PaymentStatus.CANCELED, "canceled by the sender before anything was received"),
            0,
            0,
            None,
        )
    if note is None:
        verdict = payment.decide(total, payment.Money(), (), completed=status == Status.COMPLETED)
        return verdict, 0, 0, None
    paid = known(hand.amount_paid, None)
    when = known(hand.paid_at, None) or (known(base.paid_at, None) if base else None)
    by_note = payment.Verdict(PaymentStatus(note), f"noted as {note}; no payment is known")
    if note == PaymentStatus.PAID:
        return by_note, total if paid is None else paid, 0, when
    if note == PaymentStatus.REFUNDED:
        back = known(hand.amount_refunded, None)
        return by_note, total if paid is None else paid, total if back is None else back, when
    return by_note, paid or 0, 0, None


def _shipping(dossier: Dossier, fields: _Fields, lines: tuple[Line, ...]) -> tuple[str, str | None]:
    """Shipping status and tracking address: a document's or a person's word, and what fulfilments add to it."""
    status = fields.get("shipping_status")
    tracking = fields.get("tracking_url")
    shipped = [view(fact, Fulfillment) for fact in of_kind(dossier, Kind.FULFILLMENT)]
    good = [fulfillment for fulfillment in shipped if known(fulfillment.status, "success") == "success"]
    if good and not fields.by_hand("shipping_status") and status in (None, ShippingStatus.UNSHIPPED):
        sent = {key for fulfillment in good for key in known(fulfillment.lines, {})}
        whole = bool(lines) and all(line.key in sent for line in lines if not line.service)
        status = ShippingStatus.SHIPPED if whole else ShippingStatus.PARTIALLY_SHIPPED
    if tracking is None and not fields.by_hand("tracking_url"):
        tracking = next((url for f in reversed(good) if (url := known(f.tracking_url, None))), None)
    return status or ShippingStatus.UNSHIPPED, tracking


def _identity(fields: _Fields, base: Claim | None, base_key: str, made_by_hand: bool) -> dict[str, Any]:
    """Who made the order, under which id, and by which name it goes."""
    hand = fields.hand
    if made_by_hand:
        title = known(hand.title, None) or "Order"
        return {
            "origin": known(hand.origin, "api"),
            "external_id": known(hand.external_id, None),
            "external_number": known(hand.external_number, None),
            "title": title,
            "slug": known(hand.slug, slugify(title)),
            "type": known(hand.type, OrderType.SALE),
            "template": known(hand.template, OrderType.SALE),
            "source": known(hand.source, OrderSource.API),
            "managed_by": ManagedBy.MANUAL if hand.recurring_order_id is UNSET else ManagedBy.STRIPE,
        }
    if base is None:
        raise ValueError("nothing claims this sale: ask makes_order first")
    form = known(base.form, Form.INTENT)
    external_id = known(base.external_id, base_key)
    origin = known(base.connection, "stripe")
    number = known(base.external_number, None)
    digest = hashlib.blake2b(external_id.encode(), digest_size=4).hexdigest()
    source = {Form.SHOP: OrderSource.COMMERCE, Form.FEED: OrderSource.WEBHOOK}.get(form, OrderSource.PAYMENTS)
    return {
        "origin": origin,
        "external_id": external_id,
        "external_number": number,
        "title": f"Order {number or external_id}",
        "slug": f"{slugify(origin)}-{slugify(number or external_id)[-40:]}-{digest}",
        "type": OrderType.SALE,
        "template": OrderType.SALE,
        "source": source,
        "managed_by": ManagedBy.STRIPE if form in _STRIPE_FORMS else ManagedBy.MANUAL,
    }


def slugify(text: str) -> str:
    """Lower-case ASCII letters, digits and single hyphens; `order` where nothing is left."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:80] or "order"


def _party(dossier: Dossier, documents: list[tuple[str, Claim]]) -> tuple[Party, tuple[str, ...], int]:
    """The customer: all ids by which documents and payments know them, the base document's own words first."""
    ids: set[str] = set()
    emails: set[str] = set()
    first = Party()
    stated_at = 0
    for key, claim in documents:
        party = known(claim.party, Party())
        ids.update(party.ids)
        if party.email:
            emails.add(party.email)
        if not stated_at and key in dossier.facts:
            stated_at = max(statement.at for statement in dossier.facts[key].statements)
        first = Party(email=first.email or party.email, name=first.name or party.name, phone=first.phone or party.phone)
    for fact in of_kind(dossier, Kind.PAYMENT):
        ids.update(known(view(fact, Payment).party, Party()).ids)
    return msgspec.structs.replace(first, ids=tuple(sorted(ids))), tuple(sorted(emails)), stated_at


def _livemode(dossier: Dossier, documents: list[tuple[str, Claim]], hand: Hand) -> bool:
    """Test if anything in it is test."""
    stated = (
        [hand.livemode]
        + [claim.livemode for _, claim in documents]
        + [view(fact, Payment).livemode for fact in of_kind(dossier, Kind.PAYMENT)]
    )
    return all(known(mode, True) for mode in stated)


def _stripe_ids(documents: list[tuple[str, Claim]], money: payment.Money) -> dict[str, str]:
    """The Stripe ids that decide: the base document's over the others', the counted payment's intent over all."""
    found: dict[str, str] = {}
    for _, claim in reversed(documents):
        found.update(_plain(known(claim.stripe, {})))
    deciding = [row for row in money.payments if row.key.startswith("stripe:pi_")]
    if deciding:
        best = max(deciding, key=lambda row: (row.counted > 0, row.paid_at or row.attempted_at or 0, row.key))
        found["payment_intent_id"] = best.key.removeprefix("stripe:")
    return dict(sorted(found.items()))


def _plain(ids: Mapping[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in ids.items() if value}
