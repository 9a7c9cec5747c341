"""Figures of the sales report (S4): sums, their order, and their table as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from handlers.money import EXPONENTS

COLUMNS = ("name", "number", "currency", "orders", "amount", "received", "refunded", "funds")
MONEY = ("amount", "received", "refunded", "funds")
_SUMS = ("orders", *MONEY)
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""How a cell begins that a spreadsheet would reckon with."""


def figures(groups: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The groups with whole numbers, and what is left of what was received."""
    found = []
    for group in groups:
        amount, received, refunded = (int(group[name]) for name in ("amount", "received", "refunded"))
        found.append(
            {**group, "amount": amount, "received": received, "refunded": refunded, "funds": received - refunded}
        )
    return found


def totals(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The sums of each currency; no currency is added to another."""
    sums: dict[str, dict[str, Any]] = {}
    for row in rows:
        total = sums.setdefault(row["currency"], {"currency": row["currency"], **dict.fromkeys(_SUMS, 0)})
        for name in _SUMS:
            total[name] += row[name]
    return [sums[currency] for currency in sorted(sums)]


def ordered(rows: Sequence[Mapping[str, Any]], sort: str) -> list[Mapping[str, Any]]:
    """By one column, `-` before it for the largest first; what has no value comes last. Equals stay by name. Amounts
    are put in order within each currency, as those of two currencies cannot be compared."""
    column, largest_first = sort.removeprefix("-"), sort.startswith("-")
    known = [row for row in rows if row[column] is not None]
    known.sort(key=lambda row: row[column], reverse=largest_first)
    if column in MONEY:
        known.sort(key=lambda row: row["currency"])
    return [*known, *(row for row in rows if row[column] is None)]


def table(rows: Iterable[Mapping[str, Any]], columns: Sequence[str], *, major: bool = False) -> str:
    """CSV as RFC 4180 has it, with a head. A text that a spreadsheet would take for a formula has a quote before it.
    `major`: amounts as decimal numbers of the currency (`12.50`) in place of minor units."""
    return _written([columns, *([_cell(row, column, major) for column in columns] for row in rows)])


def control(rows: Iterable[Mapping[str, Any]], asked: Mapping[str, str], *, major: bool = False) -> str:
    """What a table is checked by, to stand beneath it after an empty line: the sums of each currency under a head of
    their own, then a line for everything that was asked for."""
    columns = ("total", *_SUMS)
    sums = [[total["currency"], *(_cell(total, name, major) for name in _SUMS)] for total in totals(rows)]
    told = [[name, _text(value)] for name, value in asked.items()]
    return _written([[], columns, *sums, [], *told])


def _written(lines: Iterable[Sequence[Any]]) -> str:
    out = io.StringIO()
    csv.writer(out).writerows(lines)
    return out.getvalue()


def _cell(row: Mapping[str, Any], column: str, major: bool) -> Any:
    value = row[column]
    if major and column in MONEY:
        return Decimal(value).scaleb(-EXPONENTS.get(row["currency"], 2))
    return _text(value)


def _text(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
