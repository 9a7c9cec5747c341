"""The kinds of value that requests carry, each with the bounds that the database and a browser's numbers have."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    StringConstraints,
    WithJsonSchema,
)

LARGEST = 2**53 - 1
TEXT_LIMIT = 2_000
DEEPEST = 32
NO_NUL = r"^[^\x00]*$"
UUID = r"^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
SLUG = r"^[a-z0-9][a-z0-9_-]{0,62}$"
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_BROKEN_PLUS = re.compile(r" (?=\d\d:\d\d$)")
_DECIMAL = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,6})?", re.ASCII)
_EARLIEST, _LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)


class Wire(BaseModel):
    """Strictly what is declared: an unknown field is an error, and nothing is converted on the quiet."""

    model_config = ConfigDict(extra="forbid")


def _whole(value: Any) -> Any:
    """2.0 is an integer to JSON Schema, so it is one here."""
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) <= LARGEST else value


def _time(value: Any) -> datetime:
    if isinstance(value, str):
        # A `+` that was not escaped in a query arrives as a blank.
        text = _BROKEN_PLUS.sub("+", value) if len(value) <= 40 else ""
        if not _RFC_3339.fullmatch(text):
            raise ValueError("is not a time in RFC 3339 with its zone, such as 2026-11-21T12:00:00Z")
        try:
            value = datetime.fromisoformat(text.upper())
        except ValueError:
            raise ValueError("is not a day and time that exists") from None
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise ValueError("is not a time in RFC 3339 with its zone, such as 2026-11-21T12:00:00Z")
    try:
        found = value.astimezone(UTC)
    except OverflowError:
        found = _LATEST
    if not _EARLIEST <= found < _LATEST:
        raise ValueError("is not between the years 1970 and 9999")
    return found


def _decimal(value: Any) -> str:
    """A decimal number as plain text: an integer, or a decimal string. Never a fraction in binary."""
    value = _whole(value)
    text = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    if not _DECIMAL.fullmatch(text):
        raise ValueError("is neither an integer nor a decimal string (up to 12 digits, then up to 6 after a point)")
    return plain(Decimal(text))


def _attribute(value: Any) -> str | int | bool | None:
    value = _whole(value)
    if isinstance(value, str) and len(value) <= TEXT_LIMIT and "\0" not in value:
        return value
    if value is None or isinstance(value, bool) or (isinstance(value, int) and abs(value) <= LARGEST):
        found: int | bool | None = value
        return found
    raise ValueError(f"is not a text of up to {TEXT_LIMIT} characters, an integer, true, false or null")


def _positive(value: Any) -> str:
    text = _decimal(value)
    if Decimal(text) <= 0:
        raise ValueError("is not more than 0")
    return text


def _not_negative(value: Any) -> str:
    text = _decimal(value)
    if Decimal(text) < 0:
        raise ValueError("is less than 0")
    return text


def _not_zero(value: Any) -> str:
    text = _decimal(value)
    if not Decimal(text):
        raise ValueError("is 0")
    return text


def _storable(value: Any) -> Any:
    """JSON of any shape, as far as it comes back from the database as it went in."""
    _check_storable(value, 1)
    return value


def _check_storable(value: Any, depth: int) -> None:
    if depth > DEEPEST:
        raise ValueError(f"is nested more than {DEEPEST} deep")
    if isinstance(value, str):
        if "\x00" in value or (not value.isprintable() and any("\ud800" <= letter <= "\udfff" for letter in value)):
            raise ValueError("holds a character that is not kept (NUL, or half of a surrogate pair)")
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValueError("holds a number that is too large")
    elif isinstance(value, int) and abs(value) > LARGEST:
        raise ValueError("holds an integer beyond 2^53; send it as text")
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            _check_storable(name, depth)
            _check_storable(inner, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            _check_storable(inner, depth + 1)


def plain(number: Decimal) -> str:
    """The shortest text of a decimal, without an exponent: `1.50` is `1.5`, `3.0` is `3`."""
    return format(number.normalize(), "f") if number else "0"


def _number_schema(description: str, **bound: int) -> WithJsonSchema:
    text = {"type": "string", "pattern": r"^[0-9]{1,12}(\.[0-9]{1,6})?$"}
    whole = {"type": "integer", "maximum": 10**12 - 1, **bound}
    return WithJsonSchema({"anyOf": [whole, text], "description": description})


Integral = BeforeValidator(_whole)
Amount: TypeAlias = Annotated[int, Field(ge=0, le=LARGEST, description="Minor units of the currency."), Integral]
Limit: TypeAlias = Annotated[int, Field(ge=1, le=100, description="How many at most.")]
Time: TypeAlias = Annotated[datetime, PlainValidator(_time), WithJsonSchema({"type": "string", "format": "date-time"})]
Id: TypeAlias = Annotated[str, StringConstraints(pattern=UUID)]
Text: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=NO_NUL)]
Short: TypeAlias = Annotated[str, StringConstraints(max_length=255, pattern=NO_NUL)]
Prose: TypeAlias = Annotated[str, StringConstraints(max_length=20_000, pattern=NO_NUL)]
Slug: TypeAlias = Annotated[str, StringConstraints(pattern=SLUG)]
Url: TypeAlias = Annotated[str, StringConstraints(max_length=2_000, pattern=r"^https?://[^\s\x00]+$")]
Currency: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
Quantity: TypeAlias = Annotated[
    str, PlainValidator(_positive), _number_schema("An integer, or a decimal string.", exclusiveMinimum=0)
]
Figure: TypeAlias = Annotated[
    str, PlainValidator(_not_negative), _number_schema("An integer, or a decimal string.", minimum=0)
]
Difference: TypeAlias = Annotated[
    str,
    PlainValidator(_not_zero),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 1 - 10**12, "maximum": 10**12 - 1},
                {"type": "string", "pattern": r"^-?[0-9]{1,12}(\.[0-9]{1,6})?$"},
            ],
            "description": "An integer, or a decimal string; below zero for less.",
        }
    ),
]
AnyJson: TypeAlias = Annotated[dict[str, Any], AfterValidator(_storable)]
Cursor: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,200}$")]
Flag: TypeAlias = Literal["true", "false"]
"""A yes or no in a query."""
Attribute: TypeAlias = Annotated[
    str | int | bool | None,
    PlainValidator(_attribute),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "boolean"},
                {"type": "integer", "minimum": -LARGEST, "maximum": LARGEST},
                {"type": "string", "maxLength": TEXT_LIMIT, "pattern": NO_NUL},
                {"type": "null"},
            ]
        }
    ),
]
AttributeKey: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Attributes: TypeAlias = Annotated[
    dict[AttributeKey, Attribute],
    Field(
        max_length=100,
        description="By the key of a column: a text, a number (integer or decimal string), money in minor units, a day "
        "`2026-11-21`, true or false. Null is as good as left out.",
    ),
]


def left_out() -> Any:
    """The default of a field that may be left out but is never null."""
    return None
