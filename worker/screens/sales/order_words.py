"""What happened to an order, and why its payment status is what it is, in the words of those who work with it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Any

import msgspec

from schemas.api.order import ExplainedStatement, FieldChange, TimelineEntry
from worker.screens import words
from worker.store.order_context import Named

MONEY = frozenset(
    {
        "amount", "amount_paid", "amount_refunded", "shipping_amount", "received", "refunded", "returned", "total",
        "fee", "net", "counted", "stated_paid", "stated_returned", "unit_price", "discount", "subtotal", "tax",
    }
)  # fmt: skip
NAMED = frozenset(
    {"contact_id", "deal_id", "owner_id", "manager_id", "offer_id", "location_id", "destination_location_id"}
)
"""Fields whose value is the id of something that has a name."""
_LABELS = {
    "amount_paid": "Received", "amount_refunded": "Refunded", "shipping_amount": "Shipping", "contact_id": "Customer",
    "deal_id": "Deal", "owner_id": "Owner", "manager_id": "Manager", "offer_id": "Offer", "location_id": "Location",
    "destination_location_id": "Destination", "due_at": "Due", "paid_at": "Paid", "ordered_at": "Ordered",
    "sale_confirmed_at": "Sale confirmed", "sale_confirmed_by": "Confirmed by", "sale_kind": "Sale made by",
    "sales_status": "Sale", "payment_type": "Paid in", "livemode": "Mode", "external_number": "Number at the shop",
    "tracking_url": "Tracking", "managed_by": "Managed by", "recurring_order_id": "Recurring order",
    "refunded_at": "Refunded", "attempted_at": "Attempted", "disputed_at": "Opened", "evidence_due_at": "Evidence due",
    "stated_paid": "Paid, as stated", "stated_returned": "Refunded, as stated", "one_click": "One click",
    "failure_message": "Reason", "failure_code": "Code",
}  # fmt: skip
_WORDS = frozenset(
    {
        "status", "payment_status", "shipping_status", "sales_status", "sale_kind", "kind", "reason", "verdict",
        "method", "dispute", "source", "payment_type", "managed_by",
    }
)  # fmt: skip
"""Fields whose value is a word of the contract."""
_ESSENTIAL = {
    # What a line, a charge, a payment is told by, and what is told of it when it changes.
    "items": ("name", ("name", "sku", "quantity", "unit_price", "tax_rate", "discount", "total", "delivery_method")),
    "charges": ("kind", ("kind", "label", "value", "amount")),
    "payments": (
        "key",
        ("status", "amount", "fee", "net", "refunded", "dispute", "failure_reason", "method", "comment"),
    ),
    "refunds": ("key", ("status", "amount", "reason")),
    "disputes": ("key", ("status", "amount", "reason", "evidence_due_at")),
}
_ONE = {"items": "Line", "charges": "Charge", "payments": "Payment", "refunds": "Refund", "disputes": "Dispute"}
_RESTATED = frozenset({"is_paid"})
_TITLES = {"payment_status": "Payment", "status": "Status", "shipping_status": "Shipping"}
"""The changes that an entry is called after."""
_TONES = {
    "paid": "ok", "completed": "ok", "failed": "bad", "overdue": "bad", "canceled": "bad", "void": "bad",
    "partially_paid": "warn", "refunded": "warn",
}  # fmt: skip
_KINDS = {
    "claim": "Document", "payment": "Payment", "charge": "Charge", "refund": "Refund", "dispute": "Dispute",
    "credit": "Credit note", "fulfillment": "Shipment", "subscription": "Subscription", "child": "Child order",
    "hand": "Stated by a person",
}  # fmt: skip
_TOLD = (
    "status", "amount", "received", "total", "refunded", "returned", "stated_paid", "stated_returned", "fee", "net",
    "currency", "system", "method", "reason", "failure_code", "failure_message", "open", "failed", "canceled",
    "settled", "void", "payment_status", "amount_paid", "amount_refunded", "attempted_at", "paid_at", "refunded_at",
    "disputed_at", "due_at", "evidence_due_at", "verdict", "shipping_status", "comment",
)  # fmt: skip
"""The fields of a fact that people look for, in this order."""


class Changed(msgspec.Struct, frozen=True):
    """One change: `label` went from `before` to `after`; only `after` for what is new."""

    label: str
    before: str
    after: str


class Happening(msgspec.Struct, frozen=True):
    """One entry of the timeline. `who`: a person or Daybook; empty where events did it."""

    id: str
    at: datetime
    title: str
    who: str
    events: tuple[tuple[str, str], ...]  # (id, what it was called)
    tone: str
    changes: tuple[Changed, ...]


class Stated(msgspec.Struct, frozen=True):
    """One fact, as it was stated: `what` of `key`, in which event or by whom, and what it says."""

    at: datetime
    what: str
    key: str
    event_id: str | None
    who: str
    said: tuple[tuple[str, str], ...]


class Teller(msgspec.Struct, frozen=True):
    """Tells of one order: amounts are in its `currency`, times in the account's `zone`; `names` by id, `payments` (how
    each is called) by the sender's own id."""

    currency: str
    zone: tzinfo
    names: Mapping[str, Named]
    payments: Mapping[str, str]

    def value(self, field: str, value: Any, currency: str | None = None) -> str:
        """A field's value for people; a dash for none."""
        if value is None or value == "" or value == []:
            return words.NONE
        if isinstance(value, bool):
            return ("live" if value else "test") if field == "livemode" else ("yes" if value else "no")
        if isinstance(value, datetime):
            return words.moment(value, self.zone)
        if field in MONEY and isinstance(value, int):
            return words.money(value, currency or self.currency)
        if field in NAMED:
            return self.names[value].name if value in self.names else "somebody or something you do not see"
        if field in ("sale_confirmed_by", "actor"):
            return person(str(value))
        if field in _WORDS:
            return words.label(str(value))
        if isinstance(value, Mapping):
            return ", ".join(str(part) for part in value.values() if part) or words.NONE
        return str(value)

    def happening(self, entry: TimelineEntry, topics: Mapping[str, str]) -> Happening:
        """An entry of the timeline. `topics`: what events are called, by id."""
        found = [changed for change in entry.changes for changed in self._changed(change)]
        created = any(change.field == "created" for change in entry.changes)
        moved = next((c.to for c in entry.changes if c.field == "payment_status"), None) or next(
            (c.to for c in entry.changes if c.field == "status"), None
        )
        return Happening(
            id=entry.id,
            at=entry.at,
            title=self._title(entry, created),
            who="" if entry.actor == "event" else person(entry.actor),
            events=tuple((id_, topics.get(id_, "an event")) for id_ in entry.event_ids),
            tone=_TONES.get(str(moved), ""),
            changes=tuple(found),
        )

    def _title(self, entry: TimelineEntry, created: bool) -> str:
        if created:
            return "Order made"
        for field, title in _TITLES.items():
            for change in entry.changes:
                if change.field == field:
                    return f"{title}: {words.label(str(change.to))}"
        labels = list(dict.fromkeys(label(change.field) for change in entry.changes if change.field not in _RESTATED))
        return f"{' and '.join(labels[:2])} changed" if len(labels) < 3 else f"{len(labels)} fields changed"

    def _changed(self, change: FieldChange) -> Iterable[Changed]:
        field = change.field
        if field in _RESTATED:
            return []
        if field == "created":
            return [Changed("Source", "", words.label(str(change.to)))]
        if field in _ESSENTIAL:
            return self._parts(field, change.from_ or [], change.to or [])
        if field == "stripe":
            return [
                Changed(label(name), str((change.from_ or {}).get(name, words.NONE)), str(value))
                for name, value in (change.to or {}).items()
                if (change.from_ or {}).get(name) != value
            ]
        return [Changed(label(field), self.value(field, change.from_), self.value(field, change.to))]

    def _parts(self, field: str, old: Sequence[Any], new: Sequence[Any]) -> list[Changed]:
        """Lines, charges, payments: which came, which went, and what changed of those that stayed."""
        before = {part.get("key", place): part for place, part in enumerate(old)}
        after = {part.get("key", place): part for place, part in enumerate(new)}
        found = [
            Changed(self._part(field, before[key]), self._sum(before[key]), "removed")
            for key in before
            if key not in after
        ]
        for key, part in after.items():
            if key not in before:
                found.append(Changed(self._part(field, part), "", f"added, {self._sum(part)}"))
            elif part != before[key]:
                found += self._within(field, before[key], part)
        if not found and list(before) != list(after):
            found.append(Changed(label(field), "", "put in another order"))
        return found

    def _within(self, field: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Changed]:
        name = self._part(field, new)
        return [
            Changed(
                f"{name}: {label(one).lower()}",
                self.value(one, old.get(one), old.get("currency")),
                self.value(one, new.get(one), new.get("currency")),
            )
            for one in _ESSENTIAL[field][1]
            if old.get(one) != new.get(one)
        ]

    def _part(self, field: str, part: Mapping[str, Any]) -> str:
        named = str(part.get("label") or part.get(_ESSENTIAL[field][0]) or "")
        if field == "charges" and not part.get("label"):
            named = words.label(named)
        elif field not in ("items", "charges"):
            named = self.payments.get(named.split(":", 1)[-1]) or _own(named)
        return f"{_ONE[field]} {named}"

    def _sum(self, part: Mapping[str, Any]) -> str:
        amount = words.money(part.get("total", part.get("amount")), part.get("currency") or self.currency)
        return f"{amount}, {words.label(part['status'])}" if part.get("status") else amount

    def stated(self, statement: ExplainedStatement) -> Stated:
        """One fact of the explanation."""
        fields, currency = statement.fields, statement.fields.get("currency")
        said = [
            (label(name), self.value(name, fields[name], currency if isinstance(currency, str) else None))
            for name in _TOLD
            if name in fields and not isinstance(fields[name], Mapping | list)
        ]
        said += [
            (label("items" if name == "lines" else name), f"{len(fields[name])}")
            for name in ("lines", "charges")
            if isinstance(fields.get(name), list)
        ]
        return Stated(
            at=statement.at,
            what=_KINDS.get(statement.kind, label(statement.kind)),
            key="" if statement.kind == "hand" else _own(statement.key.partition("#")[0]),
            event_id=statement.event_id,
            who=person(statement.actor) if statement.actor else "",
            said=tuple(said),
        )


def label(field: str) -> str:
    """What a field is called."""
    known = _LABELS.get(field)
    return known or words.label(field.removesuffix("_id").removesuffix("_at")).capitalize()


def person(actor: str) -> str:
    """Who an actor of the timeline is: `token:Mia` is Mia."""
    if actor == "daybook":
        return "Daybook"
    return actor.removeprefix("token:")


def named_ids(entries: Iterable[TimelineEntry]) -> set[str]:
    """The ids in the entries that stand for something with a name."""
    return {
        value
        for entry in entries
        for change in entry.changes
        if change.field in NAMED
        for value in (change.from_, change.to)
        if isinstance(value, str)
    }


def _own(key: str) -> str:
    """The sender's own id of an object: `pi_1` of `stripe:pi_1`."""
    return "by hand" if key.startswith("hand:") else key.split(":", 1)[-1]
