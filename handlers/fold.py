"""Folding events over a dossier: join what each states, then derive the order that follows.

An event that cannot be folded leaves the dossier as it was, so its neighbours never notice it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from handlers import payment
from handlers.derive import derive, makes_order
from handlers.merge import add, values
from schemas.fact import Dossier, Kind, Reading
from schemas.order import Order, PaymentRow


class Folded(msgspec.Struct, frozen=True):
    """A dossier with its order (None while nothing claims the sale), its payments, and the events that failed."""

    dossier: Dossier
    order: Order | None
    payments: tuple[PaymentRow, ...]
    failed: dict[str, str] = {}


def fold(dossier: Dossier, readings: Sequence[tuple[str, Reading]], now: int) -> Folded:
    """Join the readings (event id, reading) into the dossier and derive its order as of `now` (microseconds).

    All are joined and derived at once; only if that fails are they tried one by one to find the culprit.
    """
    try:
        return _derived(_joined(dossier, (reading for _, reading in readings)), now)
    except Exception:  # noqa: BLE001  (whichever event it is, it must not take the others with it)
        failed = {}
        for event_id, reading in readings:
            try:
                candidate = add(dossier, reading)
                _derived(candidate, now)
            except Exception as error:  # noqa: BLE001
                failed[event_id] = f"{type(error).__name__}: {error}"[:500]
            else:
                dossier = candidate
        return msgspec.structs.replace(_derived(dossier, now), failed=failed)


def _joined(dossier: Dossier, readings: Iterable[Reading]) -> Dossier:
    for reading in readings:
        dossier = add(dossier, reading)
    return dossier


def _derived(dossier: Dossier, now: int) -> Folded:
    if makes_order(dossier):
        order = derive(dossier, now)
        return Folded(dossier, order, order.payments)
    return Folded(dossier, None, unclaimed(dossier).payments)


def unclaimed(dossier: Dossier) -> payment.Money:
    """The movements of a dossier that nothing claims yet, each counted in its own currency."""
    facts = payment.of_kind(dossier, Kind.PAYMENT)
    currency = min((values(fact).get("currency", "USD") for fact in facts), default="USD")
    return payment.movements(dossier, currency, {})


def waiting_for(dossier: Dossier, reading: Reading) -> str | None:
    """What an event waits for, as a sentence; None where it waits for nothing."""
    if makes_order(dossier) or (reading.facts and all(fact.kind is Kind.SUBSCRIPTION for fact in reading.facts)):
        return None
    drafts = [fact.key for fact in reading.facts if fact.kind is Kind.CLAIM and values(fact).get("claims") is False]
    if drafts:
        return f"{_name(drafts[0])} is not final yet; it makes an order once it is"
    if any(fact.kind is Kind.CLAIM for fact in reading.facts):
        return f"the order {_name(reading.facts[0].key)} has not been seen yet"
    named = _name(min(reading.keys, key=lambda key: (":pi_" not in key, key))) if reading.keys else "this payment"
    return f"no checkout, invoice or order that claims {named} has been seen yet"


def _name(key: str) -> str:
    return key.split(":", 1)[-1]
