"""Which version of a document first said what.

A person may edit a field of an order that its sender goes on restating. The edit stands until the sender *changes*
the field, so for each document a digest of its editable fields is kept per version. It is a fact like any other
(one field a version, never overwritten), so the answer does not depend on which versions were seen first.
"""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from schemas.fact import Fact, Kind, Statement

TRACKED = (
    "title", "notes", "billing_address", "shipping_address", "shipping_status", "tracking_url", "due_at",
    "lines", "charges", "total", "currency", "ordered_at",
)  # fmt: skip


def history_key(key: str) -> str:
    return f"{key}#history"


def _digest(value: Any) -> str:
    return hashlib.blake2b(msgspec.json.encode(value, order="sorted"), digest_size=5).hexdigest()


def version_of(fact: Fact) -> Fact | None:
    """The history entry of a claim's one statement; None for what has no history."""
    if fact.kind is not Kind.CLAIM or len(fact.statements) != 1:
        return None
    statement = fact.statements[0]
    digests = [_digest(statement.fields[name]) if name in statement.fields else None for name in TRACKED]
    if not any(digests):
        return None
    name = f"{statement.version}.{statement.at}.{statement.rank}.{_digest(digests)}"
    return Fact(
        history_key(fact.key),
        Kind.HISTORY,
        (Statement(statement.at, {name: digests}, statement.rank, version=statement.version),),
    )


def last_changed(history: Fact | None, field: str) -> int | None:
    """The time (microseconds) at which the newest value of the field was first stated without a break, or None where
    no version speaks of it."""
    position = TRACKED.index(field)
    changed: int | None = None
    current: str | None = None
    versions = [
        (s.version, s.at, s.rank, name, digests[position])
        for s in (history.statements if history else ())
        for name, digests in s.fields.items()
    ]
    stated = (version for version in versions if version[4])
    for _version, at, _rank, _name, digest in sorted(stated, key=lambda version: version[:4]):
        if digest != current:
            changed, current = at, digest
    return changed
