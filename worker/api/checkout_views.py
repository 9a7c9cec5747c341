"""Checkouts from rows to what the API says of them."""

from __future__ import annotations

from handlers.checkout import standing
from schemas.api.checkout import CheckoutBody
from schemas.checkout import Standing
from worker.store import dossiers
from worker.store.records import Row

_SHOWN = frozenset(CheckoutBody.model_fields)


def body(row: Row) -> CheckoutBody:
    """A row of `checkouts.read`. Where to pay is told only while somebody can."""
    given = {name: value for name, value in row.items() if name in _SHOWN}
    content = row["dossier"]
    status = standing(row["state"], row["session_id"], None if content is None else dossiers.decode(content))
    if status is not Standing.OPEN:
        given["url"] = None
    return CheckoutBody(**given, status=status)
