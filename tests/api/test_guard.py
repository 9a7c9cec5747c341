"""Who may ask what, and the one shape of every error."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta

import pytest
from structlog.testing import capture_logs

from schemas.account import Permission
from tests.api.conftest import Api, path_of
from worker.api.routes import OPERATIONS
from worker.ids import new_id
from worker.screens.session import COOKIE, CSRF_HEADER, Session, csrf_of
from worker.store import order_reads, tokens


def _paths() -> list[tuple[str, str, Permission | None]]:
    return [(operation.method, path_of(operation), operation.permission) for operation in OPERATIONS]


async def test_nothing_is_answered_without_a_token(api: Api) -> None:
    for method, path, _ in _paths():
        for headers in (
            {},
            {"Authorization": "Bearer dbk_wrong"},
            {"Authorization": "Basic YTpi"},
            {"Authorization": ""},
        ):
            answer = await api.ask(method, path, anonymous=True, headers=headers, data=b"{")
            assert answer.status == 401, (method, path)
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")


async def test_what_a_token_lacks_is_named(api: Api) -> None:
    rep = await api.token("rep")
    for method, path, permission in _paths():
        answer = await api.ask(method, path, token=rep, data=b"{" if method != "GET" else None)
        if permission is None:
            assert answer.status in (200, 404), (method, path)
        else:
            assert (answer.status, answer.json["permission"]) == (403, permission), (method, path)
            assert permission in answer.json["detail"]


async def test_a_permission_opens_what_it_is_for_and_nothing_else(api: Api) -> None:
    for permission in Permission:
        token = await api.token("rep", permission)
        for method, path, needed in _paths():
            answer = await api.ask(method, path, token=token, data=b"{" if method != "GET" else None)
            assert (answer.status == 403) == (needed is not None and needed != permission), (permission, method, path)


async def test_a_token_ends_when_it_is_revoked_or_expires(api: Api) -> None:
    made = await api.post("/tokens", {"name": "for a while", "role": "rep"})
    assert (await api.ask("GET", "/orders", token=made["token"])).status == 200
    assert (await api.ask("DELETE", f"/tokens/{made['id']}")).status == 204
    assert (await api.ask("GET", "/orders", token=made["token"])).status == 401
    soon = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
    short = await api.post("/tokens", {"name": "short", "role": "rep", "expires_at": soon})
    assert (await api.ask("GET", "/orders", token=short["token"])).status == 200
    await api.shop.ctx.pool.execute("UPDATE token_directory SET expires_at = now() WHERE expires_at IS NOT NULL")
    assert (await api.ask("GET", "/orders", token=short["token"])).status == 401


async def test_a_browser_session_reads_and_changes_only_with_the_pages_proof(api: Api) -> None:
    actor = await tokens.find(api.shop.ctx.pool, api.admin)
    assert actor
    secret = await tokens.grant(api.shop.ctx.pool, actor.account_id, actor.token_id, "session")
    cookie = {"Cookie": f"{COOKIE}={secret}"}
    assert (await api.ask("GET", "/orders", anonymous=True, headers=cookie)).status == 200
    body = {"name": "Ana"}
    assert (await api.ask("POST", "/contacts", anonymous=True, headers=cookie, json=body)).status == 401
    proof = {**cookie, CSRF_HEADER: csrf_of(Session(secret, actor))}
    assert (await api.ask("POST", "/contacts", anonymous=True, headers=proof, json=body)).status == 201
    # A header that is wrong is not made good by a cookie.
    wrong = {**proof, "Authorization": "Bearer dbk_wrong"}
    assert (await api.ask("GET", "/orders", anonymous=True, headers=wrong)).status == 401
    # A session is no bearer token, nor is a link.
    assert (await api.ask("GET", "/orders", token=secret)).status == 401


async def test_a_manager_changes_only_the_orders_they_own(api: Api) -> None:
    manager = await api.token("manager", Permission.CRM_MANAGE)
    mine = await tokens.find(api.shop.ctx.pool, manager)
    assert mine
    contact_id = await api.contact()
    theirs = await api.order(contact_id)
    own = await api.post("/orders", {"contact_id": contact_id, "amount": 1}, token=manager)
    assert own["owner_id"] == mine.token_id
    assert (await api.ask("PATCH", f"/orders/{own['id']}", json={"notes": "x"}, token=manager)).status == 200
    answer = await api.ask("PATCH", f"/orders/{theirs['id']}", json={"notes": "x"}, token=manager)
    assert (answer.status, answer.json["code"]) == (403, "not_owner")
    body = {"contact_id": contact_id, "amount": 1, "owner_id": new_id()}
    assert (await api.ask("POST", "/orders", json=body, token=manager)).status == 403
    assert (await api.get(f"/orders/{theirs['id']}", token=manager))["id"] == theirs["id"]


async def test_every_error_has_one_shape(api: Api) -> None:
    """`Api.ask` checks the content type and the status member of each."""
    for method, path, status in (
        ("GET", "/api/v1/nothing", 404), ("GET", "/api/nothing", 404), ("GET", "/elsewhere", 404), ("GET", "/orders/x", 404),
        ("GET", f"/orders/{new_id().upper()}", 404), ("GET", f"/orders/{new_id()}", 404), ("DELETE", "/orders", 405),
        ("TRACE", "/orders", 405), ("PUT", "/api/openapi.json", 405), ("GET", "/api/docs/secret.js", 404),
        ("GET", "/api/docs/..%2Fdocs.py", 404),
    ):  # fmt: skip
        where = path if path.startswith("/api") else f"/api/v1{path}"
        answer = await api.ask(method, "/api/../elsewhere" if path == "/elsewhere" else where)
        assert answer.status == status, (method, path)
        if status == 405:
            assert "GET" in answer.headers["Allow"]


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({}, b"{", 400),
        ({}, b"", 400),
        ({}, b"\xff\xfe", 400),
        ({}, b'{"name": "\\ud800"}', 400),
        ({}, b"[" * 100_000, 400),
        ({}, b"[]", 422),
        ({}, b"null", 422),
        ({"Content-Type": "text/plain"}, b"{}", 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, b"name=Ana", 415),
        ({"Content-Encoding": "gzip"}, b"{}", 415),
        ({}, b'{"name": "' + b"a" * 1_100_000 + b'"}', 413),
        ({"Content-Type": "application/json; charset=utf-8"}, b'{"name": "Ana"}', 201),
        ({"Content-Type": "application/merge-patch+json"}, b'{"name": "Ana"}', 201),
    ],
)
async def test_a_bad_body_gets_the_answer_that_says_so(
    api: Api, headers: dict[str, str], body: bytes, status: int
) -> None:
    headers = {"Content-Type": "application/json", **headers}
    assert (await api.ask("POST", "/contacts", data=io.BytesIO(body), headers=headers)).status == status


async def test_a_fault_of_ours_tells_nothing_and_logs_one_line(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object, **__: object) -> None:
        raise KeyError("the secret inside")

    monkeypatch.setattr(order_reads, "read", broken)
    with capture_logs() as logs:
        answer = await api.ask("GET", f"/orders/{new_id()}?x=hush")
    assert answer.status == 500
    assert b"secret" not in answer.raw
    assert b"Traceback" not in answer.raw
    [line] = [line for line in logs if line["event"] == "request_failed"]
    assert line["request"] == answer.json["request"]
    assert "hush" not in str(line)


async def test_a_database_that_is_away_is_503(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_: object, **__: object) -> None:
        raise ConnectionRefusedError

    monkeypatch.setattr(order_reads, "read", away)
    answer = await api.ask("GET", f"/orders/{new_id()}")
    assert answer.status == 503
    assert int(answer.headers["Retry-After"]) > 0
