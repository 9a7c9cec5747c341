"""The checkout funnel (P7): from counted groups of orders to the figures of each period and currency."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

UNTOLD = "no reason was given"
_OUTCOMES = ("paid", "failed", "abandoned", "open")


def figures(groups: Iterable[Mapping[str, Any]], *by: str) -> list[dict[str, Any]]:
    """One row for each distinct value of the fields `by`, in the order in which they come. `groups`: orders that share
    an `outcome` and a `reason`, with how many `orders` they are, how many `tried`, and their sums."""
    rows: dict[tuple[Any, ...], dict[str, Any]] = {}
    for group in groups:
        key = tuple(group[name] for name in by)
        row = rows.get(key)
        if row is None:
            counts = dict.fromkeys(("opened", "reached_payment", *_OUTCOMES, "amount_opened", "amount_paid"), 0)
            row = rows[key] = {**dict(zip(by, key, strict=True)), **counts, "failures": {}}
        row["opened"] += group["orders"]
        row["reached_payment"] += group["tried"]
        row[group["outcome"]] += group["orders"]
        row["amount_opened"] += int(group["amount"])
        row["amount_paid"] += int(group["amount_paid"])
        if group["outcome"] == "failed":
            reason = group["reason"] or UNTOLD
            row["failures"][reason] = row["failures"].get(reason, 0) + group["orders"]
    for row in rows.values():
        told = sorted(row["failures"].items(), key=lambda entry: (-entry[1], entry[0]))
        row["failures"] = [{"reason": reason, "orders": orders} for reason, orders in told]
    return list(rows.values())
