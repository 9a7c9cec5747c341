"""Where SQL is put together: which rows a filter finds, newest first, as ids with their places.

Every clause is a constant of this file; what a caller gives is only ever an argument.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from schemas.account import Reach
from schemas.order import OrderSource, PaymentStatus, Status
from worker.store.db import Pooled
from worker.store.query import Found, Query

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_LARGEST = 2**63 - 1
_ORDERS = {
    "origin": "o.origin = {}",
    "external_id": "o.external_id = {}",
    "contact_id": "o.contact_id = {}",
    "deal_id": "o.deal_id = {}",
    "owner_id": "o.owner_id = {}",
    "managed_by": "o.managed_by = {}",
    "type": "o.type = {}",
    "parent_id": "o.parent_id = {}",
    "recurring_order_id": "o.recurring_order_id = {}",
    "sales_status": "o.sales_status = {}",
    "currency": "o.currency = {}",
    "offer_id": "o.offer_id = {}",
    "category_id": "o.offer_id IN (SELECT f.id FROM offers f WHERE f.account_id = $1 AND f.category_id = {})",
    "manager_id": "o.manager_id = {}",
    "system": "{} = ANY (o.systems)",
    "created_from": "o.created_at >= {}",
    "created_to": "o.created_at < {}",
    "paid_from": "o.paid_at >= {}",
    "paid_to": "o.paid_at < {}",
}
_ORDER_WORDS: dict[str, dict[str, str]] = {
    # The word stands in the text, so that the planner can tell whether a partial index holds it.
    "status": {word: f"o.status = '{word}'" for word in Status},
    "payment_status": {word: f"o.payment_status = '{word}'" for word in PaymentStatus},
    "source": {word: f"o.source = '{word}'" for word in OrderSource},
    "payment_type": {word: f"o.payment_type = '{word}'" for word in ("full", "partial")},
}
_ORDER_FLAGS = {
    # What `true` means, and what `false`.
    "confirmed": ("o.sale_confirmed_at IS NOT NULL", "o.sale_confirmed_at IS NULL"),
    "recurring": ("o.recurring_order_id IS NOT NULL", "o.recurring_order_id IS NULL"),
    "livemode": ("o.livemode", "NOT o.livemode"),
}
_DEALS = {"contact_id": "d.contact_id = {}", "owner_id": "d.owner_id = {}", "status": "d.status = {}"}
_PAYMENTS = {
    "order_id": "p.order_id = {}",
    "status": "p.status = {}",
    "system": "p.system = {}",
    "currency": "p.currency = {}",
    "attempted_from": "p.attempted_at >= {}",
    "attempted_to": "p.attempted_at < {}",
}
_CHECKOUTS = {
    "contact_id": "c.contact_id = {}",
    "order_id": "c.order_id = {}",
    "created_from": "c.created_at >= {}",
    "created_to": "c.created_at < {}",
}
_EVENTS = {
    "ids": "e.id = ANY ({})",
    "connection": "e.connection_id = (SELECT id FROM connections c WHERE c.account_id = $1 AND c.name = {})",
    "topic": "e.topic = {}",
    "topic_prefix": "e.topic LIKE {}",
    "received_from": "e.received_at >= {}",
    "received_to": "e.received_at < {}",
}
_AUDIT = {
    "actor": "a.actor = {}",
    "operation": "a.operation = {}",
    "from_": "a.at >= {}",
    "to": "a.at < {}",
}
_MOVEMENTS = {
    "location_id": "m.location_id = {}",
    "sku": "m.sku = {}",
    "order_id": """m.order_id = ANY (ARRAY(
        SELECT {0}::uuid UNION SELECT g.order_id FROM order_merges g
         WHERE g.account_id = $1 AND g.into_order_id = {0}::uuid))""",
    "from_": "m.at >= {}",
    "to": "m.at < {}",
}
_LEVELS = {"location_id": "l.location_id = {}", "sku": "l.sku = {}"}
_NEGATIVE = {
    "true": "l.bucket = 'on_hand' AND l.quantity < 0",
    "false": """NOT EXISTS (SELECT FROM stock_levels n WHERE n.account_id = l.account_id AND n.sku = l.sku
        AND n.location_id = l.location_id AND n.bucket = 'on_hand' AND n.quantity < 0)""",
}
_RECURRING = {
    name: f"r.{name} = {{}}" for name in ("contact_id", "offer_id", "owner_id", "status", "managed_by")
}  # fmt: skip
_STATE = "e.id IN (SELECT s.event_id FROM event_states s WHERE s.account_id = e.account_id AND s.state = '{}')"
_STATES = {
    # The state stands in the text, so that the planner can tell which partial index holds it.
    state: _STATE.format(state)
    for state in ("received", "applied", "ignored", "waiting", "retrying", "dead")
}
UNSETTLED = ("received", "waiting", "retrying", "dead")
_OPEN = "'received', 'waiting', 'retrying', 'dead'"
_CAUSE = r"regexp_replace({}, '\S*[0-9]\S*', '…', 'g')"
"""A reason without its ids and numbers, as the groups of dead letters have it."""
_SAME_CAUSE = f"{_CAUSE.format('coalesce(s.reason, $$$$)')} = {_CAUSE.format('{}::text')}"
_REASONS = {
    # By state; None: those that are not settled.
    state: f"""e.id IN (SELECT s.event_id FROM event_states s
        WHERE s.account_id = e.account_id AND s.state IN ({states}) AND {_SAME_CAUSE})"""  # noqa: S608  (constants of this file)
    for state, states in ((None, _OPEN), *((state, f"'{state}'") for state in _STATES))
}
_TEMPLATE = """r.product_template_id = (
    SELECT t.id FROM product_templates t WHERE t.account_id = r.account_id AND t.slug = {})"""
_NAMED = r"to_tsvector('simple', regexp_replace(r.name, '\W+', ' ', 'g')) @@ {}::tsquery"
_RECORDS = {
    # By table: the filters of its list.
    "locations": {},
    "product_templates": {},
    "price_lists": {},
    "offer_categories": {},
    "products": {"sku": "r.sku = {}", "kind": "r.kind = {}", "product_template": _TEMPLATE},
    "units": {
        name: f"r.{name} = {{}}" for name in ("product_id", "serial_number", "contact_id", "location_id", "order_id")
    },
    "offers": {"category_id": "r.category_id = {}", "currency": "r.currency = {}", "recurring": "r.recurring = {}"},
    "sales_plans": {"contact_id": "r.contact_id = {}"},
}
_EMAIL = """c.id IN (
    SELECT k.contact_id FROM contact_keys k WHERE k.account_id = c.account_id AND k.key = 'email:' || {}::text)"""
_SPEAKS_OF = """e.id = ANY (ARRAY(
    -- by lookups alone: joined by OR, these would have all events read
    SELECT f.id FROM events f WHERE f.account_id = $1 AND f.connection_id = ANY ({}) AND f.delivery_id = {}
    UNION SELECT s.event_id FROM event_states s WHERE s.account_id = $1 AND s.dossier_id IN (
        SELECT l.dossier_id FROM links l WHERE l.account_id = $1 AND l.key = ANY ({})
        UNION SELECT o.id FROM orders o WHERE o.account_id = $1 AND o.external_id = {})
    UNION SELECT f.id FROM events f WHERE f.account_id = $1 AND f.id = {}
    UNION SELECT s.event_id FROM event_states s WHERE s.account_id = $1 AND s.dossier_id = {}))"""


async def orders(
    connection: Pooled, reach: Reach, given: Mapping[str, Any], before: tuple[datetime, str] | None, limit: int
) -> Found:
    """Orders by their filters. `q` begins an external id, a platform's number, words of the title; or is the number."""
    query = await Query.within(connection, reach, "orders")
    query.add_filters(_ORDERS, given)
    query.clauses += [known[given[name]] for name, known in _ORDER_WORDS.items() if given.get(name)]
    query.add_flags(_ORDER_FLAGS, given)
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
        await query.search(connection, parts)
    return await query.run(connection, "created_at", before, limit)


async def events(
    connection: Pooled, reach: Reach, given: Mapping[str, Any], before: tuple[datetime, str] | None, limit: int
) -> Found:
    """Events by their filters; `q` is an event's id, a delivery id, or the id of something that the event speaks of.
    `reason` is looked for, ids and numbers apart, among events of the state that is asked for, else of those that are
    not settled."""
    query, topic = await events_query(connection, reach, given)
    if topic:
        query.clauses.append(topic)
    state = given.get("state")
    if given.get("reason"):
        query.add(_REASONS[state], given["reason"])
    elif state:
        query.add(_STATES[state])
    return await query.run(connection, "received_at", before, limit)


async def events_query(connection: Pooled, reach: Reach, given: Mapping[str, Any]) -> tuple[Query, str]:
    """What all filters of events come to but for state, reason and topic; and what is asked of the topic, empty where
    that is nothing: of all filters it is the one that no index answers."""
    query = await Query.within(connection, reach, "events")
    query.add_filters(_EVENTS, {**given, "topic": None})
    if text := given.get("q"):
        text = text.strip()
        names = await connection.fetch("SELECT id, name FROM connections WHERE account_id = $1", reach.account_id)
        keys = [text, f"stripe:{text}", *(f"{row['name']}:{text}" for row in names)]
        id_ = text if _UUID.fullmatch(text) else None
        query.add(_SPEAKS_OF, [row["id"] for row in names], text, keys, text, id_, id_)
    topic = given.get("topic")
    if not topic:
        return query, ""
    name, value = ("topic_prefix", _prefix(topic[:-1])) if topic.endswith("*") else ("topic", topic)
    return query, _EVENTS[name].format(query.argument(value))


async def payments(
    connection: Pooled, reach: Reach, given: Mapping[str, Any], before: tuple[int, str] | None, limit: int
) -> Found:
    """Payments by their filters, by number; `unclaimed` is `true` for those without an order, `false` for the rest."""
    query = await Query.within(connection, reach, "payments")
    query.add_filters(_PAYMENTS, given)
    if given.get("unclaimed"):
        query.add(f"p.order_id IS {'NULL' if given['unclaimed'] == 'true' else 'NOT NULL'}")
    return await query.run(connection, "number", before, limit)


async def recurring_orders(
    connection: Pooled, reach: Reach, given: Mapping[str, Any], before: tuple[datetime, str] | None, limit: int
) -> Found:
    """Recurring orders by their filters; `held` is `true` for those that wait for a person, `false` for the rest.
    `begun` leaves those out whose first payment has not succeeded."""
    query = await Query.within(connection, reach, "recurring_orders")
    query.add_filters(_RECURRING, given)
    if given.get("begun"):
        query.add("r.status <> 'pending'")
    if given.get("held"):
        query.add("r.held" if given["held"] == "true" else "NOT r.held")
    return await query.run(connection, "created_at", before, limit)


async def recurring_counts(
    connection: Pooled, reach: Reach, given: Mapping[str, Any], statuses: Sequence[str], limit: int
) -> dict[str, int]:
    """How many recurring orders are in each status, counted up to a limit; of one contact where `given` names it."""
    query = await Query.within(connection, reach, "recurring_orders")
    query.add_filters({"contact_id": _RECURRING["contact_id"]}, given)
    where = query.where("r.status = g.status")
    rows = await connection.fetch(
        f"SELECT g.status, (SELECT count(*) FROM (SELECT FROM recurring_orders r WHERE {where} "  # noqa: S608  (see above)
        f"LIMIT {query.argument(limit)}) AS counted) AS orders "
        f"FROM unnest({query.argument(list(statuses))}::text[]) AS g (status)",
        *query.arguments,
    )
    return {row["status"]: row["orders"] for row in rows}


async def checkouts(
    connection: Pooled, reach: Reach, given: Mapping[str, Any], before: tuple[datetime, str] | None, limit: int
) -> Found:
    """Checkouts by their filters; `opened` is `true` for those whose session was opened, `false` for the rest."""
    query = await Query.within(connection, reach, "checkouts")
    query.add_filters(_CHECKOUTS, given)
    if given.get("opened"):
        query.add(f"c.state {'=' if given['opened'] == 'true' else '<>'} 'opened'")
    return await query.run(connection, "created_at", before, limit)


async def contacts(
    connection: Pooled, reach: Reach, given: Mapping[str, Any], before: tuple[datetime, str] | None, limit: int
) -> Found:
    """Contacts by e-mail address, or by `q`: what begins the address or words of the name."""
    query = await Query.within(connection, reach, "contacts")
    if given.get("owner_id"):
        query.add("c.owner_id = {}", given["owner_id"])
    if given.get("email"):
        query.add(_EMAIL, given["email"].strip().lower())
    if text := given.get("q"):
        parts: list[tuple[str, Sequence[Any]]] = [("lower(c.email) LIKE {}", [_prefix(text.strip().lower())])]
        if words := _words(text):
            parts.append((r"to_tsvector('simple', regexp_replace(c.name, '\W+', ' ', 'g')) @@ {}::tsquery", [words]))
        await query.search(connection, parts)
    return await query.run(connection, "created_at", before, limit)


async def deals(
    connection: Pooled, reach: Reach, given: Mapping[str, Any], before: tuple[datetime, str] | None, limit: int
) -> Found:
    """Deals by their filters; `q` begins words of the title."""
    query = await Query.within(connection, reach, "deals")
    query.add_filters(_DEALS, given)
    if text := given.get("q"):
        words = _words(text)
        title = (r"to_tsvector('simple', regexp_replace(d.title, '\W+', ' ', 'g')) @@ {}::tsquery", [words])
        await query.search(connection, [title] if words else [])
    return await query.run(connection, "created_at", before, limit)


async def audit(
    connection: Pooled, reach: Reach, given: Mapping[str, Any], before: tuple[datetime, str] | None, limit: int
) -> Found:
    """What was done, by its filters."""
    query = await Query.within(connection, reach, "audit")
    query.add_filters(_AUDIT, given)
    return await query.run(connection, "at", before, limit)


async def movements(
    connection: Pooled, reach: Reach, given: Mapping[str, Any], before: tuple[datetime, str] | None, limit: int
) -> Found:
    """Movements of stock by their filters; an order's are also those of the orders that were merged into it."""
    query = Query(reach.account_id, "stock_movements", "m")
    query.add_filters(_MOVEMENTS, given)
    query.add_seen(reach, given)
    return await query.run(connection, "at", before, limit)


async def levels(
    connection: Pooled, account_id: str, given: Mapping[str, Any], after: tuple[str, str] | None, limit: int
) -> list[tuple[str, str]]:
    """(sku, location) of which stock was ever moved, in this order, by their filters."""
    query = Query(account_id, "stock_levels", "l")
    query.add_filters(_LEVELS, given)
    if given.get("negative"):
        query.add(_NEGATIVE[given["negative"]])
    if after:
        query.add("(l.sku, l.location_id) > ({}, {}::uuid)", *after)
    rows = await connection.fetch(
        f"SELECT DISTINCT l.sku, l.location_id FROM stock_levels l WHERE {query.where()} "  # noqa: S608  (see above)
        f"ORDER BY l.sku, l.location_id LIMIT {query.argument(limit)}",
        *query.arguments,
    )
    return [(row["sku"], row["location_id"]) for row in rows]


async def records(
    connection: Pooled,
    table: str,
    reach: Reach,
    given: Mapping[str, Any],
    before: tuple[datetime, str] | None,
    limit: int,
) -> Found:
    """Records of a table of the catalogue. `q` begins a product's sku or words of the name, or is an offer's number."""
    query = Query(reach.account_id, table, "r")
    query.add_filters({**_RECORDS[table], "archived": "r.archived = {}"}, given)
    query.add_seen(reach, given)
    if text := given.get("q"):
        parts: list[tuple[str, Sequence[Any]]] = []
        if table == "products":
            parts.append(("lower(r.sku) LIKE {}", [_prefix(text.strip().lower())]))
        if words := _words(text):
            parts.append((_NAMED, [words]))
        number = text.strip().removeprefix("#")
        if table == "offers" and number.isascii() and number.isdigit() and int(number) <= _LARGEST:
            parts.append(("r.number = {}", [int(number)]))
        await query.search(connection, parts)
    return await query.run(connection, "created_at", before, limit)


def _prefix(text: str) -> str:
    """A pattern for LIKE: what begins with the text, taken literally."""
    return re.sub(r"([\\%_])", r"\\\1", text) + "%"


def _words(text: str) -> str:
    """A text search for rows that have, for each word, one that begins with it; empty where there is no word."""
    words = re.findall(r"[^\W_]+", text.lower())[:10]
    return " & ".join(f"'{word}':*" for word in words)
