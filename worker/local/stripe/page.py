"""The pages behind the links in the stand-in's objects, so that a developer can be the customer: the page of a checkout
session, and the bank's page of a payment that requires action."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from html import escape
from typing import TYPE_CHECKING

from aiohttp import web

from worker.local.stripe import payments
from worker.local.stripe.problem import Problem

if TYPE_CHECKING:
    from worker.local.stripe.stand_in import StandIn

_CARDS = {
    "pm_card_visa": "Card that succeeds",
    "pm_card_authenticationRequired": "Card that asks for authentication",
    "pm_card_visa_chargeDeclined": "Card that is declined",
    "pm_card_visa_chargeDeclinedInsufficientFunds": "Card without funds",
    "pm_card_chargeDeclinedExpiredCard": "Card that has expired",
    "pm_card_radarBlock": "Card blocked as fraud",
    "pm_stand_in_pix": "Pix, paid later",
    "pm_stand_in_boleto": "Boleto, paid later",
    "pm_stand_in_sepa_debit": "Bank debit, known later",
}
_STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { max-width: 30rem; margin: 3rem auto; padding: 0 1rem }
.amount { font-size: 2rem; font-variant-numeric: tabular-nums; margin: 0 }
table { width: 100%; border-collapse: collapse } td { padding: .25rem 0 } td + td { text-align: right }
label { display: block; margin-top: 1rem }
select, input { font: inherit; width: 100%; padding: .5rem; box-sizing: border-box }
button { font: inherit; padding: .6rem 1.2rem; margin: 1.5rem .5rem 0 0; cursor: pointer }
.note { border-left: 4px solid #b58900; padding-left: .75rem } .bad { border-color: #c0392b }
"""


def routes(stand_in: StandIn) -> list[web.RouteDef]:
    pages = _Pages(stand_in)
    return [
        web.get("/c/pay/{id}", _answered(pages.session)),
        web.post("/c/pay/{id}", _answered(pages.act)),
        web.get("/authenticate/{id}", _answered(pages.bank)),
        web.post("/authenticate/{id}", _answered(pages.confirm)),
    ]


def _answered(handle: Callable[[web.Request], Awaitable[web.Response]]) -> Callable[..., Awaitable[web.Response]]:
    async def answer(request: web.Request) -> web.Response:
        try:
            return await handle(request)
        except Problem as problem:
            return _page("Not possible", f'<p class="note bad">{escape(problem.error["message"])}</p>', problem.status)

    return answer


class _Pages:
    def __init__(self, stand_in: StandIn) -> None:
        self._stand_in = stand_in

    async def session(self, request: web.Request) -> web.Response:
        books = self._stand_in.books
        session = books.find("checkout.session", request.match_info["id"])
        lines = "".join(
            f"<tr><td>{escape(line['name'])} &times; {line['quantity']}</td><td>{line['amount_subtotal']}</td></tr>"
            for line in books.plans[session["id"]]["lines"]
        )
        title = f"{session['amount_total']} {session['currency'].upper()}"
        head = f'<p class="amount">{escape(title)}</p><p>in minor units</p><table>{lines}</table>'
        intent = books.known(session["payment_intent"] or "") or {}
        if intent and (intent["status"] == "processing" or payments.waits(intent)):
            form = (
                '<p>The customer pays elsewhere, later.</p><form method="post">'
                '<button name="do" value="paid">It is paid</button>'
                '<button name="do" value="unpaid">It is not</button></form>'
            )
            return _page(title, head + form)
        if session["status"] != "open":
            return _page(title, f'{head}<p class="note">This session is {escape(session["status"])}.</p>')
        options = "".join(f'<option value="{name}">{escape(label)}</option>' for name, label in _CARDS.items())
        error = intent.get("last_payment_error")
        failed = f'<p class="note bad">{escape(error["message"])}</p>' if error else ""
        email = escape((session["customer_details"] or {}).get("email") or "")
        form = (
            f'<form method="post"><label>E-mail<input name="email" type="email" value="{email}">'
            f'</label><label>Pay with<select name="card">{options}</select></label>'
            '<button name="do" value="pay">Pay</button><button name="do" value="decline">Decline</button>'
            '<button name="do" value="expire">Expire</button></form>'
        )
        return _page(title, head + failed + form)

    async def act(self, request: web.Request) -> web.Response:
        """What the customer clicked; then where Stripe would send them."""
        said = await request.post()
        id_, email = request.match_info["id"], str(said.get("email") or "") or None
        books = self._stand_in.books
        if said.get("do") == "expire":
            session = self._stand_in.leave(id_)
            return _to(session["cancel_url"] or f"/c/pay/{id_}")
        if said.get("do") in ("paid", "unpaid"):
            self._stand_in.settle(
                books.find("checkout.session", id_)["payment_intent"] or "", succeeds=said["do"] == "paid"
            )
            return _to(f"/c/pay/{id_}")
        card = "pm_card_visa_chargeDeclined" if said.get("do") == "decline" else str(said.get("card") or "pm_card_visa")
        session = self._stand_in.pay(id_, card, email=email)
        if session["status"] == "complete":
            return _to((session["success_url"] or f"/c/pay/{id_}").replace("{CHECKOUT_SESSION_ID}", id_))
        intent = books.known(session["payment_intent"] or "") or {}
        asks = intent.get("status") == "requires_action" and not payments.waits(intent)
        return _to(f"/authenticate/{intent['id']}" if asks else f"/c/pay/{id_}")

    async def bank(self, request: web.Request) -> web.Response:
        intent = self._stand_in.books.find("payment_intent", request.match_info["id"])
        title = f"{intent['amount']} {intent['currency'].upper()}"
        if intent["status"] != "requires_action" or payments.waits(intent):
            return _page(title, f'<p class="note">This payment is {escape(intent["status"])}.</p>')
        form = (
            '<p>The bank asks whether it is you.</p><form method="post"><button name="do" value="yes">It is me</button>'
            '<button name="do" value="no">Fail</button></form>'
        )
        return _page(title, f'<p class="amount">{escape(title)}</p>{form}')

    async def confirm(self, request: web.Request) -> web.Response:
        said, id_ = await request.post(), request.match_info["id"]
        books = self._stand_in.books
        action = books.find("payment_intent", id_)["next_action"] or {}
        self._stand_in.authenticate(id_, succeeds=said.get("do") == "yes")
        plan = books.plans.get(id_)
        if plan is None:
            back = (action.get("redirect_to_url") or {}).get("return_url")
            return _to(back or f"/authenticate/{id_}")
        session = books.find("checkout.session", plan["session"])
        if session["status"] == "complete" and session["success_url"]:
            return _to(session["success_url"].replace("{CHECKOUT_SESSION_ID}", session["id"]))
        return _to(f"/c/pay/{session['id']}")


def _to(address: str) -> web.Response:
    return web.Response(status=303, headers={"Location": address})


def _page(title: str, body: str, status: int = 200) -> web.Response:
    text = (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)} - stand-in Stripe</title><style>{_STYLE}</style>"
        f'<p class="note">This is the stand-in for Stripe. No money moves.</p>{body}</html>'
    )
    return web.Response(status=status, text=text, content_type="text/html")
