"""The only place that puts SQL together: which rows a filter finds, newest first, as ids with their places.

Every clause is a constant of this file; what a caller gives is only ever an argument.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from worker.store.db import Pooled

Found = list[tuple[datetime | int | None, str]]
"""(time or number, id) of each row: its place in the list."""

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_LARGEST = 2**63 - 1
_ORDERS = {
    "origin": "o.origin = {}",
    "external_id": "o.external_id = {}",
    "contact_id": "o.contact_id = {}",
    "status": "o.status = {}",
    "payment_status": "o.payment_status = {}",
    "source": "o.source = {}",
    "managed_by": "o.managed_by = {}",
    "created_from": "o.created_at >= {}",
    "created_to": "o.created_at < {}",
}
_PAYMENTS = {
    "order_id": "p.order_id = {}",
    "status": "p.status = {}",
    "system": "p.system = {}",
    "currency": "p.currency = {}",
    "attempted_from": "p.attempted_at >= {}",
    "attempted_to": "p.attempted_at < {}",
}
_EVENTS = {
    "connection": "e.connection_id = (SELECT id FROM connections c WHERE c.account_id = e.account_id AND c.name = {})",
    "topic": "e.topic = {}",
    "topic_prefix": "e.topic LIKE {}",
    "received_from": "e.received_at >= {}",
    "received_to": "e.received_at < {}",
}
_STATE = "e.id IN (SELECT s.event_id FROM event_states s WHERE s.account_id = e.account_id AND s.state = '{}')"
_STATES = {
    # The state stands in the text, so that the planner can tell which partial index holds it.
    state: _STATE.format(state)
    for state in ("received", "applied", "ignored", "waiting", "retrying", "dead")
}
_OF_DOSSIER = "e.id IN (SELECT s.event_id FROM event_states s WHERE s.account_id = e.account_id AND s.dossier_id = {})"
_EMAIL = """c.id IN (
    SELECT k.contact_id FROM contact_keys k WHERE k.account_id = c.account_id AND k.key = 'email:' || {}::text)"""
_OF_ORDER = """e.id IN (SELECT s.event_id FROM event_states s WHERE s.account_id = e.account_id AND s.dossier_id IN (
    SELECT l.dossier_id FROM links l WHERE l.account_id = e.account_id AND l.key = ANY ({})
    UNION SELECT o.id FROM orders o WHERE o.account_id = e.account_id AND o.external_id = {}))"""


class _Query:
    """Clauses and their arguments. `{}` in a clause is the place of its next argument."""

    def __init__(self, account_id: str) -> None:
        self.arguments: list[Any] = [account_id]
        self.clauses: list[str] = []

    def argument(self, value: Any) -> str:
        self.arguments.append(value)
        return f"${len(self.arguments)}"

    def add(self, clause: str, *values: Any) -> None:
        self.clauses.append(clause.format(*(self.argument(value) for value in values)))

    def add_any(self, parts: Sequence[tuple[str, Sequence[Any]]]) -> None:
        """At least one of the clauses holds; none given, nothing is found."""
        texts = [clause.format(*(self.argument(value) for value in values)) for clause, values in parts]
        self.clauses.append("(" + " OR ".join(texts or ["false"]) + ")")

    def add_filters(self, known: Mapping[str, str], given: Mapping[str, Any]) -> None:
        for name, clause in known.items():
            if given.get(name) is not None:
                self.add(clause, given[name])

    async def run(
        self,
        connection: Pooled,
        table: str,
        alias: str,
        time: str,
        before: tuple[datetime | int, str] | None,
        limit: int,
    ) -> Found:
        if before:
            self.add(f"({alias}.{time}, {alias}.id) < ({{}}, {{}})", *before)
        where = " AND ".join([f"{alias}.account_id = $1", *self.clauses])
        rows = await connection.fetch(
            f"SELECT {alias}.{time} AS at, {alias}.id FROM {table} {alias} WHERE {where} "  # noqa: S608  (see above)
            f"ORDER BY {alias}.{time} DESC, {alias}.id DESC LIMIT {self.argument(limit)}",
            *self.arguments,
        )
        return [(row["at"], row["id"]) for row in rows]


async def orders(
    connection: Pooled, account_id: str, given: Mapping[str, Any], before: tuple[datetime, str] | None, limit: int
) -> Found:
    """Orders by their filters. `q` begins an external id, a platform's number, words of the title; or is the number."""
    query = _Query(account_id)
    query.add_filters(_ORDERS, given)
    if text := given.get("q"):
        prefix = _prefix(text.strip().lower())
        parts: list[tuple[str, Sequence[Any]]] = [
            ("lower(o.external_id) LIKE {}", [prefix]),
            ("lower(o.external_number) LIKE {}", [prefix]),
        ]
        if words := _words(text):
            parts.append((r"to_tsvector('simple', regexp_replace(o.title, '\W+', ' ', 'g')) @@ {}::tsquery", [words]))
        number = text.strip().removeprefix("#")
        if number.isascii() and number.isdigit() and int(number) <= _LARGEST:
            parts.append(("o.number = {}", [int(number)]))
        query.add_any(parts)
    return await query.run(connection, "orders", "o", "created_at", before, limit)


async def events(
    connection: Pooled, account_id: str, given: Mapping[str, Any], before: tuple[datetime, str] | None, limit: int
) -> Found:
    """Events by their filters; `q` is an event's id, a delivery id, or the id of something that the event speaks of."""
    query = _Query(account_id)
    topic = given.get("topic")
    if topic and topic.endswith("*"):
        given = {**given, "topic": None, "topic_prefix": _prefix(topic[:-1])}
    query.add_filters(_EVENTS, given)
    if given.get("state"):
        query.add(_STATES[given["state"]])
    if text := given.get("q"):
        text = text.strip()
        names = await connection.fetch("SELECT id, name FROM connections WHERE account_id = $1", account_id)
        keys = [text, f"stripe:{text}", *(f"{row['name']}:{text}" for row in names)]
        parts: list[tuple[str, Sequence[Any]]] = [
            ("(e.connection_id = ANY ({}) AND e.delivery_id = {})", [[row["id"] for row in names], text]),
            (_OF_ORDER, [keys, text]),
        ]
        if _UUID.fullmatch(text):
            parts.append(("e.id = {}", [text]))
            parts.append((_OF_DOSSIER, [text]))
        query.add_any(parts)
    return await query.run(connection, "events", "e", "received_at", before, limit)


async def payments(
    connection: Pooled, account_id: str, given: Mapping[str, Any], before: tuple[int, str] | None, limit: int
) -> Found:
    """Payments by their filters, by number; `unclaimed` is `true` for those without an order, `false` for the rest."""
    query = _Query(account_id)
    query.add_filters(_PAYMENTS, given)
    if given.get("unclaimed"):
        query.add(f"p.order_id IS {'NULL' if given['unclaimed'] == 'true' else 'NOT NULL'}")
    return await query.run(connection, "payments", "p", "number", before, limit)


async def contacts(
    connection: Pooled, account_id: str, given: Mapping[str, Any], before: tuple[datetime, str] | None, limit: int
) -> Found:
    """Contacts by e-mail address, or by `q`: what begins the address or words of the name."""
    query = _Query(account_id)
    if given.get("email"):
        query.add(_EMAIL, given["email"].strip().lower())
    if text := given.get("q"):
        parts: list[tuple[str, Sequence[Any]]] = [("lower(c.email) LIKE {}", [_prefix(text.strip().lower())])]
        if words := _words(text):
            parts.append((r"to_tsvector('simple', regexp_replace(c.name, '\W+', ' ', 'g')) @@ {}::tsquery", [words]))
        query.add_any(parts)
    return await query.run(connection, "contacts", "c", "created_at", before, limit)


def _prefix(text: str) -> str:
    """A pattern for LIKE: what begins with the text, taken literally."""
    return re.sub(r"([\\%_])", r"\\\1", text) + "%"


def _words(text: str) -> str:
    """A text search for rows that have, for each word, one that begins with it; empty where there is no word."""
    words = re.findall(r"[^\W_]+", text.lower())[:10]
    return " & ".join(f"'{word}':*" for word in words)
