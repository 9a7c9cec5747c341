"""Who may do what to which row (H2, I4): every operation, every role, own, another's and another account's row.

The table is made from the operations themselves: a new one without an entry here fails.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from schemas.account import Permission, Role
from tests.api.conftest import Answer, Api
from tests.world import payload
from worker.api.operation import Operation
from worker.api.routes import OPERATIONS
from worker.ids import new_id
from worker.store import tokens

WHOLE, OWNED, REACHED = "whole", "owned", "reached"
"""Of whom a row is: of the account as a whole; of an owner, who alone of the managers writes it; of an owner only as far
as it is read (an event)."""


@dataclass(frozen=True)
class Entry:
    """What an operation is about. `row`: the parameter that names a row, of `kind`; `body` makes a good request out of
    the ids of whom it is for; `good` is the status then."""

    kind: str = WHOLE
    row: str | None = None
    body: Callable[[dict[str, str]], Any] | None = None
    good: int = 200
    headers: dict[str, str] = field(default_factory=dict)


ENTRIES: dict[str, Entry] = {
    "list_orders": Entry(),
    "get_order": Entry(OWNED, "order_id"),
    "list_order_timeline": Entry(OWNED, "order_id"),
    "explain_order": Entry(OWNED, "order_id"),
    "create_order": Entry(body=lambda ids: {"contact_id": ids["contact_id"], "amount": 5}, good=201),
    "change_order": Entry(OWNED, "order_id", lambda _: {"notes": "seen"}),
    "list_contacts": Entry(),
    "get_contact": Entry(OWNED, "contact_id"),
    "create_contact": Entry(body=lambda _: {"name": "Bob"}, good=201),
    "change_contact": Entry(OWNED, "contact_id", lambda _: {"phone": "+55 11"}),
    "list_deals": Entry(),
    "get_deal": Entry(OWNED, "deal_id"),
    "create_deal": Entry(body=lambda _: {"title": "Tea"}, good=201),
    "change_deal": Entry(OWNED, "deal_id", lambda _: {"title": "Tea"}),
    "list_events": Entry(),
    "get_event": Entry(REACHED, "event_id"),
    "get_event_body": Entry(REACHED, "event_id"),
    "replay_event": Entry(REACHED, "event_id", good=202),
    "list_connections": Entry(),
    "get_connection": Entry(WHOLE, "connection_id"),
    "create_connection": Entry(
        body=lambda _: {"name": f"c-{new_id()}", "provider": "stripe", "secret": "hush"}, good=201
    ),
    "change_connection": Entry(WHOLE, "connection_id", lambda _: {"settings": {}}),
    "get_refusals": Entry(WHOLE, "connection_id"),
    "verify_refusals": Entry(WHOLE, "connection_id"),
    "list_tokens": Entry(),
    "create_token": Entry(body=lambda _: {"name": "t", "role": "rep"}, good=201),
    "revoke_token": Entry(WHOLE, "token_id", good=204),
    "list_accounts": Entry(),
    "get_account": Entry(WHOLE, "account_id"),
    "change_account": Entry(WHOLE, "account_id", lambda _: {"private_targets": False}),
}
WRITES = {"POST", "PATCH", "PUT", "DELETE"}


def test_I4_every_operation_has_an_entry() -> None:
    names = [operation.name for operation in OPERATIONS]
    assert sorted(names) == sorted(set(names))
    assert sorted(ENTRIES) == sorted(names), "say who may do what with it"
    for operation in OPERATIONS:
        entry = ENTRIES[operation.name]
        assert (entry.body is not None) == (operation.body is not None), operation.name
        assert operation.parameters[:1] == ([entry.row] if entry.row else []), operation.name


class Rows:
    """Rows of one account: what `own` owns, what `another` token owns, and what is of the account as a whole."""

    def __init__(self, api: Api, admin: str, account_id: str) -> None:
        self.api, self.admin, self.account_id = api, admin, account_id

    async def of(self, owner_id: str) -> dict[str, str]:
        """A contact, a deal, an order and its event that this token owns, made by an administrator."""
        post = self.api.post
        contact = await post("/contacts", {"name": "Ana", "owner_id": owner_id}, token=self.admin)
        deal = await post("/deals", {"title": "Beans", "owner_id": owner_id}, token=self.admin)
        body = {"contact_id": contact["id"], "amount": 5, "owner_id": owner_id}
        order = await post("/orders", body, token=self.admin)
        return {
            "contact_id": contact["id"], "deal_id": deal["id"], "order_id": order["id"],
            "event_id": await self._event(order["id"]),
        }  # fmt: skip

    async def whole(self) -> dict[str, str]:
        """Rows that nobody owns."""
        body = {"name": f"c-{new_id()}", "provider": "stripe", "secret": "hush"}
        connection = await self.api.post("/connections", body, token=self.admin)
        token = await self.api.post("/tokens", {"name": "t", "role": "rep"}, token=self.admin)
        return {"connection_id": connection["id"], "token_id": token["id"], "account_id": self.account_id}

    async def _event(self, order_id: str) -> str:
        """An applied event that is part of this order."""
        pool, event_id, connection_id = self.api.shop.ctx.pool, new_id(), new_id()
        await pool.execute(
            "INSERT INTO connections (account_id, id, name, provider, secrets) VALUES ($1, $2::uuid, $3, 'stripe', $4)",
            self.account_id, connection_id, f"c-{connection_id}", self.api.shop.ctx.vault.seal(["hush"]),
        )  # fmt: skip
        await pool.execute(
            "INSERT INTO events (account_id, id, connection_id, dedupe, delivery_id, topic, lane, livemode, id_conflict, "
            "received_at, headers, body) VALUES ($1, $2, $3, $4, 'd', 't', 'orders', true, false, now(), '{}', '{}')",
            self.account_id, event_id, connection_id, bytes.fromhex(event_id.replace("-", "")),
        )  # fmt: skip
        await pool.execute(
            "INSERT INTO event_states (account_id, event_id, lane, state, dossier_id) "
            "VALUES ($1, $2, 'orders', 'applied', $3)",
            self.account_id, event_id, order_id,
        )  # fmt: skip
        return event_id


@dataclass(frozen=True)
class Who:
    """A token, and what it is."""

    role: Role
    permissions: frozenset[Permission]
    id: str
    secret: str

    def may(self, permission: Permission | None) -> bool:
        return permission is None or self.role is Role.ADMIN or permission in self.permissions


async def somebody(api: Api, role: Role, permissions: frozenset[Permission]) -> Who:
    row, secret = await tokens.add(api.shop.ctx.pool, api.shop.account_id, f"a {role}", role, permissions)
    return Who(role, permissions, row.id, secret)


async def ask(api: Api, operation: Operation, ids: dict[str, str], secret: str | None) -> Answer:
    entry = ENTRIES[operation.name]
    path = re.sub(r"\{(\w+)\}", lambda found: ids[found.group(1)], operation.path)
    more: dict[str, Any] = {"json": entry.body(ids)} if entry.body else {}
    return await api.ask(operation.method, path, token=secret, anonymous=secret is None, **more)


def expected(operation: Operation, who: Who, whose: str, *, privacy: bool) -> int:
    """The status that the rules demand. `whose` row it is: `own`, `another`, or `elsewhere` (another account's)."""
    entry = ENTRIES[operation.name]
    narrow = privacy and who.role is Role.REP
    if not who.may(operation.permission):
        return 403
    if whose == "elsewhere" and entry.row:
        return 404
    if whose == "own" or entry.kind == WHOLE:
        if operation.name == "create_order" and whose != "own" and (narrow or whose == "elsewhere"):
            return 422  # for a contact that they do not see
        return entry.good
    if narrow:
        return 404
    if entry.kind == OWNED and operation.method in WRITES and who.role is Role.MANAGER:
        return 403
    return entry.good


@pytest.mark.parametrize("privacy", [False, True], ids=["open", "private"])
@pytest.mark.parametrize(
    ("role", "permissions"),
    [
        (Role.ADMIN, frozenset[Permission]()),
        *((role, frozenset(given)) for role in (Role.MANAGER, Role.REP) for given in ((), Permission)),
        *((role, frozenset({one})) for role in (Role.MANAGER, Role.REP) for one in Permission),
    ],
)
async def test_I4_every_operation_answers_each_role_as_the_rules_demand(
    api: Api, role: Role, permissions: frozenset[Permission], privacy: bool
) -> None:
    stranger = await api.other_account()
    other = await tokens.find(api.shop.ctx.pool, stranger)
    assert other
    who, another = await somebody(api, role, permissions), await somebody(api, Role.REP, frozenset())
    rows = Rows(api, api.admin, api.shop.account_id)
    elsewhere = Rows(api, stranger, other.account_id)
    await api.set(owner_privacy=privacy)
    given = {
        "own": {**await rows.whole(), **await rows.of(who.id)},
        "another": {**await rows.whole(), **await rows.of(another.id)},
        "elsewhere": {**await elsewhere.whole(), **await elsewhere.of(other.token_id)},
    }
    wrong = []
    for operation in OPERATIONS:
        for whose, ids in given.items():
            answer = await ask(api, operation, ids, who.secret)
            status = expected(operation, who, whose, privacy=privacy)
            if answer.status != status:
                wrong.append((operation.name, whose, answer.status, status, answer.raw[:200]))
            if answer.status == 403 and not who.may(operation.permission):
                assert answer.json["permission"] == operation.permission
    assert not wrong, "\n".join(map(str, wrong))


async def test_I4_no_token_and_a_revoked_token_open_nothing(api: Api) -> None:
    who = await somebody(api, Role.ADMIN, frozenset())
    rows = Rows(api, api.admin, api.shop.account_id)
    ids = {**await rows.whole(), **await rows.of(who.id)}
    await tokens.revoke(api.shop.ctx.pool, api.shop.account_id, who.id)
    for operation in OPERATIONS:
        for secret in (None, who.secret):
            assert (await ask(api, operation, ids, secret)).status == 401, operation.name


async def test_I4_nothing_of_another_account_is_changed_by_asking(api: Api) -> None:
    stranger = await api.other_account()
    rows = Rows(api, api.admin, api.shop.account_id)
    ids = {**await rows.whole(), **await rows.of(await api.token_id())}
    await api.shop.deliver("shopify", payload("shopify", "orders_create__minimal.json"), "orders/create")
    tables = ("accounts", "orders", "contacts", "deals", "event_states", "connections", "tokens", "timeline")
    sql = " UNION ALL ".join(
        f"SELECT t::text AS row FROM {name} t WHERE {'id' if name == 'accounts' else 'account_id'} = $1"
        for name in tables
    )
    before = sorted(row["row"] for row in await api.shop.rows(sql, api.shop.account_id))
    for operation in OPERATIONS:
        await ask(api, operation, ids, stranger)
    assert sorted(row["row"] for row in await api.shop.rows(sql, api.shop.account_id)) == before
