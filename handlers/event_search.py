"""What a person writes into the search field of the events: `state:dead topic:charge.* pi_123`."""

from __future__ import annotations

import re

import msgspec

from handlers.errors import Refused

STATES = ("received", "applied", "ignored", "waiting", "retrying", "dead")
FIELDS = ("state", "connection", "topic", "order", "id")
"""`order` and `id` are both looked for among ids, as a text without a field is."""
_WORD = re.compile(r'(?P<empty>[A-Za-z_]+:)(?=\s|$)|(?:(?P<field>[A-Za-z_]+):)?(?P<text>"[^"]*"|\S+)')
_NAMES = ", ".join(f"{field}:" for field in FIELDS[:-1]) + f" and {FIELDS[-1]}:"


class EventSearch(msgspec.Struct, frozen=True):
    """The filters of GET /api/v1/events that a search comes to; None where it says nothing about one."""

    state: str | None = None
    connection: str | None = None
    topic: str | None = None
    q: str | None = None


def parse(text: str) -> EventSearch:
    """What the text asks for. A value with blanks or colons of its own stands in double quotes.

    Raises Refused (`invalid`, field `q`) for an unknown field, a state that there is not, or two values for one thing.
    """
    found: dict[str, str] = {}
    for word in _WORD.finditer(text):
        field, value = (word["field"] or word["empty"] or "").rstrip(":").lower(), (word["text"] or "").strip('"')
        if field and field not in FIELDS:
            raise _wrong(
                f"There is no field “{field}:”.",
                f"Search by {_NAMES}, or put a text that has a colon in double quotes.",
            )
        if not value:
            raise _wrong(f"Nothing stands after “{field}:”." if field else "The quotes are empty.", "Write a value.")
        if field == "state" and value not in STATES:
            raise _wrong(f"There is no state “{value}”.", f"The states are {', '.join(STATES)}.")
        name = field if field in ("state", "connection", "topic") else "q"
        if name in found:
            what = "One id or text" if name == "q" else f"One {name}"
            raise _wrong(f"{what} can be searched for at a time: “{found[name]}” or “{value}”.", "Leave one out.")
        found[name] = value
    return EventSearch(**found)


def without(text: str, field: str) -> str:
    """The text as it is without what it says of a field."""
    kept = [word[0] for word in _WORD.finditer(text) if (word["field"] or "").lower() != field]
    return " ".join(kept)


def _wrong(message: str, remedy: str) -> Refused:
    return Refused("invalid", message, field="q", remedy=remedy)
