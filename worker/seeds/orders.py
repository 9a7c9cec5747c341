"""What entries of orders make: an order as somebody wrote it down, or one that follows from what was stated of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from asyncpg import Record

from handlers import children as child_rules
from handlers import wishes
from handlers.derive import HAND_KEY, derive, hand_key, makes_order
from handlers.errors import Refused
from handlers.merge import merge_dossiers
from schemas.account import Reach
from schemas.api.seed import SeedFacts, SeedOrder
from schemas.fact import Dossier, Fact, Kind
from schemas.order import OrderSource, OrderType, Status
from schemas.seed import SeedType
from schemas.stated import Hand, Line
from schemas.template import Template
from worker.actions import naming
from worker.actions.order_making import wished
from worker.actions.orders import given, stated, write_new
from worker.apply.batch import take_over
from worker.apply.rebuild import write
from worker.ids import new_id
from worker.seeds.check import model_of
from worker.seeds.problems import Problems
from worker.seeds.spool import Checked
from worker.store import children, contact_reads, dossiers, orders, seeds, templates
from worker.store.accounts import Account
from worker.store.db import Pooled

ACTOR = "import"
_OWN_HAND = f"{HAND_KEY}:"
"""The key, in a file, of what people stated of the very order."""
Ready = Sequence[tuple[Checked, Mapping[str, Any]]]


class Making:
    """The orders of one import, in one transaction."""

    def __init__(self, connection: Pooled, account: Account, now: int, problems: Problems) -> None:
        self._connection, self._account, self._now, self._problems = connection, account, now, problems
        self._templates: dict[str, Template | None] = {}
        self.made: list[str] = []
        """Ids, in the order of the file: they have no numbers yet."""
        self.changed = 0
        self.woken: list[Record] = []

    def on(self, connection: Pooled) -> Making:
        """The same in another transaction."""
        return Making(connection, self._account, self._now, self._problems)

    async def batch(self, ready: Ready) -> None:
        """Make these, or bring up to date what they made before."""
        before = await self._before(ready)
        fresh: dict[str, Dossier] = {}
        contact_ids: dict[str, str] = {}
        further: dict[str, Dossier] = {}
        noted: dict[str, tuple[str, bytes]] = {}
        for checked, fields in ready:
            known = before.get(checked.key) or (noted[checked.key][0] if checked.key in noted else None)
            order_id = known or new_id()
            try:
                body = model_of(SeedType.ORDER, fields).model_validate(fields)
                if isinstance(body, SeedFacts) and checked.key in before:
                    further[order_id] = _dossier(body, order_id)
                elif isinstance(body, SeedFacts):
                    fresh[order_id] = self._checked(_dossier(body, order_id))
                    contact_ids[order_id] = body.contact_id
                elif isinstance(body, SeedOrder) and known is None:
                    hand = await self._hand(body, order_id)
                    fresh[order_id] = stated(Dossier(), order_id, hand, self._now, ACTOR)
            except Refused as error:
                self._problems.refused(checked.entry, error)
            noted[checked.key] = order_id, checked.digest
        if self._problems:
            return
        if fresh:
            await self._write(fresh, contact_ids)
        if further:
            await self._add(further)
        await seeds.add(self._connection, self._account.id, SeedType.ORDER, noted)

    async def _before(self, ready: Ready) -> dict[str, str]:
        """The order that each key means already. Those that somebody wrote down in other words before are faults."""
        account_id, wanted = self._account.id, {checked.key: checked for checked, _ in ready}
        before = await seeds.find(self._connection, account_id, SeedType.ORDER, wanted)
        for checked, fields in ready:
            if checked.key in before and "facts" not in fields and before[checked.key][1] != checked.digest:
                self._problems.refused(
                    checked.entry,
                    Refused(
                        "differs", "This order was imported before, with other values.",
                        remedy="Change it over the API, or give the entry another external_id.",
                    ),
                )  # fmt: skip
        found = {key: order_id for key, (order_id, _) in before.items()}
        missing = [(checked.key, fields) for checked, fields in ready if checked.key not in found]
        if not missing:
            return found
        ids = await seeds.look_up(
            self._connection, account_id, "orders", "id", [fields["id"] for _, fields in missing if fields.get("id")]
        )
        slugs = [(await self._type(fields), fields["slug"]) for _, fields in missing if fields.get("slug")]
        externals = [fields["external_id"] for _, fields in missing if fields.get("external_id")]
        known: dict[tuple[str, str], str] = {}
        for row in await seeds.known_orders(self._connection, account_id, externals, slugs):
            known[row["origin"], row["external_id"]] = row["id"]
            known[f"slug:{row['type']}", row["slug"]] = row["id"]
        for key, fields in missing:
            order_id = next(iter(ids.get(str(fields.get("id")), ())), None)
            if order_id is None and fields.get("external_id"):
                order_id = known.get((fields.get("origin") or "import", fields["external_id"]))
            elif order_id is None and fields.get("slug"):
                order_id = known.get((f"slug:{await self._type(fields)}", fields["slug"]))
            if order_id is not None:
                found[key] = order_id
        return found

    async def _type(self, fields: Mapping[str, Any]) -> str:
        template = await self._template(fields.get("template") or OrderType.SALE)
        return template.type if template else ""

    async def _template(self, slug: str) -> Template | None:
        if slug not in self._templates:
            found = await templates.find(self._connection, self._account.id, slug)
            self._templates[slug] = found[0] if found else None
        return self._templates[slug]

    async def _hand(self, body: SeedOrder, order_id: str) -> Hand:
        """The statement that makes an order as somebody wrote it down."""
        template = await self._template(body.template)
        if template is None:
            raise templates.unknown(body.template)
        wish = given(body)
        origin = wish.pop("origin", None) or "import"
        for name in ("id", "parent_id"):
            wish.pop(name, None)
        if body.parent_id is not None:
            return await self._child(body.parent_id, wish, template, order_id, origin)
        within = Reach(self._account.id)
        asked = [body.contact_id] if body.contact_id else []
        known = {row["id"] for row in await contact_reads.read(self._connection, within, asked)}
        return await wished(
            self._connection, within, self._account, template, wish, known, self._now, origin=origin,
            source=OrderSource.MANUAL,
        )  # fmt: skip

    async def _child(
        self, parent_id: str, wish: dict[str, Any], template: Template, order_id: str, origin: str
    ) -> Hand:
        """As `worker.actions.children` makes one, whatever the parent's status is by now: what is written down has
        happened."""
        account_id = self._account.id
        held = await dossiers.lock(self._connection, account_id, [parent_id])
        before = await orders.load(self._connection, account_id, [parent_id])
        parent = derive(held[parent_id], self._now)
        allowed = await templates.of_order(self._connection, account_id, parent)
        if template.type not in allowed.children:
            child_rules.check_allowed(parent, allowed, template)
        family = await children.family(self._connection, account_id, parent_id)
        taken = family.taken.get(template.type, frozenset())
        lines = child_rules.carried(parent, _chosen(parent.lines, wish.pop("items", None)), taken)
        names: dict[str, str | int | None] = {
            **await naming.names(self._connection, self._account, template, wish, self._now),
            "parent_title": parent.title,
            "parent_number": await orders.number_of(self._connection, account_id, parent_id),
            "sequence": await naming.number(self._connection, self._account, template),
        }
        kept = {**wish, "contact_id": wish.get("contact_id") or before[parent_id].contact_id}
        hand = wishes.child(
            kept, parent, now=self._now, parent_id=parent_id, template=template, names=names, lines=lines,
            charges=child_rules.charges(parent, template, lines), origin=origin, source=OrderSource.MANUAL,
        )  # fmt: skip
        await self._carry(parent_id, order_id, template.type, lines)
        return hand

    async def _carry(self, parent_id: str, order_id: str, type_: str, lines: Sequence[Line]) -> None:
        keys = [line.parent_line for line in lines if line.parent_line]
        taken = await children.carry(self._connection, self._account.id, parent_id, order_id, type_, keys)
        if len(taken) < len(keys):
            raise Refused(
                "lines_taken", f"A line of the parent is in another {type_} already.", remedy="Void that one first."
            )

    def _checked(self, dossier: Dossier) -> Dossier:
        try:
            if makes_order(dossier):
                derive(dossier, self._now)
                return dossier
        except Exception as error:
            raise Refused("invalid", f"The facts cannot be read: {error}.", field="facts", remedy=_AGAIN) from error
        raise Refused("invalid", "The facts make no order.", field="facts", remedy=_AGAIN)

    async def _write(self, fresh: Mapping[str, Dossier], contact_ids: Mapping[str, str]) -> None:
        """New orders. A key of theirs that is known here already means the same sale: the two become one."""
        account_id, connection = self._account.id, self._connection
        for order_id in contact_ids:
            order = derive(fresh[order_id], self._now)
            if order.parent_id and order.status != Status.VOID:
                await self._carry(order.parent_id, order_id, order.type, order.lines)
        await write_new(connection, account_id, fresh, self._now, ACTOR, contact_ids=contact_ids, numbered=False)
        links = {key: order_id for order_id in contact_ids for key in fresh[order_id].links}
        links = {key: order_id for key, order_id in links.items() if key != hand_key(order_id)}
        refs = [(ref, order_id) for order_id in contact_ids for ref in fresh[order_id].refs]
        if refs:
            await dossiers.add_refs(connection, account_id, refs)
        if links:
            added = await dossiers.add_links(connection, account_id, links)
            there = await dossiers.find_links(connection, account_id, set(links) - added)
            await self._join({key: (links[key], other) for key, other in there.items()})
        self.made.extend(fresh)
        await self.mentioned(list(fresh))

    async def _join(self, others: Mapping[str, tuple[str, str]]) -> None:
        by_order: dict[str, set[str]] = {}
        for order_id, other in others.values():
            if other != order_id:
                by_order.setdefault(order_id, set()).add(other)
        for order_id, found in sorted(by_order.items()):
            self.woken += await take_over(self._connection, self._account.id, order_id, sorted(found), self._now, ACTOR)

    async def mentioned(self, order_ids: Sequence[str]) -> None:
        """Join what names one of these orders by its external id and came before it."""
        rows = await orders.load(self._connection, self._account.id, order_ids)
        names = {held.order.external_id: order_id for order_id, held in rows.items() if held.order.external_id}
        if names:
            found = await dossiers.find_refs(self._connection, self._account.id, names)
            await self._join({f"{name}/{other}": (names[name], other) for name, other in found})

    async def _add(self, further: Mapping[str, Dossier]) -> None:
        """What a newer export says beside what is known: facts are merged."""
        held = await dossiers.lock(self._connection, self._account.id, further)
        changed = {
            order_id: dossier
            for order_id, before in held.items()
            if (dossier := merge_dossiers(before, _unheard(before, further[order_id]))) != before
        }
        if changed:
            await orders.begin_deriving(self._connection)
            await dossiers.save(self._connection, self._account.id, changed)
            await write(self._connection, self._account.id, changed, self._now, ACTOR)
            self.changed += len(changed)


_AGAIN = "Export the order again."


def _dossier(body: SeedFacts, order_id: str) -> Dossier:
    """What an export says of an order, with what people stated under the order's id here."""
    try:
        facts = msgspec.convert(body.facts, tuple[Fact, ...])
    except msgspec.ValidationError as error:
        raise Refused("invalid", f"The facts cannot be read: {error}.", field="facts", remedy=_AGAIN) from None
    own, links = hand_key(order_id), set(body.links)
    found: dict[str, Fact] = {}
    for fact in facts:
        if fact.kind is Kind.HAND and fact.key == _OWN_HAND:
            fact = msgspec.structs.replace(fact, key=own)
            links.add(own)
        found[fact.key] = fact
    return Dossier(dict(sorted(found.items())), tuple(sorted(links)), tuple(sorted(body.refs)))


def _unheard(known: Dossier, dossier: Dossier) -> Dossier:
    """The dossier without what people stated and is known here already: it may name records in other words there."""
    facts = {}
    for key, fact in dossier.facts.items():
        held = known.facts.get(key)
        if fact.kind is Kind.HAND and held is not None:
            heard = {(statement.at, statement.event) for statement in held.statements}
            fact = msgspec.structs.replace(
                fact, statements=tuple(one for one in fact.statements if (one.at, one.event) not in heard)
            )
        if fact.statements:
            facts[key] = fact
    return msgspec.structs.replace(dossier, facts=facts)


def _chosen(lines: Sequence[Line], items: Sequence[Mapping[str, Any]] | None) -> list[tuple[str, str | None]] | None:
    """The parent's lines that a child carries, as keys with quantities; None for all that are open."""
    if items is None:
        return None
    chosen = []
    for position, item in enumerate(items):
        name = item.get("parent_line") or item.get("sku")
        keys = [line.key for line in lines if name is not None and name in (line.key, line.sku)]
        if len(keys) != 1:
            raise Refused(
                "invalid", "The line of a child carries one of its parent's lines.", field=f"items.{position}",
                remedy="Give the parent line's `sku`, or its place among the lines as `parent_line`: \"1\".",
            )  # fmt: skip
        chosen.append((keys[0], item.get("quantity")))
    return chosen
