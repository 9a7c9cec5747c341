"""What the stand-in knows: its objects, its clock, what was scripted, the events that told of changes, the charges.

Everything here is synchronous, so that each operation is one step: two requests never see each other half done.
"""

from __future__ import annotations

import copy
import secrets
import string
import time
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from worker.local.stripe.cards import Answer, Card
from worker.local.stripe.objects import Object, event
from worker.local.stripe.problem import missing

KINDS: Mapping[str, str] = {
    "customer": "cus", "payment_method": "pm", "payment_intent": "pi", "charge": "ch", "refund": "re", "dispute": "du",
    "balance_transaction": "txn", "checkout.session": "cs_test", "event": "evt",
}  # fmt: skip
"""The objects that are kept, with the beginning of their ids."""
_LETTERS = string.ascii_letters + string.digits


class Clock:
    """Unix seconds. It runs from `source` until a test sets it, and from there on as the source goes on."""

    def __init__(self, source: Callable[[], float] = time.time) -> None:
        self._source, self._ahead_s = source, 0.0

    def __call__(self) -> float:
        return self._source() + self._ahead_s

    @property
    def second(self) -> int:
        return int(self())

    def set(self, now: float) -> None:
        self._ahead_s = now - self._source()

    def advance(self, seconds: float) -> None:
        self._ahead_s += seconds


class Made(msgspec.Struct, frozen=True):
    """Money that was really taken: the list that tests compare with what Daybook recorded."""

    charge: str
    payment_intent: str
    amount: int
    currency: str
    customer: str | None
    payment_method: str
    idempotency_key: str | None
    metadata: dict[str, str]
    at: int


class Scripted(msgspec.Struct):
    """What the bank says to the next `times` tries, of this customer or payment method where one is named."""

    answer: Answer
    customer: str | None = None
    payment_method: str | None = None
    times: int = 1


class Books:
    """`address`: where the stand-in listens, for the links in its objects. `version`: the API version of its events."""

    def __init__(self, clock: Clock, version: str) -> None:
        self.clock, self.version, self.address = clock, version, ""
        self.tables: dict[str, dict[str, Object]] = {kind: {} for kind in KINDS}
        self.cards: dict[str, Card] = {}
        self.plans: dict[str, dict[str, Any]] = {}
        self.made: list[Made] = []
        self.scripted: list[Scripted] = []
        self.request: dict[str, Any] = {"id": None, "idempotency_key": None}
        self.tell: Callable[[Object], None] = lambda event: None

    def new_id(self, kind: str) -> str:
        return f"{KINDS.get(kind, kind)}_{''.join(secrets.choice(_LETTERS) for _ in range(24))}"

    def add(self, made: Object) -> Object:
        self.tables[made["object"]][made["id"]] = made
        return made

    def known(self, id_: str) -> Object | None:
        """The object of any kind."""
        return next((table[id_] for table in self.tables.values() if id_ in table), None)

    def find(self, kind: str, id_: str, param: str | None = None) -> Object:
        """Raises Problem: 404, or 400 where the id came as a parameter."""
        found = self.tables[kind].get(id_)
        if found is None:
            raise missing({"payment_method": "PaymentMethod"}.get(kind, kind), id_, param)
        return found

    def emit(self, kind: str, about: Object, previous: Object | None = None) -> None:
        """Tell of a change, with the object as it is now."""
        data: Object = {"object": copy.deepcopy(about)}
        if previous:
            data["previous_attributes"] = previous
        self.tell(self.add(event(
            self.new_id("event"), self.clock.second, kind, self.version, data, dict(self.request)
        )))  # fmt: skip

    def bank_says(self, card: Card, customer: str | None, payment_method: str) -> Answer:
        """What was scripted for this try, else what the card always gets."""
        for script in self.scripted:
            named = script.customer in (None, customer) and script.payment_method in (None, payment_method)
            if named and script.times > 0:
                script.times -= 1
                return script.answer
        return card.answer
