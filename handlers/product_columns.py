"""The extra columns of a product template: what may be declared, what an attribute may be, what a line's cells show."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from graphlib import CycleError, TopologicalSorter
from typing import Any

from handlers import formula, money
from handlers.errors import Refused, Unmappable
from handlers.formula import Formula, Operand, Unusable
from schemas.catalog import Cell, Column, ColumnType, Value

LINE = (
    "position", "sku", "name", "quantity", "unit_price", "tax_rate", "discount", "subtotal", "tax", "total",
    "delivery_method",
)  # fmt: skip
"""What a formula may say of the line itself. Amounts are in minor units."""
_NUMBERS = frozenset({"position", "quantity", "unit_price", "tax_rate", "discount", "subtotal", "tax", "total"})
_COMPUTED = (ColumnType.NUMBER, ColumnType.MONEY, ColumnType.TEXT, ColumnType.BOOLEAN)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_NUMBER = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,12})?", re.ASCII)


def check(columns: Sequence[Column]) -> None:
    """Refuse columns that cannot stand together, naming the first that is wrong: `columns.2.formula`."""
    seen: set[str] = set()
    for place, column in enumerate(columns):
        if column.key in seen:
            raise _wrong(place, "key", f"The key {column.key} is used twice.", "Give each column a key of its own.")
        if column.key in LINE or column.key in formula.RESERVED:
            raise _wrong(
                place, "key", f"{column.key} means something else in a formula.", f"Choose another than {column.key}."
            )
        seen.add(column.key)
        if (column.type is ColumnType.CHOICE) != bool(column.options):
            raise _wrong(place, "options", "A choice has options, and nothing else has.", "Give or remove them.")
        if column.formula is not None:
            _check_computed(place, column)
    _check_formulas(columns, seen)


def _check_computed(place: int, column: Column) -> None:
    if column.type not in _COMPUTED:
        raise _wrong(place, "type", f"A formula cannot give a {column.type}.", f"Use one of: {', '.join(_COMPUTED)}.")
    if column.required:
        raise _wrong(place, "required", "A formula is computed, so nobody can be asked for it.", "Leave it out.")


def _check_formulas(columns: Sequence[Column], keys: set[str]) -> None:
    places = {column.key: place for place, column in enumerate(columns)}
    needed: dict[str, set[str]] = {}
    for place, column in enumerate(columns):
        if column.formula is None:
            continue
        try:
            names = formula.read(column.formula).names
        except Unusable as error:
            raise _wrong(
                place, "formula", f"The formula of {column.key} cannot be used: {error}.", "Write it anew."
            ) from None
        if unknown := sorted(names - keys - set(LINE)):
            known = ", ".join((*LINE, *sorted(keys - {column.key})))
            raise _wrong(
                place, "formula", f"The formula of {column.key} speaks of {unknown[0]}, which is not there.",
                f"Known are: {known}.",
            )  # fmt: skip
        needed[column.key] = set(names & keys)
    try:
        TopologicalSorter(needed).prepare()
    except CycleError as error:
        circle = list(reversed(error.args[1]))
        raise _wrong(
            places[circle[0]], "formula", f"The formulas need each other in a circle: {' -> '.join(circle)}.",
            "Let one of them do without the others.",
        ) from None  # fmt: skip


def checked(columns: Sequence[Column], attributes: Mapping[str, Value]) -> dict[str, Value]:
    """A product's attributes as they are kept, without those that are null. Refused for what the columns do not know,
    for a value of another type, and for a required one that is missing."""
    stated = {column.key: column for column in columns if column.formula is None}
    found: dict[str, Value] = {}
    for key, value in attributes.items():
        if key not in stated:
            known = ", ".join(stated) or "none"
            raise _unfit(key, f"There is no attribute {key} to give.", f"The product template has: {known}.")
        if value is not None:
            try:
                found[key] = _stored(stated[key], value)
            except Unusable as error:
                raise _unfit(key, f"{key} {error}.", "Give a value of its column's type.") from None
    for key, column in stated.items():
        if column.required and key not in found:
            raise _unfit(key, f"{key} is missing, and the product template requires it.", f"Give {column.label}.")
    return found


def _stored(column: Column, value: Value) -> Value:
    """The value in its one form: numbers as decimal strings. Raises Unusable."""
    read = _operand(column, value)
    return formula_text(read) if column.type is ColumnType.NUMBER and isinstance(read, Decimal) else value


def _operand(column: Column, value: Value) -> Operand:
    """An attribute's value as formulas reckon with it. Raises Unusable."""
    whole = isinstance(value, int) and not isinstance(value, bool)
    if column.type is ColumnType.NUMBER and (whole or (isinstance(value, str) and _NUMBER.fullmatch(value))):
        try:
            return money.decimal(value, column.key)
        except Unmappable:
            raise Unusable("is not a usable number") from None
    if column.type is ColumnType.MONEY and whole and abs(Decimal(value or 0)) <= money.LARGEST:
        return Decimal(value or 0)
    if column.type is ColumnType.BOOLEAN and isinstance(value, bool):
        return value
    if isinstance(value, str) and (
        column.type is ColumnType.TEXT
        or (column.type is ColumnType.CHOICE and value in column.options)
        or (column.type is ColumnType.DATE and _is_date(value))
    ):
        return value
    raise Unusable(_WANTED[column.type])


_WANTED = {
    ColumnType.TEXT: "is not a text",
    ColumnType.NUMBER: "is neither an integer nor a decimal string",
    ColumnType.MONEY: "is not an amount in minor units",
    ColumnType.DATE: "is not a day such as 2026-11-21",
    ColumnType.BOOLEAN: "is neither true nor false",
    ColumnType.CHOICE: "is not one of the options",
}


def _is_date(text: str) -> bool:
    if not _DATE.fullmatch(text):
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def shown(columns: Iterable[Column], order_type: str) -> list[Column]:
    """The columns of a table of lines: those of (product template, order type)."""
    return [column for column in columns if not column.order_types or order_type in column.order_types]


class Table:
    """The lines of one product template: its formulas in the order in which they need each other."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._columns = {column.key: column for column in columns}
        self._formulas: dict[str, Formula | Unusable] = {}
        needed: dict[str, set[str]] = {}
        for column in columns:
            if column.formula is not None:
                self._formulas[column.key] = read = _read(column.formula)
                names = read.names if isinstance(read, Formula) else frozenset()
                needed[column.key] = {name for name in names if name in self._columns}
        self._order = [key for key in TopologicalSorter(needed).static_order() if key in self._formulas]

    def cells(
        self, asked: Iterable[Column], line: Mapping[str, Any], attributes: Mapping[str, Value]
    ) -> dict[str, Cell]:
        """The cells of one line for the columns asked for. `line` has the names of LINE. A cell that cannot be computed
        says why, and leaves the others alone."""
        known = _Known({name: self._stated(name, line, attributes) for name in (*LINE, *self._columns)})
        for key in self._order:
            read = self._formulas[key]
            try:
                if isinstance(read, Unusable):
                    raise read
                known.found[key] = _typed(self._columns[key], formula.evaluate(read, known))
            except Unusable as error:
                known.found[key] = error
        return {column.key: _cell(column, known.found[column.key]) for column in asked}

    def _stated(self, name: str, line: Mapping[str, Any], attributes: Mapping[str, Value]) -> Operand | Unusable | None:
        column = self._columns.get(name)
        value = line.get(name) if column is None else attributes.get(name)
        if value is None:
            return None
        if column is None:
            return Decimal(str(value)) if name in _NUMBERS else str(value)
        try:
            return _operand(column, value)
        except Unusable as error:
            return error


class _Known:
    """The values of one line by name; looking at one that could not be had fails with its reason."""

    def __init__(self, found: dict[str, Operand | Unusable | None]) -> None:
        self.found = found

    def __getitem__(self, name: str) -> Operand:
        value = self.found[name]
        if value is None:
            raise Unusable(f"{name} has no value")
        if isinstance(value, Unusable):
            raise Unusable(f"{name}: {value}")
        return value


def _read(text: str) -> Formula | Unusable:
    try:
        return formula.read(text)
    except Unusable as error:
        return error


def _cell(column: Column, value: Operand | Unusable | None) -> Cell:
    if isinstance(value, Unusable):
        return Cell(error=str(value))
    return Cell(None if value is None else _presented(column, value))


def _typed(column: Column, value: Operand) -> Operand:
    """A formula's result as the type of its column: money in whole minor units."""
    wanted = {ColumnType.TEXT: str, ColumnType.BOOLEAN: bool}.get(column.type, Decimal)
    if not isinstance(value, wanted):
        raise Unusable(f"the result is not a {column.type}")
    return Decimal(money.rounded(value)) if column.type is ColumnType.MONEY and isinstance(value, Decimal) else value


def _presented(column: Column, value: Operand) -> Value:
    if not isinstance(value, Decimal):
        return value
    return int(value) if column.type is ColumnType.MONEY else formula_text(value)


def formula_text(number: Decimal) -> str:
    """The shortest text of a decimal, without an exponent."""
    return format(number.normalize(), "f") if number else "0"


def _wrong(place: int, field: str, message: str, remedy: str) -> Refused:
    return Refused("invalid", message, field=f"columns.{place}.{field}", remedy=remedy)


def _unfit(key: str, message: str, remedy: str) -> Refused:
    return Refused("invalid", message, field=f"attributes.{key}", remedy=remedy)
