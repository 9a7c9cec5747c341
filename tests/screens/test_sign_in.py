"""Signing in and out (D5)."""

from __future__ import annotations

from http.cookies import SimpleCookie

import pytest
from aiohttp import web

from tests.screens.conftest import Desk
from worker.screens import attempts
from worker.screens.session import COOKIE, CSRF_HEADER, Session, actor_of, csrf_of, session_of
from worker.store import tokens


async def test_whoever_is_not_signed_in_is_sent_to_the_door(desk: Desk) -> None:
    async with desk.client.get("/", allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (303, "/sign-in")


async def test_after_signing_in_one_is_where_one_wanted_to_go_and_never_elsewhere(desk: Desk) -> None:
    for wanted, led in (
        ("/?range=1h", "/?range=1h"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example", "/"),
        ("/a\r\nSet-Cookie: x=1", "/"),
    ):
        form = {"token": desk.admin, "next": wanted}
        async with desk.client.post("/sign-in", data=form, allow_redirects=False) as answer:
            assert (answer.status, answer.headers["Location"]) == (303, led)


async def test_a_token_signs_in_and_its_secret_is_not_in_the_cookie(desk: Desk) -> None:
    async with desk.client.post("/sign-in", data={"token": desk.admin}, allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (303, "/")
        cookie = SimpleCookie(answer.headers["Set-Cookie"])[COOKIE]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
    assert not cookie["secure"]
    assert desk.admin not in cookie.value
    assert "Overview" in await desk.page()


async def test_behind_https_the_cookie_is_secure(desk: Desk) -> None:
    headers = {"X-Forwarded-Proto": "https"}
    async with desk.client.post(
        "/sign-in", data={"token": desk.admin}, headers=headers, allow_redirects=False
    ) as answer:
        assert SimpleCookie(answer.headers["Set-Cookie"])[COOKIE]["secure"]


async def test_looking_at_a_link_does_not_use_it_up_and_signing_in_does(desk: Desk) -> None:
    link = await desk.link()
    for _ in range(3):
        page = await desk.page(f"/sign-in?link={link}")
        assert f'value="{link}"' in page
    async with desk.client.post("/sign-in", data={"link": link}, allow_redirects=False) as answer:
        assert answer.status == 303
    desk.client.session.cookie_jar.clear()
    async with desk.client.post("/sign-in", data={"link": link}, allow_redirects=False) as answer:
        assert answer.status == 401
        assert "used before" in await answer.text()


@pytest.mark.parametrize(
    "form", [{}, {"token": ""}, {"token": "dbk_wrong"}, {"link": "dbl_wrong"}, {"token": "x" * 9000}]
)
async def test_what_is_not_known_is_refused_with_a_sentence(desk: Desk, form: dict[str, str]) -> None:
    async with desk.client.post("/sign-in", data=form, allow_redirects=False) as answer:
        assert answer.status == 401
        assert COOKIE not in answer.cookies
        assert 'role="alert"' in await answer.text()


async def test_a_link_is_no_token_and_a_session_is_no_token(desk: Desk) -> None:
    async with desk.client.post("/sign-in", data={"token": await desk.link()}, allow_redirects=False) as answer:
        assert answer.status == 401
    await desk.sign_in()
    [cookie] = [cookie.value for cookie in desk.client.session.cookie_jar if cookie.key == COOKIE]
    async with desk.client.post("/sign-in", data={"token": cookie}, allow_redirects=False) as answer:
        assert answer.status == 401


async def test_a_form_of_another_site_is_refused(desk: Desk) -> None:
    for headers in ({"Origin": "https://elsewhere.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}):
        async with desk.client.post("/sign-in", data={"token": desk.admin}, headers=headers) as answer:
            assert answer.status == 403
            assert COOKIE not in answer.cookies


async def test_attempts_from_one_address_are_limited_and_time_heals_it(desk: Desk) -> None:
    for _ in range(attempts.TRIES):
        async with desk.client.post("/sign-in", data={"token": "wrong"}) as answer:
            assert answer.status == 401
    async with desk.client.post("/sign-in", data={"token": desk.admin}, allow_redirects=False) as answer:
        assert answer.status == 429
        assert 0 < int(answer.headers["Retry-After"]) <= attempts.WINDOW_S
    desk.offset_s += attempts.WINDOW_S
    await desk.sign_in()


def test_an_address_of_version_six_counts_with_its_network() -> None:
    limiter = attempts.Attempts(lambda: 0.0)
    for number in range(attempts.TRIES):
        assert limiter.wait_s(f"2001:db8::{number:x}") == 0
    assert limiter.wait_s("2001:db8::ffff") > 0
    assert limiter.wait_s("2001:db8:0:1::1") == 0


async def test_signing_out_takes_the_csrf_token_of_the_session(desk: Desk) -> None:
    await desk.sign_in()
    for form in ({}, {"csrf": "wrong"}):
        async with desk.client.post("/sign-out", data=form, allow_redirects=False) as answer:
            assert answer.status == 403
    page = await desk.page()
    csrf = page.partition('<meta name="csrf" content="')[2].partition('"')[0]
    async with desk.client.post(
        "/sign-out", data={"csrf": csrf}, headers={"Origin": "https://elsewhere.example"}, allow_redirects=False
    ) as answer:
        assert answer.status == 403
    async with desk.client.post("/sign-out", data={"csrf": csrf}, allow_redirects=False) as answer:
        assert answer.status == 303
    async with desk.client.get("/", allow_redirects=False) as answer:
        assert answer.status == 303


async def test_a_session_that_was_signed_out_is_worth_nothing_afterwards(desk: Desk) -> None:
    await desk.sign_in()
    [secret] = [cookie.value for cookie in desk.client.session.cookie_jar if cookie.key == COOKIE]
    page = await desk.page()
    csrf = page.partition('<meta name="csrf" content="')[2].partition('"')[0]
    async with desk.client.post("/sign-out", data={"csrf": csrf}, allow_redirects=False):
        pass
    async with desk.client.get("/", cookies={COOKIE: secret}, allow_redirects=False) as answer:
        assert answer.status == 303


async def test_revoking_the_token_ends_its_sessions(desk: Desk) -> None:
    await desk.sign_in()
    actor = await tokens.find(desk.shop.ctx.pool, desk.admin)
    assert actor is not None
    await tokens.revoke(desk.shop.ctx.pool, actor.account_id, actor.token_id)
    async with desk.client.get("/", allow_redirects=False) as answer:
        assert answer.status == 303


async def test_the_api_knows_a_session_and_wants_its_csrf_token_for_a_change(desk: Desk) -> None:
    seen: list[str | None] = []

    async def probe(request: web.Request) -> web.Response:
        actor = await actor_of(request)
        seen.append(actor.name if actor else None)
        session = await session_of(request)
        return web.Response(text=csrf_of(session) if session else "")

    desk.client.app.router._frozen = False
    desk.client.app.router.add_route("*", "/probe", probe)
    await desk.client.get("/probe")
    await desk.sign_in()
    csrf = await (await desk.client.get("/probe")).text()
    await desk.client.post("/probe")
    await desk.client.post("/probe", headers={CSRF_HEADER: "wrong"})
    await desk.client.post("/probe", headers={CSRF_HEADER: csrf, "Sec-Fetch-Site": "cross-site"})
    await desk.client.post("/probe", headers={CSRF_HEADER: csrf, "Sec-Fetch-Site": "same-origin"})
    assert seen == [None, "first admin", None, None, None, "first admin"]


async def test_each_session_has_a_csrf_token_of_its_own(desk: Desk) -> None:
    actor = await tokens.find(desk.shop.ctx.pool, desk.admin)
    assert actor is not None
    assert csrf_of(Session("one", actor)) != csrf_of(Session("two", actor))
