"""What changed between two states of an order: the timeline's entries."""

from __future__ import annotations

from typing import Any

import msgspec

from schemas.order import Order

_SILENT = frozenset({"party", "emails", "party_at", "summary", "links", "rule", "slug", "parent_id", "moves_stock"})
"""Fields that only restate others, or that nobody reads in a history."""


def differences(before: Order, after: Order) -> list[dict[str, Any]]:
    """One `{"field", "from", "to"}` for each field that differs, by field name; values as JSON."""
    found = []
    for field in sorted(set(Order.__struct_fields__) - _SILENT):
        old, new = getattr(before, field), getattr(after, field)
        if old != new:
            name = "items" if field == "lines" else field
            found.append({"field": name, "from": msgspec.to_builtins(old), "to": msgspec.to_builtins(new)})
    return found
