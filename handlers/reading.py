"""Reading untrusted JSON with the path of whatever is wrong.

Every getter raises `Unmappable` with the full path (`data.object.amount`), so that a dead event names its field.
A field that is missing and a field that is null read alike.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from handlers import money
from handlers.errors import Unmappable

ID_LIMIT, TEXT_LIMIT = 255, 20_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def micros(moment: datetime) -> int:
    """Microseconds since 1970 (UTC)."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def moment(at: int) -> datetime:
    """The inverse of `micros`."""
    return _EPOCH + timedelta(microseconds=at)


def clean(value: str, path: str, limit: int) -> str:
    """The text itself, refused where a database or a screen would choke on it."""
    if len(value) > limit:
        raise Unmappable(path, f"the text is longer than {limit} characters")
    if "\x00" in value:
        raise Unmappable(path, "the text contains a NUL character")
    if not value.isascii() and any("\ud800" <= letter <= "\udfff" for letter in value):
        raise Unmappable(path, "the text contains half of a surrogate pair")
    return value


class Node:
    """A JSON object and where it stands."""

    __slots__ = ("path", "value")

    def __init__(self, value: Any, path: str = "") -> None:
        if not isinstance(value, dict):
            raise Unmappable(path or "$", f"expected an object, got {type(value).__name__}")
        self.value: dict[str, Any] = value
        self.path = path

    def at(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name

    def raw(self, name: str) -> Any:
        return self.value.get(name)

    def has(self, name: str) -> bool:
        return self.value.get(name) is not None

    def node(self, name: str) -> Node:
        """The object below `name`; missing is Unmappable."""
        if not self.has(name):
            raise Unmappable(self.at(name), "missing")
        return Node(self.value[name], self.at(name))

    def maybe_node(self, name: str) -> Node | None:
        """The object below `name`, or None where it is missing, null or not an object (an id, an empty string)."""
        value = self.value.get(name)
        return Node(value, self.at(name)) if isinstance(value, dict) else None

    def nodes(self, name: str) -> Iterator[Node]:
        """The objects of the list below `name`; a missing list is empty."""
        value = self.value.get(name)
        if value is None:
            return
        if not isinstance(value, list):
            raise Unmappable(self.at(name), f"expected a list, got {type(value).__name__}")
        for index, item in enumerate(value):
            yield Node(item, f"{self.at(name)}[{index}]")

    def identifier(self, name: str) -> str:
        """A non-empty id: text, or an integer of any size as its digits."""
        found = self.maybe_identifier(name)
        if not found:
            raise Unmappable(self.at(name), "missing")
        return found

    def maybe_identifier(self, name: str) -> str | None:
        value = self.value.get(name)
        if value is None or value == "":
            return None
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if not isinstance(value, str):
            raise Unmappable(self.at(name), f"expected an id, got {type(value).__name__}")
        return clean(value, self.at(name), ID_LIMIT)

    def reference(self, name: str) -> str | None:
        """An id, whether it stands alone or as an expanded object with an `id`."""
        value = self.value.get(name)
        if isinstance(value, dict):
            return Node(value, self.at(name)).maybe_identifier("id")
        return self.maybe_identifier(name)

    def text(self, name: str, limit: int = TEXT_LIMIT) -> str | None:
        """Prose: None where it is missing or empty."""
        value = self.value.get(name)
        if value is None or value == "":
            return None
        if isinstance(value, int | Decimal) and not isinstance(value, bool):
            value = str(value)
        if not isinstance(value, str):
            raise Unmappable(self.at(name), f"expected text, got {type(value).__name__}")
        return clean(value, self.at(name), limit)

    def email(self, name: str) -> str | None:
        """An e-mail address, stripped and lower-cased; text without an @ is no address."""
        value = self.text(name, 320)
        value = value.strip().lower() if value else None
        return value if value and "@" in value else None

    def boolean(self, name: str) -> bool:
        """True only for JSON true."""
        return self.value.get(name) is True

    def integer(self, name: str) -> int:
        value = self.value.get(name)
        if isinstance(value, bool) or not isinstance(value, int):
            raise Unmappable(
                self.at(name), "missing" if value is None else f"expected an integer, got {type(value).__name__}"
            )
        return money.bounded(value, self.at(name))

    def currency(self, name: str) -> str:
        if not self.has(name):
            raise Unmappable(self.at(name), "missing")
        return money.currency(self.value[name], self.at(name))

    def decimal(self, name: str) -> Decimal:
        if not self.has(name):
            raise Unmappable(self.at(name), "missing")
        return money.decimal(self.value[name], self.at(name))

    def minor(self, name: str, currency: str) -> int:
        """An amount in major units, exact; missing is Unmappable."""
        if not self.has(name):
            raise Unmappable(self.at(name), "missing")
        return money.minor(self.value[name], currency, self.at(name))

    def minor_rounded(self, name: str, currency: str) -> int:
        """An amount in major units that may carry more digits than the currency has; 0 where it is missing."""
        value = self.value.get(name)
        return money.minor_rounded(value, currency, self.at(name)) if value not in (None, "") else 0

    def unix(self, name: str) -> int:
        """Unix seconds, as microseconds."""
        found = self.maybe_unix(name)
        if found is None:
            raise Unmappable(self.at(name), "missing")
        return found

    def maybe_unix(self, name: str) -> int | None:
        if not self.has(name):
            return None
        value = self.integer(name)
        if not 0 <= value < 253_402_300_800:  # the year 10000
            raise Unmappable(self.at(name), f"{value} is not a time in unix seconds")
        return value * 1_000_000

    def time(self, name: str) -> int:
        """RFC 3339, as microseconds; a time without a zone is UTC."""
        found = self.maybe_time(name)
        if found is None:
            raise Unmappable(self.at(name), "missing")
        return found

    def maybe_time(self, name: str) -> int | None:
        value = self.text(name, 64)
        if value is None:
            return None
        try:
            parsed = datetime.fromisoformat(value)
            return micros(parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC))
        except (ValueError, OverflowError):
            raise Unmappable(self.at(name), f"{value[:40]!r} is not a time in RFC 3339") from None
