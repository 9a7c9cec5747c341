"""Who sees which screen, and which rows on it (I4, H2, O12, O13, D5): every screen of `SCREENS` and its stream.

A screen whose address names a row needs an entry in `ROWS`; everything else follows from its declaration.
"""

from __future__ import annotations

import asyncio
from difflib import unified_diff
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

import pytest
from aiohttp.test_utils import TestClient

from schemas.account import Permission, Role
from tests.api.conftest import Api, Served, api
from tests.browser.screens import ROWS
from worker.ids import new_id
from worker.screens.navigation import HOME
from worker.screens.routes import SCREENS
from worker.screens.screen import STREAM, Screen
from worker.screens.session import COOKIE
from worker.serve import make_app
from worker.store import tokens

__all__ = ("api",)

UNOWNED = frozenset({"connection"})
"""Rows of the account as a whole: whoever may see the screen sees them."""
ACCOUNT_WIDE: dict[str, str] = {
    "/lanes": "how much work lies in the lanes is the account's, and names no row",
    "/workers": "processes serve all accounts",
    "/connections": "deliveries of a connection are counted for the whole account",
    "/connections/{id}": "the same, of one connection",
    "/audit": "who did what is for whoever watches over the account",
    "/retention": "how many bodies are left to be pruned is the account's",
}
"""Screens whose figures may tell that there are rows beyond a reader's reach, and why that is right."""
NOWHERE = "00000000-0000-7000-8000-000000000000"


class Shown(NamedTuple):
    status: int
    text: str
    location: str


class Person:
    """Somebody's browser before a receiver."""

    def __init__(self, client: TestClient[Any, Any], id_: str = "", secret: str | None = None) -> None:
        self._client, self.id, self.secret = client, id_, secret
        self._headers = {"Cookie": f"{COOKIE}={secret}"} if secret else {}

    async def see(self, path: str) -> Shown:
        async with self._client.get(path, headers=self._headers, allow_redirects=False) as answer:
            return Shown(answer.status, await answer.text(), answer.headers.get("Location", ""))

    async def stream(self, path: str) -> Shown:
        """The first that the stream of a page sends."""
        async with self._client.get(f"{STREAM}{path}", headers=self._headers, allow_redirects=False) as answer:
            if answer.status != 200:
                return Shown(answer.status, await answer.text(), "")
            lines = []
            async with asyncio.timeout(20):
                while line := (await answer.content.readline()).decode().strip():
                    lines.append(line)
            return Shown(200, "\n".join(lines), "")

    async def sees(self, screen: Screen, path: str) -> list[Shown]:
        """The page and, where it is live, its stream."""
        return [await self.see(path), *([await self.stream(path)] if screen.live else [])]


async def somebody(
    api: Api, role: Role = Role.ADMIN, *permissions: Permission, account_id: str | None = None
) -> Person:
    pool, account = api.shop.ctx.pool, account_id or api.shop.account_id
    row, _ = await tokens.add(pool, account, f"a {role}", role, permissions)
    return Person(api.client, row.id, await tokens.grant(pool, account, row.id, "session"))


async def rows_of(api: Api, owner_id: str, mark: str, *, account: tuple[str, str] | None = None) -> dict[str, str]:
    """Rows that this token owns, by noun. Each holds the mark in whatever of it a screen may show. `account`: another
    account, as (id, an administrator's token)."""
    account_id, admin = account or (api.shop.account_id, api.admin)
    pool, post = api.shop.ctx.pool, api.post
    connection = api.shop.connections["stripe"]
    if account:
        connection = new_id()
        await pool.execute(
            "INSERT INTO connections (account_id, id, name, provider, secrets) VALUES ($1, $2, $3, 'stripe', $4)",
            account_id, connection, f"c-{mark}", api.shop.ctx.vault.seal(["hush"]),
        )  # fmt: skip
    contact = await post("/contacts", {"name": mark, "email": f"{mark}@example.com", "owner_id": owner_id}, token=admin)
    deal = await post("/deals", {"title": mark, "owner_id": owner_id, "contact_id": contact["id"]}, token=admin)
    body = {
        "contact_id": contact["id"], "deal_id": deal["id"], "title": mark, "external_id": f"x-{mark}", "notes": mark,
        "owner_id": owner_id,
        "items": [{"name": mark, "sku": mark, "unit_price": 1000}],
    }  # fmt: skip
    order = await post("/orders", body, token=admin)
    paid = await post(f"/orders/{order['id']}/payments", {"amount": 100, "comment": mark}, token=admin)
    made = {"order": order["id"], "contact": contact["id"], "deal": deal["id"], "payment": paid["payments"][0]["id"]}
    await pool.execute(
        "INSERT INTO events (account_id, id, connection_id, dedupe, delivery_id, topic, lane, livemode, id_conflict, "
        "received_at, headers, body) VALUES ($1, $2, $3, $4, $5, $6, 'orders', true, false, now(), '{}', '{}')",
        account_id, (event := new_id()), connection, bytes.fromhex(event.replace("-", "")), f"d-{mark}", f"topic.{mark}",
    )  # fmt: skip
    await pool.execute(
        "INSERT INTO event_states (account_id, event_id, lane, state, reason, dossier_id) "
        "VALUES ($1, $2, 'orders', 'dead', $3, $4)",
        account_id, event, f"{mark}: is wrong", order["id"],
    )  # fmt: skip
    await pool.execute(
        "INSERT INTO checkouts (account_id, id, connection_id, state, contact_id, order_id, currency, amount, params, "
        "lines, actor, session_id, expires_at, created_at) VALUES ($1, $2, $3, 'opened', $4, $5, 'BRL', 5, '{}', '[]', "
        "'token:t', $6, now(), now())",
        account_id, (checkout := new_id()), connection, contact["id"], order["id"], f"cs_{mark}",
    )  # fmt: skip
    await pool.execute(
        "INSERT INTO recurring_orders (account_id, id, title, status, managed_by, connection_id, contact_id, owner_id, "
        "livemode, currency, amount, items, \"interval\", timezone, anchor_at, next_payment_at, due_at, "
        "stripe_customer_id, stripe_payment_method_id) SELECT $1, $2, $6, 'active', 'manual', $3, $4, $5, false, 'BRL', 5, "
        "'[]', '{\"unit\": \"day\", \"count\": 1}', 'UTC', at, at, at, 'cus_1', 'pm_1' "
        "FROM (SELECT now() + interval '1 year' AS at) AS t",
        account_id, (plan := new_id()), connection, contact["id"], owner_id, mark,
    )  # fmt: skip
    return {**made, "event": event, "checkout": checkout, "recurring order": plan, "connection": connection}


def path_of(screen: Screen, rows: dict[str, str]) -> str:
    return screen.path.replace("{id}", rows[ROWS[screen.path]]) if screen.path in ROWS else screen.path


def tells(shown: Shown, rows: dict[str, str], mark: str) -> list[str]:
    """What of these rows is in the page."""
    return [secret for secret in (mark, *rows.values()) if secret in shown.text]


def named(screens: list[Screen]) -> Any:
    return pytest.mark.parametrize("screen", screens, ids=lambda screen: screen.path)


WITH_ROW = [screen for screen in SCREENS if "{" in screen.path]
OWNED = [screen for screen in WITH_ROW if ROWS.get(screen.path) not in UNOWNED]
LISTS = [screen for screen in SCREENS if "{" not in screen.path]
pytestmark = pytest.mark.broken_data(reason="rows in bulk: checkouts, events and recurring orders that nothing made")


@pytest.fixture
async def admin(api: Api) -> Person:
    return await somebody(api)


def test_I4_every_screen_that_shows_a_row_has_an_entry() -> None:
    unknown = [screen.path for screen in WITH_ROW if screen.path not in ROWS]
    assert unknown == [], "say in ROWS what their ids are of"
    assert len({screen.path for screen in SCREENS}) == len(SCREENS)


async def test_D5_who_is_not_signed_in_sees_no_screen_and_is_led_back_to_it(api: Api, admin: Person) -> None:
    rows = await rows_of(api, admin.id, "marmot")
    nobody = Person(api.client)
    for screen in SCREENS:
        for path in (path_of(screen, rows), f"{path_of(screen, rows)}?range=1h"):
            page = await nobody.see(path)
            wanted = parse_qs(urlsplit(page.location).query).get("next", ["/"])
            assert (page.status, urlsplit(page.location).path, wanted) == (303, "/sign-in", [path]), path
            assert not tells(page, rows, "marmot")
        if screen.live:
            assert (await nobody.stream(path_of(screen, rows))).status == 401, screen.path


async def test_an_administrator_sees_every_screen_and_its_stream(api: Api, admin: Person) -> None:
    rows = await rows_of(api, admin.id, "marmot")
    for screen in SCREENS:
        for shown in await admin.sees(screen, path_of(screen, rows)):
            assert shown.status == 200, (screen.path, shown)
            assert "event: stale" not in shown.text, screen.path


@pytest.mark.parametrize(
    ("role", "permissions"),
    [
        *((role, frozenset(given)) for role in (Role.MANAGER, Role.REP) for given in ((), Permission)),
        *((Role.REP, frozenset({one})) for one in Permission),
        *((Role.REP, frozenset(Permission) - {one}) for one in Permission),
    ],
    ids=lambda given: given if isinstance(given, str) else "+".join(sorted(given)) or "none",
)
async def test_H2_a_screen_is_shown_to_those_who_may_and_names_what_the_others_lack(
    api: Api, role: Role, permissions: frozenset[Permission]
) -> None:
    person = await somebody(api, role, *permissions)
    rows = await rows_of(api, person.id, "marmot")
    for screen in SCREENS:
        shown = await person.sees(screen, path_of(screen, rows))
        needed = screen.permission
        if needed is None or needed in permissions:
            assert [one.status for one in shown] == [200] * len(shown), screen.path
        elif screen.path == "/":
            assert (shown[0].status, shown[0].location) == (303, HOME)
            assert [one.status for one in shown[1:]] == [403] * (len(shown) - 1)
        else:
            assert [one.status for one in shown] == [403] * len(shown), screen.path
            assert needed in shown[0].text
            assert not [one for one in shown if tells(one, rows, "marmot")], screen.path


async def test_O13_while_the_registry_is_off_its_screens_say_so_and_the_others_work(api: Api, admin: Person) -> None:
    rows = await rows_of(api, admin.id, "marmot")
    await api.set(registry_enabled=False)
    for screen in SCREENS:
        shown = await admin.sees(screen, path_of(screen, rows))
        expected = 403 if screen.registry else 200
        assert [one.status for one in shown] == [expected] * len(shown), screen.path
        if screen.registry:
            assert "registry is off" in shown[0].text
            assert not [one for one in shown if tells(one, rows, "marmot")], screen.path


@pytest.mark.parametrize("privacy", [False, True], ids=["open", "private"])
async def test_I4_nothing_of_another_account_is_on_any_screen_or_stream(api: Api, privacy: bool) -> None:
    stranger = await api.other_account()
    other = await tokens.find(api.shop.ctx.pool, stranger)
    assert other is not None
    theirs = await rows_of(api, other.token_id, "wombat", account=(other.account_id, stranger))
    await api.set(owner_privacy=privacy)
    for person in (await somebody(api), await somebody(api, Role.REP, *Permission)):
        for screen in SCREENS:
            shown = await person.sees(screen, path_of(screen, theirs))
            expected = 404 if screen in WITH_ROW else 200
            assert [one.status for one in shown] == [expected] * len(shown), screen.path
            found = tells(shown[0]._replace(text=shown[0].text.replace(path_of(screen, theirs), "")), theirs, "wombat")
            assert not found, screen.path
            assert not [one for one in shown[1:] if tells(one, theirs, "wombat")], screen.path


@named(WITH_ROW)
async def test_a_row_that_is_not_there_is_a_page_that_says_so(api: Api, admin: Person, screen: Screen) -> None:
    shown = await admin.sees(screen, screen.path.replace("{id}", NOWHERE))
    assert [one.status for one in shown] == [404] * len(shown)
    assert "There is no such" in shown[0].text
    assert (await admin.see(screen.path.replace("{id}", "1"))).status == 404


async def test_O12_a_private_rep_sees_their_rows_and_nothing_of_anothers(api: Api) -> None:
    rep, another = await somebody(api, Role.REP, *Permission), await somebody(api, Role.REP)
    own, hidden = await rows_of(api, rep.id, "badger"), await rows_of(api, another.id, "quokka")
    for screen in OWNED:
        for shown in await rep.sees(screen, path_of(screen, hidden)):
            assert shown.status == 200, screen.path  # without privacy a rep sees all
    await api.set(owner_privacy=True)
    for screen in OWNED:
        for shown in await rep.sees(screen, path_of(screen, own)):
            assert shown.status == 200, screen.path
        for shown in await rep.sees(screen, path_of(screen, hidden)):
            assert shown.status == 404, screen.path
            assert "quokka" not in shown.text, screen.path
    gone = {noun: id_ for noun, id_ in hidden.items() if noun not in UNOWNED}
    for screen in LISTS:
        for shown in await rep.sees(screen, screen.path):
            assert shown.status == 200, screen.path
            assert not tells(shown, gone, "quokka"), screen.path


@named([screen for screen in LISTS if screen.path not in ACCOUNT_WIDE])
async def test_O12_a_hidden_row_changes_nothing_of_what_a_private_rep_sees(api: Api, screen: Screen) -> None:
    """Not a row, not a count, not a total, not a point of a chart: the page is the same to the last byte."""
    rep, another = await somebody(api, Role.REP, *Permission), await somebody(api, Role.REP)
    await api.set(owner_privacy=True)
    await rows_of(api, rep.id, "badger")  # rows of each kind, so that there is something to count with
    before = await in_a_new_receiver(api, rep, screen)
    await rows_of(api, another.id, "quokka")
    after = await in_a_new_receiver(api, rep, screen)
    changed = "\n".join(unified_diff(before, after, lineterm="", n=0))
    assert not changed, changed


async def in_a_new_receiver(api: Api, person: Person, screen: Screen) -> list[str]:
    """The lines that a receiver which has kept nothing in memory shows; its own address left out."""
    async with TestClient(Served(make_app(api.shop.ctx))) as client:
        shown = await Person(client, person.id, person.secret).sees(screen, screen.path)
        assert [one.status for one in shown] == [200] * len(shown)
        own = str(client.make_url("/"))
        return [line.replace(own, "/") for one in shown for line in one.text.splitlines()]


@pytest.mark.parametrize(
    "given", ["%00", "%ff", "a" * 300, "99999999999999999999", "-1", "%F0%9F%A6%8A", "'", "2026-13-45"]
)
async def test_I3_no_filter_however_strange_breaks_a_screen(api: Api, admin: Person, given: str) -> None:
    rows = await rows_of(api, admin.id, "marmot")
    for screen in SCREENS:
        for name in ("q", "cursor", "limit", "range", "state", "status", "from", "to", "currency", "contact_id", "by"):
            page = await admin.see(f"{path_of(screen, rows)}?{name}={given}")
            assert page.status in (200, 303, 404, 422), (screen.path, name, page.text[:300])
            if screen.live and name in ("q", "cursor"):
                assert (await admin.stream(f"{path_of(screen, rows)}?{name}={given}")).status in (200, 404, 422)


async def test_a_screen_is_only_read(api: Api, admin: Person) -> None:
    """Whatever changes something goes through the API, where it is refused to those who may not."""
    rows = await rows_of(api, admin.id, "marmot")
    for screen in SCREENS:
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            async with api.client.request(method, path_of(screen, rows)) as answer:
                assert answer.status == 405, (method, screen.path)
