"""The stand-in as one thing: started on a free port of the loopback, scripted, asked what really happened, stopped.

    async with StandIn() as stand_in:
        stand_in.webhooks_to("http://127.0.0.1:8080/webhooks/stripe", "whsec_...")
        customer, card = stand_in.customer()                 # with a saved card
        stand_in.bank(decline("insufficient_funds"), customer=customer)
        stand_in.trouble("cut_after", on="payment_intents.confirm")
        ...                                                  # Daybook, with STRIPE_API_BASE = stand_in.url
        await stand_in.settled()                             # each webhook that is due was tried
        assert [made.amount for made in stand_in.made] == [990]

Everything a method does can be had over HTTP as well, below `/_stand_in`: see `worker.local.stripe.control`.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from worker.local.stripe import customers, payments, returns, sessions
from worker.local.stripe.app import BODY_BYTES, Api, Request
from worker.local.stripe.books import Books, Clock, Made, Scripted
from worker.local.stripe.cards import CARDS, Answer, Card, card_of
from worker.local.stripe.delivery import RETRIES_S, Deliveries, Endpoint
from worker.local.stripe.form import Params
from worker.local.stripe.keys import Keys
from worker.local.stripe.objects import Object, payment_method
from worker.local.stripe.problem import invalid
from worker.local.stripe.trouble import KINDS, Kind, Trouble
from worker.outside.stripe import API_VERSION

HOST = "127.0.0.1"


class StandIn:
    """`clock`: unix seconds, the machine's unless given. `retries_s`: after which pauses a webhook that was not taken
    is sent again. `listener`: a socket of the loopback that listens, in place of a port."""

    def __init__(
        self, *, port: int = 0, clock: Callable[[], float] = time.time, retries_s: Sequence[float] = RETRIES_S,
        listener: socket.socket | None = None,
    ) -> None:  # fmt: skip
        self.clock = Clock(clock)
        self.books = Books(self.clock, API_VERSION)
        self.deliveries = Deliveries(self.clock, retries_s)
        self.api = Api(self.books, Keys(self.clock))
        self.books.tell = self.deliveries.tell
        self._port, self._listener = port, listener
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen. Raises OSError where the port is taken."""
        from worker.local.stripe.control import routes as control
        from worker.local.stripe.page import routes as pages

        app = web.Application(client_max_size=BODY_BYTES)
        app.add_routes([*control(self), *pages(self), *self.api.routes()])
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        await self._runner.setup()
        site: web.BaseSite = web.TCPSite(self._runner, HOST, self._port)
        if self._listener is not None:
            site = web.SockSite(self._runner, self._listener)
        try:
            await site.start()
        except OSError:
            await self._runner.cleanup()
            raise
        self.books.address = f"http://{HOST}:{self._runner.addresses[0][1]}"
        await self.deliveries.start()

    async def stop(self) -> None:
        self.api.let_go()
        await self.deliveries.stop()
        if self._runner is not None:
            await self._runner.cleanup()

    @property
    def url(self) -> str:
        """What STRIPE_API_BASE has to be."""
        return self.books.address

    # What really happened

    @property
    def made(self) -> list[Made]:
        """The charges that took money, the oldest first. Refunds take none of them away."""
        return self.books.made

    @property
    def requests(self) -> list[Request]:
        return list(self.api.requests)

    @property
    def events(self) -> list[Object]:
        """All events, the oldest first, delivered or not."""
        return list(self.books.tables["event"].values())

    def find(self, id_: str) -> Object:
        """An object as it is now, of any kind. Raises KeyError."""
        found = self.books.known(id_)
        if found is None:
            raise KeyError(id_)
        return found

    # What is to happen

    def bank(
        self, answer: Answer, *, customer: str | None = None, payment_method: str | None = None, times: int = 1
    ) -> None:
        """What the bank says to the next `times` tries (of this customer, of this payment method)."""
        self.books.scripted.append(Scripted(answer, customer, payment_method, times))

    def trouble(
        self, kind: Kind, *, on: str | None = None, customer: str | None = None, payment_method: str | None = None,
        times: int = 1, retry_after_s: int | None = None,
    ) -> None:  # fmt: skip
        """What happens to the next `times` requests: of the operation `on` (`payment_intents.confirm`), else any
        write."""
        if kind not in KINDS:
            raise invalid(f"No such trouble: {kind}. There are {', '.join(KINDS)}.", "trouble")
        self.api.troubles.append(Trouble(kind, on, customer, payment_method, times, retry_after_s))

    def forget_scripts(self) -> None:
        self.books.scripted.clear()
        self.api.troubles.clear()

    def let_go(self) -> None:
        """End the hanging of the requests that hang: what has not been done is done now."""
        self.api.let_go()

    # Customers

    def customer(
        self, card: str | Card = "pm_card_visa", *, email: str | None = None, name: str | None = None
    ) -> tuple[str, str]:
        """A customer with a saved payment method: both ids. Unlike over the API the card may be one that always
        declines, which is how a card is that was good when it was saved."""
        values = {key: value for key, value in (("email", email), ("name", name)) if value}
        customer = customers.create_customer(self.books, Params(values))
        return customer["id"], self.save_card(customer["id"], card)

    def save_card(self, customer: str, card: str | Card = "pm_card_visa") -> str:
        """Save a payment method to a customer, as its default: its id."""
        person = customers.living(self.books, customer)
        known = card if isinstance(card, Card) else card_of(card)
        if known is None:
            raise invalid(f"No such card: {card}. There are {', '.join(CARDS)}.", "card")
        method = payment_method(self.books.new_id("payment_method"), self.clock.second, known)
        method["customer"] = customer
        self.books.add(method)
        self.books.cards[method["id"]] = known
        person["invoice_settings"]["default_payment_method"] = method["id"]
        self.books.emit("payment_method.attached", method)
        return str(method["id"])

    def pay(self, session: str, card: str = "pm_card_visa", **about: str | None) -> Object:
        """The customer pays a checkout session with a card (`email`, `name`). A decline leaves it open."""
        return sessions.pay(self.books, session, card, **about)

    def leave(self, session: str) -> Object:
        """The session expires."""
        return sessions.expire(self.books, Params({}), session)

    def authenticate(self, payment_intent: str, *, succeeds: bool = True) -> Object:
        """What the customer does with a payment that requires action."""
        intent = payments.authenticate(self.books, payment_intent, succeeds=succeeds)
        sessions.followed(self.books, intent)
        return intent

    def settle(self, payment_intent: str, *, succeeds: bool = True, decline_code: str = "generic_decline") -> Object:
        """The late result of a payment that is processing."""
        intent = payments.settle(self.books, payment_intent, succeeds=succeeds, decline_code=decline_code)
        sessions.followed(self.books, intent)
        return intent

    def dispute(self, charge: str, *, amount: int | None = None, reason: str = "fraudulent") -> Object:
        """The customer disputes a charge (or the last one of a payment intent)."""
        known = self.books.known(charge)
        if known is not None and known["object"] == "payment_intent":
            charge = known["latest_charge"]
        return returns.open_dispute(self.books, charge, amount=amount, reason=reason)

    def close_dispute(self, dispute: str, *, won: bool) -> Object:
        return returns.close_dispute(self.books, dispute, won=won)

    def settle_refund(self, refund: str, *, succeeds: bool) -> Object:
        """The late result of a refund; one that has succeeded may fail yet."""
        return returns.settle_refund(self.books, refund, succeeds=succeeds)

    # Webhooks

    def webhooks_to(self, url: str, secret: str) -> None:
        """Send events there as well, from now on."""
        self.deliveries.endpoints.append(Endpoint(url, secret))

    async def settled(self) -> None:
        """Wait until each delivery that is due has been tried."""
        await self.deliveries.settled()

    def summary(self) -> dict[str, Any]:
        held = len(self.deliveries.held)
        counts = {kind: len(table) for kind, table in self.books.tables.items()}
        return {"now": self.clock(), "objects": counts, "charges_made": len(self.made), "webhooks_held": held}
