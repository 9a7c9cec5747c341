"""Orders from rows to what the API says of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, TypeAlias

import msgspec

from handlers.derive import has_payment_facts
from handlers.locks import locked_fields
from handlers.money import rounded
from handlers.payment import Money
from handlers.reading import moment
from schemas.api.fields import UUID, plain
from schemas.api.order import (
    ExplainedStatement,
    Explanation,
    Item,
    OrderBody,
    OrderCharge,
    OrderPayment,
    TimelineEntry,
)
from schemas.api.payment import PaymentBody
from schemas.fact import Dossier, Kind
from worker.ids import derived_id, part_ids
from worker.store.order_reads import OrderRows, Row

Movement: TypeAlias = dict[str, Any]
_TIME = re.compile(r"\w+_at")
_ELSEWHERE = frozenset({"rule", "template", "refunds", "disputes"})


def body(account_id: str, rows: OrderRows, model: type[OrderBody] = OrderBody) -> OrderBody:
    """The whole order (O3), as this model has it."""
    row = rows.order
    given = {name: value for name, value in row.items() if name not in _ELSEWHERE}
    return model.model_validate(
        {
            **given,
            "template_id": row["template"],
            "items": [item(line, row["parent_id"]) for line in rows.items],
            "charges": [charge(found) for found in rows.charges],
            "payments": [payment(found, row["amount"]) for found in rows.payments],
            "refunds": movements(account_id, rows, "refunds"),
            "disputes": movements(account_id, rows, "disputes"),
            "stripe": {**row["stripe"], "links": [link for link in row["stripe"].get("links", ()) if "#" not in link]},
            "locked_fields": list(locked_fields(row["managed_by"])),
        }
    )


def item(row: Row, parent_id: str | None) -> Item:
    given = {name: value for name, value in row.items() if name not in ("order_id", "parent_line")}
    rate, carried = row["tax_rate"], row["parent_line"]
    return Item(
        **{
            **given,
            "quantity": figure(row["quantity"]),
            "tax_rate": None if rate is None else plain(rate),
            "parent_item_id": part_ids(parent_id, "line", [carried])[0] if parent_id and carried else None,
        }
    )


def charge(row: Row) -> OrderCharge:
    given = {name: value for name, value in row.items() if name != "order_id"}
    value = figure(row["value"]) if row["mode"] == "fixed" else plain(row["value"])
    return OrderCharge(**{**given, "value": value})


def figure(number: Decimal) -> int | str:
    """An integer where it is one, else a decimal string."""
    return int(number) if number == number.to_integral_value() else plain(number)


def payment(row: Row, amount: int) -> OrderPayment:
    given = {name: value for name, value in row.items() if name not in ("order_id", "key")}
    return OrderPayment(**given, external_id=without_namespace(row["key"]), percent=_percent(row["counted"], amount))


def listed_payment(row: Row) -> PaymentBody:
    """A payment that stands by itself, not within its order."""
    given = {name: value for name, value in row.items() if name not in ("dossier_id", "key", "order_amount")}
    percent = _percent(row["counted"], row["order_amount"])
    return PaymentBody(**given, external_id=without_namespace(row["key"]), percent=percent)


def _percent(counted: int, amount: int | None) -> str | None:
    return f"{Decimal(rounded(Decimal(counted) * 10_000 / amount)) / 100:.2f}" if amount else None


def movements(account_id: str, rows: OrderRows, name: str) -> list[Movement]:
    """The order's `refunds` or `disputes`, which its row keeps by keys and microseconds."""
    payments = {row["id"] for row in rows.payments}
    return [_movement(account_id, row, payments) for row in rows.order[name]]


def unclaimed_movements(account_id: str, money: Money, payment_id: str) -> tuple[list[Movement], list[Movement]]:
    """Refunds and disputes of a payment that no order claims."""
    refunds, disputes = (
        [_movement(account_id, msgspec.structs.asdict(row), {payment_id}) for row in found]
        for found in (money.refunds, money.disputes)
    )
    return refunds, disputes


def _movement(account_id: str, row: Mapping[str, Any], payments: set[str]) -> Movement:
    given = {field: _timed(field, value) for field, value in row.items() if field not in ("key", "payment")}
    paid_by = derived_id(account_id, "payment", row["payment"]) if row.get("payment") else None
    payment_id = paid_by if paid_by in payments else None
    return {**given, "id": without_namespace(row["key"]), "payment_id": payment_id}


def without_namespace(key: str) -> str:
    """The sender's own id: `re_1` of `stripe:re_1`."""
    return key.split(":", 1)[-1]


def field_change(change: Mapping[str, Any]) -> dict[str, Any]:
    """A change of a field as the API shows it: times as times."""
    name = change["field"]
    return {"field": name, "from": _timed(name, change["from"]), "to": _timed(name, change["to"])}


def timeline_entry(row: Row) -> TimelineEntry:
    changes = [field_change(change) for change in row["changes"]]
    return TimelineEntry.model_validate(
        {"id": row["id"], "at": row["at"], "actor": row["actor"], "event_ids": row["events"], "changes": changes}
    )


def explanation(account_id: str, rows: OrderRows, dossier: Dossier) -> Explanation:
    """The facts in the order of their own times, the sums, and the rule that fired."""
    row = rows.order
    statements = sorted(
        (
            (statement.at, statement.rank, fact.key, fact.kind, statement)
            for fact in dossier.facts.values()
            if fact.kind is not Kind.HISTORY  # digests that weigh a hand edit against a document: nobody's statement
            for statement in fact.statements
        ),
        key=lambda found: (*found[:4], found[4].event),
    )
    return Explanation.model_validate(
        {
            **{name: row[name] for name in ("payment_status", "rule", "currency", "amount", "due_at")},
            "order_id": row["id"],
            "derived": has_payment_facts(dossier),
            "received": row["amount_paid"],
            "returned": row["amount_refunded"],
            "remaining": row["summary"]["remaining"],
            "payments": [payment(found, row["amount"]) for found in rows.payments],
            "refunds": movements(account_id, rows, "refunds"),
            "disputes": movements(account_id, rows, "disputes"),
            "statements": [
                ExplainedStatement(
                    at=moment(at),
                    key=key,
                    kind=kind,
                    event_id=statement.event if re.fullmatch(UUID, statement.event) else None,
                    actor=None if re.fullmatch(UUID, statement.event) else statement.event or None,
                    fields=_timed("fields", statement.fields),
                )
                for at, _, key, kind, statement in statements
            ],
        }
    )


def _timed(name: str, value: Any) -> Any:
    """The value with every time in it, which facts keep as microseconds, as a time."""
    if isinstance(value, Mapping):
        return {key: _timed(key, inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_timed("", inner) for inner in value]
    if isinstance(value, int) and not isinstance(value, bool) and _TIME.fullmatch(name):
        try:
            return moment(value)
        except OverflowError:
            return value
    return value
