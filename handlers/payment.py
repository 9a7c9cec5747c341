"""What the money did: payments, refunds and disputes of one sale, and the payment status that follows.

received = sum of what succeeded payments count in the order's currency; returned = sum of good refunds and lost
disputes. A document's own word (`stated_paid`, `stated_returned`) fills only what its payments and refunds do not
account for, so that nothing is counted twice, whichever is seen first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

import msgspec
from msgspec import UNSET, UnsetType

from handlers import declines
from handlers.merge import merge_facts, view
from handlers.money import rounded
from schemas.fact import Dossier, Fact, Kind
from schemas.order import DisputeRow, PaymentRow, PaymentStatus, RefundRow
from schemas.stated import ChargeTotal, Child, Claim, Dispute, Form, Maybe, Payment, Refund, T

OPEN = frozenset({"pending", "processing", "requires_action"})


def known(value: Maybe[T], default: T) -> T:
    """The stated value, or the default where nothing is stated."""
    return default if isinstance(value, UnsetType) else value


class Money(msgspec.Struct, frozen=True):
    """All movements of one sale, and their sums in the order's currency."""

    payments: tuple[PaymentRow, ...] = ()
    refunds: tuple[RefundRow, ...] = ()
    disputes: tuple[DisputeRow, ...] = ()
    children: tuple[Child, ...] = ()

    @property
    def received(self) -> int:
        return sum(row.counted for row in self.payments) + sum(known(child.received, 0) for child in self.children)

    @property
    def returned(self) -> int:
        own = sum(row.counted for row in self.refunds) + sum(row.counted for row in self.disputes)
        return own + sum(known(child.returned, 0) for child in self.children)


def of_kind(dossier: Dossier, kind: Kind) -> list[Fact]:
    return [fact for fact in dossier.facts.values() if fact.kind is kind]


def movements(dossier: Dossier, currency: str, claims: Mapping[str, Claim]) -> Money:
    """Every payment, refund and dispute, counted in `currency`. `claims`: the documents by key, the base first."""
    owner = _payment_by_charge(dossier)
    stated: dict[str, Fact] = {}
    for fact in of_kind(
        dossier, Kind.PAYMENT
    ):  # a charge that turns out to belong to an intent is no payment of its own
        key = owner.get(fact.key, fact.key)
        own = Fact(key, fact.kind, fact.statements)
        stated[key] = merge_facts(stated[key], own) if key in stated else own
    rows = {key: _payment(fact, currency) for key, fact in sorted(stated.items())}
    _fill_stated_payments(rows, currency, claims, owner)
    refunds = _refunds(dossier, currency, claims, rows, owner)
    disputes = tuple(_dispute(fact, currency, rows, owner) for fact in of_kind(dossier, Kind.DISPUTE))
    for refund in refunds:
        if refund.payment in rows and refund.status == "succeeded":
            row = rows[refund.payment]
            rows[refund.payment] = msgspec.structs.replace(row, refunded=row.refunded + refund.amount)
    for dispute in disputes:
        if dispute.payment in rows:
            rows[dispute.payment] = msgspec.structs.replace(rows[dispute.payment], dispute=dispute.status)
    payments = tuple(sorted(rows.values(), key=lambda row: (row.attempted_at or 0, row.key)))
    children = tuple(view(fact, Child) for fact in of_kind(dossier, Kind.CHILD))
    return Money(payments, refunds, disputes, children)


def _payment_by_charge(dossier: Dossier) -> dict[str, str]:
    """The payment of each charge, where it is another object than the charge itself."""
    found = {}
    for fact in of_kind(dossier, Kind.CHARGE):
        charge, payment = _charge_key(fact), known(view(fact, ChargeTotal).payment, fact.key)
        if payment != charge:
            found[charge] = payment
    return found


def _charge_key(fact: Fact) -> str:
    """A charge that is its own payment keeps its running total under a key beside it."""
    return fact.key.removesuffix("#total")


def _payment(fact: Fact, currency: str) -> PaymentRow:
    stated = view(fact, Payment)
    status = known(stated.status, "pending")
    amount = known(stated.amount, known(stated.received, 0))
    paid_in = known(stated.currency, currency)
    good = status == "succeeded"
    received = known(stated.received, amount) or amount
    failed = status in ("failed", "canceled")  # given up after a try that failed: why it failed is still worth knowing
    return PaymentRow(
        key=fact.key,
        status=status,
        amount=received if good else amount,
        currency=paid_in,
        counted=received if good and paid_in == currency else 0,
        system=known(stated.system, ""),
        merchant=known(stated.merchant, None),
        method=known(stated.method, None),
        one_click=known(stated.one_click, False),
        fee=known(stated.fee, None),
        net=known(stated.net, None),
        failure_code=known(stated.failure_code, None) if failed else None,
        failure_reason=declines.reason(known(stated.failure_code, None), known(stated.failure_message, None))
        if failed
        else None,
        advice=known(stated.advice, None) if failed else None,
        comment=known(stated.comment, None),
        attempted_at=known(stated.attempted_at, min(s.at for s in fact.statements)),
        paid_at=(known(stated.paid_at, None) or max(s.at for s in fact.statements)) if good else None,
        flag="other_currency" if paid_in != currency else None,
    )


def _fill_stated_payments(
    rows: dict[str, PaymentRow], currency: str, claims: Mapping[str, Claim], owner: Mapping[str, str]
) -> None:
    """Add what the documents say was paid and no payment of its own accounts for. Several documents speak of the same
    money, save that each Checkout Session collects its own: an order may be paid for in parts."""
    sessions = {key: claim for key, claim in claims.items() if claim.form is Form.CHECKOUT}
    if len(sessions) > 1:
        for key, claim in sessions.items():
            named = {owner.get(paid, paid) for paid in known(claim.pays_with, ())}
            if named:
                accounted = sum(row.counted for paid, row in rows.items() if paid in named)
                _fill(rows, currency, {key: claim}, owner, accounted)
    _fill(rows, currency, claims, owner, sum(row.counted for row in rows.values()))


def _fill(
    rows: dict[str, PaymentRow], currency: str, claims: Mapping[str, Claim], owner: Mapping[str, str], accounted: int
) -> None:
    """Add what these documents say was paid beyond what is accounted for."""
    stated = max(
        (
            known(claim.stated_paid, None) or 0
            for claim in claims.values()
            if known(claim.currency, currency) == currency
        ),
        default=0,
    )
    missing = stated - accounted
    if missing <= 0:
        return
    named = [owner.get(key, key) for claim in claims.values() for key in known(claim.pays_with, ())]
    open_rows = [key for key in named if key in rows and not rows[key].counted]
    key = next(iter(open_rows), None) or next((key for key in named if key not in rows), None)
    base_key, base = next(
        (key, claim) for key, claim in claims.items() if (known(claim.stated_paid, None) or 0) == stated
    )
    key = key or base_key
    when = known(base.paid_at, None) or known(base.ordered_at, 0)
    held = rows.get(key)
    if held and held.status == "succeeded":  # paid in another currency, and the document states the converted amount
        rows[key] = msgspec.structs.replace(held, counted=missing)
        return
    rows[key] = PaymentRow(
        key=key,
        status="succeeded",
        amount=missing,
        currency=currency,
        counted=missing,
        system=(held.system if held else "") or known(base.payment_system, None) or "",
        method=held.method if held else None,
        attempted_at=held.attempted_at if held else when,
        paid_at=when,
        stated=True,
    )


def _resolve(payment: Maybe[str | None], charge: Maybe[str | None], owner: Mapping[str, str]) -> str | None:
    named = known(payment, None) or known(charge, None)
    return owner.get(named, named) if named else None


def _in_order_currency(amount: int, currency: str, order_currency: str, payment: PaymentRow | None) -> int:
    """What an amount of a payment's currency is in the order's: as the payment itself was counted, else nothing."""
    if currency == order_currency:
        return amount
    if payment is None or not payment.counted or not payment.amount or payment.currency != currency:
        return 0
    return rounded(Decimal(amount) * payment.counted / payment.amount)


def _refunds(
    dossier: Dossier,
    currency: str,
    claims: Mapping[str, Claim],
    rows: Mapping[str, PaymentRow],
    owner: Mapping[str, str],
) -> tuple[RefundRow, ...]:
    found = []
    by_payment: dict[str, int] = {}
    for fact in of_kind(dossier, Kind.REFUND):
        stated = view(fact, Refund)
        payment = _resolve(stated.payment, stated.charge, owner)
        amount, paid_in = known(stated.amount, 0), known(stated.currency, currency)
        status = known(stated.status, "pending")
        if payment:
            by_payment[payment] = by_payment.get(payment, 0) + amount
        counted = _in_order_currency(amount, paid_in, currency, rows.get(payment or "")) if status == "succeeded" else 0
        found.append(
            RefundRow(
                key=fact.key, amount=amount, currency=paid_in, status=status, counted=counted, payment=payment,
                reason=known(stated.reason, None), refunded_at=known(stated.refunded_at, None),
            )
        )  # fmt: skip
    for payment, (total, paid_in) in _running_totals(dossier, currency, owner).items():
        excess = total - by_payment.get(payment, 0)
        if excess > 0:
            counted = _in_order_currency(excess, paid_in, currency, rows.get(payment))
            found.append(_stated_refund(payment, excess, paid_in, counted, payment))
    missing = max((known(claim.stated_returned, None) or 0 for claim in claims.values()), default=0) - sum(
        row.counted for row in found
    )
    if missing > 0:
        found.append(_stated_refund(next(iter(claims)), missing, currency, missing, None))
    return tuple(sorted(found, key=lambda row: (row.refunded_at or 0, row.key)))


def _running_totals(dossier: Dossier, currency: str, owner: Mapping[str, str]) -> dict[str, tuple[int, str]]:
    """How much charges say was refunded of each payment, and in which currency: the largest figure of each charge."""
    charges: dict[str, tuple[int, str]] = {}
    for fact in of_kind(dossier, Kind.CHARGE):
        stated = view(fact, ChargeTotal)
        figure = (known(stated.refunded, 0), known(stated.currency, currency))
        charges[_charge_key(fact)] = max(charges.get(_charge_key(fact), figure), figure)
    totals: dict[str, tuple[int, str]] = {}
    for charge, (refunded, paid_in) in sorted(charges.items()):
        payment = owner.get(charge, charge)
        totals[payment] = (totals.get(payment, (0, ""))[0] + refunded, paid_in)
    return totals


def _stated_refund(key: str, amount: int, currency: str, counted: int, payment: str | None) -> RefundRow:
    """A refund known only as a running total, not by its own id."""
    return RefundRow(
        key=f"{key}#refunded", amount=amount, currency=currency, status="succeeded", counted=counted, payment=payment
    )


def _dispute(fact: Fact, currency: str, rows: Mapping[str, PaymentRow], owner: Mapping[str, str]) -> DisputeRow:
    stated = view(fact, Dispute)
    payment = _resolve(stated.payment, stated.charge, owner)
    amount, paid_in = known(stated.amount, 0), known(stated.currency, currency)
    status = known(stated.status, "needs_response")
    return DisputeRow(
        key=fact.key, amount=amount, currency=paid_in, status=status, payment=payment,
        counted=_in_order_currency(amount, paid_in, currency, rows.get(payment or "")) if status == "lost" else 0,
        reason=known(stated.reason, None), evidence_due_at=known(stated.evidence_due_at, None),
        disputed_at=known(stated.disputed_at, None),
    )  # fmt: skip


class Verdict(msgspec.Struct, frozen=True):
    """A payment status and the rule that gave it, as a sentence."""

    status: PaymentStatus
    rule: str


def decide(amount: int, money: Money, documents: Iterable[Claim], *, completed: bool = False) -> Verdict:
    """The payment status that follows from the facts alone; `overdue` is `at`'s to say."""
    documents = tuple(documents)
    received, returned = money.received, money.returned
    if received > 0:
        if returned >= received:
            return Verdict(PaymentStatus.REFUNDED, "all that was received was returned")
        if received >= amount:
            return Verdict(PaymentStatus.PAID, "what was received covers the amount")
        return Verdict(PaymentStatus.PARTIALLY_PAID, "what was received does not cover the amount")
    expected = any(known(document.open, False) for document in documents)
    canceled = (
        any(known(document.canceled, False) or document.deleted_at is not UNSET for document in documents)
        and not expected
    )
    by_shop = any(
        known(document.canceled, False) or document.deleted_at is not UNSET
        for document in documents
        if document.form in (Form.SHOP, Form.FEED)
    )
    if by_shop:
        return Verdict(PaymentStatus.CANCELED, "canceled by the sender before anything was received")
    if amount == 0 and (completed or any(known(document.settled, False) for document in documents)):
        return Verdict(PaymentStatus.PAID, "nothing is owed and the sale is complete")
    moving = [row for row in money.payments if row.status in OPEN]
    if [row for row in moving if row.status != "pending"] or (moving and not canceled):
        return Verdict(PaymentStatus.PENDING, "a payment is under way")
    if expected:
        return Verdict(PaymentStatus.PENDING, "a payment is still expected")
    if any(row.status == "failed" for row in money.payments) or any(
        known(document.failed, False) for document in documents
    ):
        return Verdict(PaymentStatus.FAILED, "the last attempt failed and nothing is under way")
    if canceled or (money.payments and all(row.status == "canceled" for row in money.payments)):
        return Verdict(PaymentStatus.CANCELED, "canceled or expired before anything was received")
    return Verdict(PaymentStatus.PENDING, "nothing was received yet")


def at(verdict: Verdict, due_at: int | None, now: int) -> Verdict:
    """The verdict as of `now` (microseconds): what is unpaid past its due date is overdue."""
    unpaid = verdict.status in (PaymentStatus.PENDING, PaymentStatus.PARTIALLY_PAID)
    if unpaid and due_at is not None and now >= due_at:
        return Verdict(PaymentStatus.OVERDUE, f"due and unpaid; {verdict.rule}")
    return verdict


def paid_at(amount: int, money: Money) -> int | None:
    """When the received sum first covered the amount."""
    came = [(row.paid_at or 0, row.counted) for row in money.payments if row.counted]
    came += [
        (known(child.paid_at, None) or 0, received)
        for child in money.children
        if (received := known(child.received, 0))
    ]
    running = 0
    for when, counted in sorted(came):
        running += counted
        if running >= amount:
            return when or None
    return None
