"""One query of a list being put together: clauses and their arguments, within a reader's reach.

Every clause is a constant of `search.py` or of this file; what a caller gives is only ever an argument.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Self

from schemas.account import Reach
from worker.store.db import Pooled

Found = list[tuple[datetime | int | None, str]]
"""(time or number, id) of each row: its place in the list."""
MANY = 10_000
"""Rows that are looked up at most, found by words or because a reader owns them, before a list is walked for them."""

_OWNED = "SELECT w.order_id FROM order_owners w WHERE w.account_id = $1 AND w.owner_id = $2 LIMIT $3"
_FEW = {
    # Rows within reach of who owns few orders: looked up by these, however old they are.
    "orders": "o.id = ANY ({}::uuid[])",
    "payments": "p.order_id = ANY ({}::uuid[])",
    "events": """e.id IN (
        SELECT s.event_id FROM event_states s WHERE s.account_id = $1 AND s.dossier_id = ANY ({}::uuid[]))""",
}
_MANY = {
    # And of who owns many: a row of theirs is soon met on the way, so each is asked whose it is. OFFSET 0 keeps
    # the planner from joining all of one table to all of another.
    "orders": """EXISTS (
        SELECT FROM orders_with_owners w
         WHERE w.account_id = $1 AND w.order_id = o.id AND {} = ANY (w.owners) OFFSET 0)""",
    "payments": """EXISTS (
        SELECT FROM orders_with_owners w
         WHERE w.account_id = $1 AND w.order_id = p.order_id AND {} = ANY (w.owners) OFFSET 0)""",
    "events": """EXISTS (
        SELECT FROM events_with_owners w
         WHERE w.account_id = $1 AND w.event_id = e.id AND {} = ANY (w.owners) OFFSET 0)""",
}
_WITHIN = {
    # Tables of which one person owns little, or whose rows say themselves whose they are.
    "recurring_orders": """r.contact_id IN (
        SELECT c.id FROM contacts c WHERE c.account_id = $1 AND c.owner_id = {})""",
    "checkouts": """c.id IN (
        SELECT k.id FROM contacts n JOIN checkouts k ON k.account_id = $1 AND k.contact_id = n.id
         WHERE n.account_id = $1 AND n.owner_id = {0}
        UNION SELECT k.id FROM order_owners w JOIN checkouts k ON k.account_id = $1 AND k.order_id = w.order_id
         WHERE w.account_id = $1 AND w.owner_id = {0})""",
    "contacts": "c.owner_id = {}",
    "deals": "d.owner_id = {}",
    "audit": "a.token_id = {}",
}


_SEEN = {
    # Rows that everybody sees, asked for by what not everybody does.
    "contact_id": "EXISTS (SELECT FROM contacts c WHERE c.account_id = $1 AND c.id = {} AND c.owner_id = {})",
    "order_id": """EXISTS (
        SELECT FROM orders_with_owners w WHERE w.account_id = $1 AND {1} = ANY (w.owners) AND w.order_id = COALESCE(
            (SELECT g.into_order_id FROM order_merges g WHERE g.account_id = $1 AND g.order_id = {0}), {0}))""",
}


class Query:
    """Clauses and their arguments, for one table, as far as its reader sees it. `{}` in a clause is the place of its
    next argument. `mine`: a further clause, asked of each row, of a reader who owns so much that no lookup gives it."""

    def __init__(self, account_id: str, table: str, alias: str = "") -> None:
        self.arguments: list[Any] = [account_id]
        self.clauses: list[str] = []
        self.mine = ""
        self._table, self._alias = table, alias or table[0]

    @classmethod
    async def within(cls, connection: Pooled, reach: Reach, table: str) -> Self:
        """A query that finds what the reader sees (O12), and nothing else."""
        query = cls(reach.account_id, table)
        if reach.owner_id is None:
            return query
        if table in _WITHIN:
            query.add(_WITHIN[table], reach.owner_id)
            return query
        owned = await connection.fetch(_OWNED, reach.account_id, reach.owner_id, MANY)
        if len(owned) < MANY:
            query.add(_FEW[table], [row["order_id"] for row in owned])
        else:
            query.mine = _MANY[table].format(query.argument(reach.owner_id))
        return query

    def argument(self, value: Any) -> str:
        self.arguments.append(value)
        return f"${len(self.arguments)}"

    def add(self, clause: str, *values: Any) -> None:
        self.clauses.append(clause.format(*(self.argument(value) for value in values)))

    def add_any(self, parts: Sequence[tuple[str, Sequence[Any]]]) -> None:
        """At least one of the clauses holds; none given, nothing is found."""
        texts = [clause.format(*(self.argument(value) for value in values)) for clause, values in parts]
        self.clauses.append("(" + " OR ".join(texts or ["false"]) + ")")

    async def search(self, connection: Pooled, parts: Sequence[tuple[str, Sequence[Any]]]) -> None:
        """As `add_any`, for clauses that have an index each. One that few rows hold for is asked by its index: walking
        a long list for it would read all of it. One that thousands hold for is soon met on the way."""
        if not parts:
            self.add_any(parts)
            return
        asked = Query(self.arguments[0], self._table, self._alias)
        texts = [
            f"(SELECT {place} AS place, {self._alias}.id FROM {self._table} {self._alias} WHERE {self._alias}.account_id = $1 "  # noqa: S608, E501
            f"AND {clause.format(*(asked.argument(value) for value in values))} LIMIT {MANY})"
            for place, (clause, values) in enumerate(parts)
        ]
        found = await connection.fetch(" UNION ALL ".join(texts), *asked.arguments)
        counts = Counter(row["place"] for row in found)
        frequent = {place for place, count in counts.items() if count >= MANY}
        rare = [row["id"] for row in found if row["place"] not in frequent]
        known: tuple[str, Sequence[Any]] = (f"{self._alias}.id = ANY ({{}})", [rare])
        self.add_any([known, *(part for place, part in enumerate(parts) if place in frequent)])

    def add_filters(self, known: Mapping[str, str], given: Mapping[str, Any]) -> None:
        for name, clause in known.items():
            if given.get(name) is not None:
                self.add(clause, given[name])

    def add_flags(self, known: Mapping[str, tuple[str, str]], given: Mapping[str, Any]) -> None:
        for name, (yes, no) in known.items():
            if given.get(name):
                self.clauses.append(yes if given[name] == "true" else no)

    def add_seen(self, reach: Reach, given: Mapping[str, Any]) -> None:
        """Nothing is found by a contact or an order that is beyond reach."""
        for name, clause in _SEEN.items():
            if reach.owner_id is not None and given.get(name) is not None:
                self.add(clause, given[name], reach.owner_id)

    def where(self, *more: str, whosever: bool = False) -> str:
        """All clauses, and `more`. `whosever`: without `mine`, for who asks that of fewer rows, later."""
        parts = [f"{self._alias}.account_id = $1", *more, *self.clauses]
        return " AND ".join(parts if whosever or not self.mine else [*parts, self.mine])

    async def run(self, connection: Pooled, time: str, before: tuple[datetime | int, str] | None, limit: int) -> Found:
        table, alias = self._table, self._alias
        if before:
            self.add(f"({alias}.{time}, {alias}.id) < ({{}}, {{}})", *before)
        rows = await connection.fetch(
            f"SELECT {alias}.{time} AS at, {alias}.id FROM {table} {alias} WHERE {self.where()} "  # noqa: S608  (see above)
            f"ORDER BY {alias}.{time} DESC, {alias}.id DESC LIMIT {self.argument(limit)}",
            *self.arguments,
        )
        return [(row["at"], row["id"]) for row in rows]
