"""Which dossier each event belongs to: the keys that it names, and who else named them.

Two workers may see a key for the first time at the same moment. The unique key of `links` decides: the later insert
waits for the earlier transaction and then reads what it decided.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from handlers.merge import merge_dossiers, values
from handlers.unite import Unions
from schemas.fact import Dossier, Kind, Reading
from schemas.stated import Form
from worker.errors import Transient
from worker.ids import new_id
from worker.store import dossiers, orders
from worker.store.db import Pooled
from worker.store.orders import Held


@dataclass
class Group:
    """The events of one dossier. `merged`: dossiers that turned out to be the same sale; `before`: its order so far."""

    id: str
    dossier: Dossier
    existed: bool
    before: Held | None
    merged: tuple[str, ...] = ()
    merged_orders: tuple[str, ...] = ()
    readings: list[tuple[str, Reading]] = field(default_factory=list)


def _own_names(reading: Reading) -> list[str]:
    """The external ids by which this event's order may be mentioned elsewhere."""
    named = []
    for fact in reading.facts:
        if fact.kind is Kind.CLAIM:
            stated = values(fact)
            if stated.get("form") in (Form.SHOP, Form.FEED) and stated.get("external_id"):
                named.append(stated["external_id"])
    return named


class _Plan:
    """Events, keys and dossiers, united by what names what."""

    def __init__(
        self, readings: Sequence[tuple[str, Reading]], named: Mapping[str, str], mentions: Mapping[str, Sequence[str]]
    ) -> None:
        self._readings, self._named, self._mentions = readings, named, mentions

    def sets(self, known: Mapping[str, str], anchored: frozenset[str]) -> list[set[tuple[str, str]]]:
        unions: Unions[tuple[str, str]] = Unions()
        for event_id, reading in self._readings:
            unions.join([("event", event_id), *(("key", key) for key in reading.keys)])
        for key, dossier_id in known.items():
            unions.join([("key", key), ("dossier", dossier_id)])
        for event_id, reading in self._readings:
            held = {known[key] for key in reading.keys if key in known}
            if held & anchored:
                continue  # it already belongs to an order that is not Stripe's own; a mention does not move it
            targets = [self._named[ref] for ref in reading.refs if ref in self._named][:1]
            unions.join([("event", event_id), *(("dossier", target) for target in targets)])
        for event_id, reading in self._readings:
            mentioned = [dossier for name in _own_names(reading) for dossier in self._mentions.get(name, ())]
            unions.join([("event", event_id), *(("dossier", dossier) for dossier in mentioned)])
        return unions.sets()


async def resolve(connection: Pooled, account_id: str, readings: Sequence[tuple[str, Reading]]) -> list[Group]:
    """The groups of the given events (event id, reading), their dossiers loaded, merged and locked."""
    refs = sorted({ref for _, reading in readings for ref in reading.refs})
    own = sorted({name for _, reading in readings for name in _own_names(reading)})
    if refs or own:
        await dossiers.lock_refs(connection, account_id, [*refs, *own])
    named = await dossiers.named_orders(connection, account_id, refs) if refs else {}
    mentions: dict[str, list[str]] = {}
    for name, dossier_id in await dossiers.find_refs(connection, account_id, own) if own else ():
        mentions.setdefault(name, []).append(dossier_id)
    plan = _Plan(readings, named, mentions)
    keys = sorted({key for _, reading in readings for key in reading.keys})
    known = await dossiers.find_links(connection, account_id, keys)
    anchored = await _anchored(connection, account_id, known.values()) if named else frozenset()
    sets = plan.sets(known, anchored)
    if len(known) < len(keys):
        wanted = _assign(sets, known)
        added = await dossiers.add_links(connection, account_id, wanted)
        if len(added) < len(wanted):
            stored = await dossiers.find_links(connection, account_id, keys)
            known = {key: dossier for key, dossier in stored.items() if key not in added}
            sets = plan.sets(known, anchored)
            again = _assign(sets, known)
            wrong = {key: again[key] for key in added if again[key] != wanted[key]}
            if wrong:
                await dossiers.move_links(connection, account_id, wrong)
            wanted = again
        known = {**known, **wanted}
    expected = {name for nodes in sets for kind, name in nodes if kind == "dossier"}
    held = await dossiers.lock(connection, account_id, expected)
    if len(held) < len(expected):
        raise Transient("a dossier was merged meanwhile")
    before = await orders.load(connection, account_id, expected)
    return _groups(readings, sets, known, held, before)


async def _anchored(connection: Pooled, account_id: str, ids: object) -> frozenset[str]:
    found = await orders.load(connection, account_id, set(ids))  # type: ignore[call-overload]
    return frozenset(id_ for id_, held in found.items() if held.order.source != "payments")


def _assign(sets: Sequence[set[tuple[str, str]]], known: Mapping[str, str]) -> dict[str, str]:
    """A dossier for every key that has none: the set's first, or a new one."""
    assigned = {}
    for nodes in sets:
        existing = sorted(name for kind, name in nodes if kind == "dossier")
        target = existing[0] if existing else new_id()
        assigned.update({name: target for kind, name in nodes if kind == "key" and name not in known})
    return assigned


def _groups(
    readings: Sequence[tuple[str, Reading]],
    sets: Sequence[set[tuple[str, str]]],
    links: Mapping[str, str],
    held: Mapping[str, Dossier],
    before: Mapping[str, Held],
) -> list[Group]:
    by_event = dict(readings)
    position = {event_id: index for index, (event_id, _) in enumerate(readings)}
    groups = []
    for nodes in sets:
        events = sorted((name for kind, name in nodes if kind == "event"), key=position.__getitem__)
        if not events:
            continue
        existing = sorted((name for kind, name in nodes if kind == "dossier"), key=lambda id_: _rank(id_, before))
        fresh = sorted({links[name] for kind, name in nodes if kind == "key"} - set(existing))
        target = existing[0] if existing else (fresh[0] if fresh else new_id())
        dossier = Dossier()
        for id_ in existing:
            dossier = merge_dossiers(dossier, held[id_])
        merged = tuple(id_ for id_ in existing if id_ != target)
        groups.append(
            Group(
                id=target, dossier=dossier, existed=bool(existing), before=before.get(target), merged=merged,
                merged_orders=tuple(id_ for id_ in merged if id_ in before),
                readings=[(event_id, by_event[event_id]) for event_id in events],
            )
        )  # fmt: skip
    return groups


def _rank(id_: str, before: Mapping[str, Held]) -> tuple[bool, bool, str]:
    """Which of several dossiers remains: an order that is not Stripe's own, then any order, then the oldest."""
    held = before.get(id_)
    return (held is None or held.order.source == "payments", held is None, id_)
