"""Where a reader of a list stands: the last row seen, as opaque text.

A cursor names a row's place in the order of its list, not a count of rows, so that what is added meanwhile neither
repeats nor hides anything that comes after it.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypeVar

import msgspec

from handlers.errors import Refused
from handlers.reading import micros, moment
from schemas.api.fields import UUID, Wire
from schemas.api.page import Page

P = TypeVar("P", bound="Page[Any]")
LATEST = 253_402_300_800_000_000  # the year 10000


class Place(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A row's place in `list`: ordered by `at` (microseconds, or a serial number; 0 where only ids order it), then by
    `id`."""

    list: str
    at: int
    id: str

    @property
    def moment(self) -> datetime:
        return moment(self.at)


def encode(name: str, at: datetime | int | None, row_id: str) -> str:
    raw = msgspec.json.encode(Place(name, micros(at) if isinstance(at, datetime) else at or 0, row_id))
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def decode(name: str, cursor: str | None) -> Place | None:
    """The place that a cursor of this list names. Refused (`invalid`) for one that we never gave out."""
    if cursor is None:
        return None
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        place = msgspec.json.decode(raw, type=Place)
        if place.list == name and 0 <= place.at < LATEST and re.fullmatch(UUID, place.id):
            return place
    except (binascii.Error, ValueError, msgspec.MsgspecError):
        pass
    raise _not_ours()


def encode_key(name: str, text: str, row_id: str) -> str:
    """The cursor of a list that is ordered by a text, then by an id."""
    return base64.urlsafe_b64encode(msgspec.json.encode((name, text, row_id))).decode().rstrip("=")


def decode_key(name: str, cursor: str | None) -> tuple[str, str] | None:
    """What a cursor of `encode_key` names. Refused (`invalid`) for one that we never gave out."""
    if cursor is None:
        return None
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        found, text, row_id = msgspec.json.decode(raw, type=tuple[str, str, str])
        if found == name and "\0" not in text and re.fullmatch(UUID, row_id):
            return text, row_id
    except (binascii.Error, ValueError, msgspec.MsgspecError):
        pass
    raise _not_ours()


def _not_ours() -> Refused:
    return Refused(
        "invalid",
        "The cursor is not one of this list.",
        field="cursor",
        remedy="Send next_cursor as it came, or leave it out.",
    )


def page(
    model: type[P], items: Sequence[Wire], places: Sequence[tuple[datetime | int | None, str]], name: str, limit: int
) -> P:
    """One page out of up to `limit` + 1 rows: the one more says that there is a next page."""
    return model(items=list(items[:limit]), next_cursor=following(name, places, limit))


def following(name: str, places: Sequence[tuple[datetime | int | None, str]], limit: int) -> str | None:
    """The cursor of the page after one of `limit` rows, where there is one: `places` are of up to one row more."""
    return encode(name, *places[limit - 1]) if len(places) > limit else None
