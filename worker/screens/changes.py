"""What changed on an order, in words: the entries of its timeline as label, before and after."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from handlers.reading import moment
from worker.screens import words

AMOUNTS = frozenset(
    {"amount", "amount_paid", "amount_refunded", "shipping_amount", "refunded", "fee", "net", "counted"}
)
_OF_A_ROW = ("status", "amount", "refunded", "method", "failure_reason", "reason", "dispute", "fee", "net")
"""What is told of a payment, a refund or a dispute; the rest restates it."""
LONGEST = 160


class Change(msgspec.Struct, frozen=True):
    """`before` and `after` are texts; where there was nothing, an em dash. `about`: the id of the one that is meant,
    where there may be several."""

    label: str
    before: str
    after: str
    about: str = ""


def told(changes: Sequence[Mapping[str, Any]], currency: str) -> list[Change]:
    """The changes of one entry; amounts are in the order's currency unless they say another."""
    return [change for given in changes for change in _of_field(given, currency)]


def _of_field(given: Mapping[str, Any], currency: str) -> Iterator[Change]:
    field, before, after = str(given.get("field", "")), given.get("from"), given.get("to")
    if _keyed(before) and _keyed(after):
        yield from _of_rows(field, before or [], after or [], currency)
    elif field == "items" and isinstance(before, list | None) and isinstance(after, list | None):
        yield Change("lines", _lines(before or [], currency), _lines(after or [], currency))
    elif isinstance(before, dict | None) and isinstance(after, dict | None) and (before or after):
        old, new = before or {}, after or {}
        for name in sorted(old.keys() | new.keys()):
            if old.get(name) != new.get(name):
                yield _change(
                    f"{words.label(field)}: {words.label(name)}", name, old.get(name), new.get(name), currency
                )
    else:
        yield _change(words.label(field), field, before, after, currency)


def _keyed(value: Any) -> bool:
    return value is None or (
        isinstance(value, list) and all(isinstance(row, dict) and "key" in row and "status" in row for row in value)
    )


def _of_rows(field: str, before: list[Any], after: list[Any], currency: str) -> Iterator[Change]:
    """Payments, refunds, disputes: by the key of each."""
    noun = words.label(field).removesuffix("s")
    old, new = {row["key"]: row for row in before}, {row["key"]: row for row in after}
    for key in sorted(old.keys() | new.keys()):
        was, now = old.get(key), new.get(key)
        about = str(key).split(":", 1)[-1]
        if was is None or now is None:
            yield Change(noun, _row(was, currency), _row(now, currency), about)
            continue
        for part in _OF_A_ROW:
            if was.get(part) != now.get(part):
                before_text, after_text = (_text(part, row.get(part), currency) for row in (was, now))
                yield Change(f"{noun}: {words.label(part)}", before_text, after_text, about)


def _row(row: Mapping[str, Any] | None, currency: str) -> str:
    if row is None:
        return words.NONE
    return f"{words.label(str(row['status']))}, {words.money(row.get('amount'), str(row.get('currency') or currency))}"


def _lines(rows: list[Any], currency: str) -> str:
    if not rows:
        return words.NONE
    parts = [f"{row.get('quantity', 1)} × {row.get('name', 'a line')}" for row in rows if isinstance(row, dict)]
    return _short(", ".join(parts))


def _change(label: str, field: str, before: Any, after: Any, currency: str) -> Change:
    return Change(label, _text(field, before, currency), _text(field, after, currency))


def _text(field: str, value: Any, currency: str) -> str:
    if value is None or value in ("", [], {}):
        return words.NONE
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        if field in AMOUNTS:
            return words.money(value, currency)
        return words.moment(moment(value)) if field.endswith("_at") and 0 <= value < 2**57 else f"{value:,}"
    if isinstance(value, str):
        return _short(words.label(value) if field.endswith("status") or field == "payment_type" else value)
    return _short(json.dumps(value, ensure_ascii=False, default=str))


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
