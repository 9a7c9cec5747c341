"""Facts: what a provider (or a person) states about one object, and the merged record of one sale.

A *statement* is one claim about one object at one time. A *fact* is all that is known about one object: the
statements that still decide at least one of its fields. A *dossier* is every fact that speaks of one sale, held
together by the object keys that name each other. An order is derived from a dossier, never written by hand.

Keys are `<namespace>:<id>`: `stripe:pi_123` (Stripe's ids are unique over endpoints), `<connection>:<id>` for shops.
"""

from __future__ import annotations

from enum import StrEnum
from functools import cached_property
from typing import Any

import msgspec


class Kind(StrEnum):
    """What sort of object a fact speaks of. The fields of each are in `schemas.stated`."""

    CLAIM = "claim"  # a document that makes an order: a checkout, a finalized invoice, a shop's order, a feed's order
    PAYMENT = "payment"  # one attempt to move money (a payment intent, a bare charge, a shop's transaction)
    CHARGE = "charge"  # Stripe's charge below a payment intent: carries the running total of its refunds
    REFUND = "refund"
    DISPUTE = "dispute"
    CREDIT = "credit"  # a credit note issued before payment: lowers what is owed
    FULFILLMENT = "fulfillment"
    SUBSCRIPTION = "subscription"
    HISTORY = "history"  # which version of a shop's order first said what, so that a later hand edit can be weighed
    CHILD = "child"  # what an invoice or a return made from this order received and gave back
    HAND = "hand"  # what a person states: edited fields, a payment note, a confirmation


class Statement(msgspec.Struct, frozen=True, omit_defaults=True):
    """One claim about one object.

    `at` is the provider's own time in microseconds since 1970 (UTC); `rank` decides between statements of one
    instant; `version` is weighed before both, where the sender counts its versions; `fields` holds JSON values only.
    `event` names the inbox event (or the actor) it came from.
    """

    at: int
    fields: dict[str, Any]
    rank: int = 0
    event: str = ""
    version: int = 0


class Fact(msgspec.Struct, frozen=True, omit_defaults=True):
    """All that is known about one object: its kind and the statements that still decide a field."""

    key: str
    kind: Kind
    statements: tuple[Statement, ...] = ()


class Dossier(msgspec.Struct, frozen=True, omit_defaults=True):
    """Every fact of one sale by object key, every object key that was ever named in it, and the outside references
    (text that may be an order's id or external id) it carries. All three are kept sorted."""

    facts: dict[str, Fact] = {}
    links: tuple[str, ...] = ()
    refs: tuple[str, ...] = ()


class Reading(msgspec.Struct, frozen=True, dict=True):
    """What an adapter reads from one event.

    `facts`: one statement each, about the objects the event touches. `links`: further keys known to belong to the
    same sale. `refs`: text in which the sender names an order of ours (`client_reference_id`, `metadata.order_id`).
    """

    facts: tuple[Fact, ...] = ()
    links: tuple[str, ...] = ()
    refs: tuple[str, ...] = ()

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """Every object key of the event, sorted, each once."""
        return tuple(sorted({*self.links, *(fact.key for fact in self.facts)}))


class Ignored(msgspec.Struct, frozen=True):
    """The event was understood and asks for nothing; `reason` says why, in a sentence."""

    reason: str
