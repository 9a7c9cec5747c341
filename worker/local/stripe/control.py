"""Scripting the stand-in over HTTP, below `/_stand_in`, a path that Stripe does not have. JSON in, JSON out.

docs/stripe-stand-in.md lists what there is; a test holds it complete.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Literal

import msgspec
from aiohttp import web

from worker.local.stripe.cards import CARDS, Answer, decline
from worker.local.stripe.delivery import Order
from worker.local.stripe.problem import Problem
from worker.local.stripe.trouble import Kind

if TYPE_CHECKING:
    from worker.local.stripe.stand_in import StandIn


class _Strict(msgspec.Struct, forbid_unknown_fields=True):
    pass


class _Nothing(_Strict):
    pass


class _Bank(_Strict):
    answer: Literal["approve", "decline", "authenticate", "process"] = "decline"
    decline_code: str = "generic_decline"
    advice_code: str | None = None
    customer: str | None = None
    payment_method: str | None = None
    times: int = 1


class _Trouble(_Strict):
    kind: Kind
    on: str | None = None
    customer: str | None = None
    payment_method: str | None = None
    times: int = 1
    retry_after_s: int | None = None


class _Clock(_Strict):
    now: float | None = None
    advance_s: float = 0.0


class _Customer(_Strict):
    card: str = "pm_card_visa"
    email: str | None = None
    name: str | None = None


class _Result(_Strict):
    succeeds: bool = True
    decline_code: str = "generic_decline"


class _Dispute(_Strict):
    amount: int | None = None
    reason: str = "fraudulent"


class _Close(_Strict):
    won: bool


class _Webhooks(_Strict):
    url: str | None = None
    secret: str | None = None
    hold: bool | None = None
    copies: int | None = None
    drop: list[str] | None = None


class _Release(_Strict):
    order: Order = "made"
    copies: int | None = None
    seed: int = 0


class _Send(_Strict):
    event: str
    copies: int = 1


Act = Callable[..., Any]


def routes(stand_in: StandIn) -> list[web.RouteDef]:
    def post(path: str, shape: type[_Strict], act: Act) -> web.RouteDef:
        return web.post(f"/_stand_in{path}", _handler(shape, act))

    def get(path: str, act: Act) -> web.RouteDef:
        return web.get(f"/_stand_in{path}", _handler(None, act))

    return [
        get("", stand_in.summary),
        get("/charges", lambda: {"charges": stand_in.made}),
        get("/requests", lambda: {"requests": stand_in.requests}),
        get("/objects/{id}", lambda id_: _found(stand_in, id_)),
        post("/bank", _Bank, lambda said: _bank(stand_in, said)),
        post(
            "/trouble",
            _Trouble,
            lambda said: stand_in.trouble(
                said.kind,
                on=said.on,
                customer=said.customer,
                payment_method=said.payment_method,
                times=said.times,
                retry_after_s=said.retry_after_s,
            ),
        ),
        web.delete("/_stand_in/scripts", _handler(None, stand_in.forget_scripts)),
        post("/let_go", _Nothing, lambda said: stand_in.let_go()),
        post("/clock", _Clock, lambda said: _clock(stand_in, said)),
        post("/customers", _Customer, lambda said: _customer(stand_in, said)),
        post(
            "/customers/{id}/cards",
            _Customer,
            lambda said, id_: {"payment_method": stand_in.save_card(id_, said.card)},
        ),
        post(
            "/checkout/{id}/pay",
            _Customer,
            lambda said, id_: stand_in.pay(id_, said.card, email=said.email, name=said.name),
        ),
        post("/checkout/{id}/expire", _Nothing, lambda said, id_: stand_in.leave(id_)),
        post(
            "/payment_intents/{id}/authenticate",
            _Result,
            lambda said, id_: stand_in.authenticate(id_, succeeds=said.succeeds),
        ),
        post(
            "/payment_intents/{id}/settle",
            _Result,
            lambda said, id_: stand_in.settle(id_, succeeds=said.succeeds, decline_code=said.decline_code),
        ),
        post(
            "/charges/{id}/dispute",
            _Dispute,
            lambda said, id_: stand_in.dispute(id_, amount=said.amount, reason=said.reason),
        ),
        post("/disputes/{id}/close", _Close, lambda said, id_: stand_in.close_dispute(id_, won=said.won)),
        post("/refunds/{id}/settle", _Result, lambda said, id_: stand_in.settle_refund(id_, succeeds=said.succeeds)),
        get("/webhooks", lambda: {"sent": stand_in.deliveries.sent, "held": len(stand_in.deliveries.held)}),
        post("/webhooks", _Webhooks, lambda said: _webhooks(stand_in, said)),
        post(
            "/webhooks/release",
            _Release,
            lambda said: {"released": stand_in.deliveries.release(said.order, copies=said.copies, seed=said.seed)},
        ),
        post("/webhooks/send", _Send, lambda said: stand_in.deliveries.send(_found(stand_in, said.event), said.copies)),
    ]


def _handler(shape: type[_Strict] | None, act: Act) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(request: web.Request) -> web.Response:
        arguments: list[Any] = []
        try:
            if shape is not None:
                arguments.append(msgspec.json.decode(await request.read() or b"{}", type=shape))
            found = act(*arguments, *request.match_info.values())
        except msgspec.MsgspecError as error:
            return _answer(400, {"error": {"message": str(error)}})
        except Problem as problem:
            return _answer(problem.status, {"error": problem.error})
        return _answer(200, {} if found is None else found)

    return handle


def _answer(status: int, body: Any) -> web.Response:
    return web.Response(status=status, body=msgspec.json.encode(body), content_type="application/json")


def _found(stand_in: StandIn, id_: str) -> Any:
    found = stand_in.books.known(id_)
    if found is None:
        raise Problem(404, {"message": f"There is no object {id_}."})
    return found


def _bank(stand_in: StandIn, said: _Bank) -> None:
    answers = {
        "decline": decline(said.decline_code, said.advice_code),
        "authenticate": CARDS["pm_card_authenticationRequired"].answer,
        "process": Answer(kind="process"),
    }
    stand_in.bank(
        answers.get(said.answer, Answer()), customer=said.customer, payment_method=said.payment_method, times=said.times
    )


def _clock(stand_in: StandIn, said: _Clock) -> dict[str, float]:
    if said.now is not None:
        stand_in.clock.set(said.now)
    stand_in.clock.advance(said.advance_s)
    return {"now": stand_in.clock()}


def _customer(stand_in: StandIn, said: _Customer) -> dict[str, str]:
    customer, method = stand_in.customer(said.card, email=said.email, name=said.name)
    return {"customer": customer, "payment_method": method}


def _webhooks(stand_in: StandIn, said: _Webhooks) -> None:
    told = stand_in.deliveries
    if said.url and said.secret:
        stand_in.webhooks_to(said.url, said.secret)
    elif said.url or said.secret:
        raise Problem(400, {"message": "An endpoint has a url and a secret."})
    if said.copies is not None:
        told.copies = said.copies
    if said.drop is not None:
        told.dropped = frozenset(said.drop)
    if said.hold is not None:
        if told.holding and not said.hold:
            told.release()
        told.holding = said.hold
