"""What the stand-in answers: each operation of Stripe's API that it plays, with its name, address and parameters.

The names of the parameters are the SDK's own, so that a wrong one is refused here as it would be at Stripe. Those that
change nothing of what is played are taken and left aside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from stripe import RequestOptions, params

from worker.local.stripe import customers, payments, returns, sessions
from worker.local.stripe.books import Books
from worker.local.stripe.form import Params
from worker.local.stripe.listing import PAGING, page, shown
from worker.local.stripe.objects import Object
from worker.local.stripe.problem import invalid

EVENTS_S = 30 * 86_400
_TYPES = 20


class Operation(msgspec.Struct, frozen=True):
    """`run(books, params, *ids of the address)`."""

    name: str
    method: str
    path: str
    known: frozenset[str]
    run: Callable[..., Object]

    @property
    def writes(self) -> bool:
        return self.method != "GET"

    def answer(self, books: Books, given: Params, ids: Iterable[str]) -> Object:
        given.only(self.known)
        return shown(books, self.run(books, given, *ids), given)


def _post(name: str, path: str, run: Callable[..., Object], shape: type[Any]) -> Operation:
    known = frozenset(shape.__annotations__) - RequestOptions.__annotations__.keys()
    return Operation(name, "POST", path, known | {"expand"}, run)


def _get(name: str, path: str, find: Callable[[Books, str], Object]) -> Operation:
    return Operation(name, "GET", path, frozenset({"expand"}), lambda books, given, id_: find(books, id_))


def _of(kind: str) -> Callable[[Books, str], Object]:
    return lambda books, id_: books.find(kind, id_)


def _list(name: str, path: str, kind: str, *filters: str) -> Operation:
    """A list of a kind of objects, by the fields named."""

    def run(books: Books, given: Params) -> Object:
        wanted = {field: given.text(field) for field in filters}
        sessions.expire_due(books)
        rows = [
            row
            for row in books.tables[kind].values()
            if not row.get("deleted") and all(value in (None, row[field]) for field, value in wanted.items())
        ]
        return page(path, rows, given)

    return Operation(name, "GET", path, frozenset({*PAGING, *filters}), run)


def _list_events(books: Books, given: Params) -> Object:
    types = given.texts("types")
    if len(types) > _TYPES or ("type" in given and types):
        raise invalid("You may pass up to 20 event types, as type or as types.", "types")
    one = given.text("type")
    wanted = set(types) | ({one} if one else set())
    undelivered = not given.flag("delivery_success", default=True)
    told = "delivery_success" in given
    sessions.expire_due(books)
    oldest = books.clock.second - EVENTS_S
    rows = [
        row
        for row in books.tables["event"].values()
        if row["created"] > oldest
        and (not wanted or any(_matches(row["type"], pattern) for pattern in wanted))
        and (not told or (row["pending_webhooks"] > 0) == undelivered)
    ]
    return page("/v1/events", rows, given)


def _matches(kind: str, pattern: str) -> bool:
    """`charge.*` and `*` are Stripe's wildcards."""
    return kind == pattern or (pattern.endswith("*") and kind.startswith(pattern[:-1]))


def _list_methods(books: Books, given: Params, customer: str | None = None) -> Object:
    owner = customer or given.required("customer")
    return page("/v1/payment_methods", customers.saved(books, owner, given.text("type")), given)


def _list_lines(books: Books, given: Params, id_: str) -> Object:
    rows = list(reversed(sessions.line_items(books, id_)))
    return page(f"/v1/checkout/sessions/{id_}/line_items", [{**row, "created": 0} for row in rows], given)


def _delete_customer(books: Books, given: Params, id_: str) -> Object:
    return customers.delete_customer(books, id_)


_LIST = frozenset(PAGING)

OPERATIONS = (
    _post("customers.create", "/v1/customers", customers.create_customer, params.CustomerCreateParams),
    _get("customers.retrieve", "/v1/customers/{id}", customers.retrieve_customer),
    _post("customers.update", "/v1/customers/{id}", customers.update_customer, params.CustomerUpdateParams),
    Operation("customers.delete", "DELETE", "/v1/customers/{id}", frozenset(), _delete_customer),
    _list("customers.list", "/v1/customers", "customer", "email"),
    Operation(
        "customers.payment_methods", "GET", "/v1/customers/{id}/payment_methods", _LIST | {"type"}, _list_methods
    ),
    _post(
        "payment_methods.create",
        "/v1/payment_methods",
        customers.create_payment_method,
        params.PaymentMethodCreateParams,
    ),
    Operation("payment_methods.list", "GET", "/v1/payment_methods", _LIST | {"customer", "type"}, _list_methods),
    _get("payment_methods.retrieve", "/v1/payment_methods/{id}", customers.retrieve_payment_method),
    _post(
        "payment_methods.attach",
        "/v1/payment_methods/{id}/attach",
        customers.attach_payment_method,
        params.PaymentMethodAttachParams,
    ),
    _post(
        "payment_methods.detach",
        "/v1/payment_methods/{id}/detach",
        customers.detach_payment_method,
        params.PaymentMethodDetachParams,
    ),
    _post("payment_intents.create", "/v1/payment_intents", payments.create, params.PaymentIntentCreateParams),
    _list("payment_intents.list", "/v1/payment_intents", "payment_intent", "customer"),
    _get("payment_intents.retrieve", "/v1/payment_intents/{id}", payments.retrieve),
    _post("payment_intents.update", "/v1/payment_intents/{id}", payments.update, params.PaymentIntentUpdateParams),
    _post(
        "payment_intents.confirm",
        "/v1/payment_intents/{id}/confirm",
        payments.confirm,
        params.PaymentIntentConfirmParams,
    ),
    _post(
        "payment_intents.cancel", "/v1/payment_intents/{id}/cancel", payments.cancel, params.PaymentIntentCancelParams
    ),
    _post(
        "payment_intents.capture",
        "/v1/payment_intents/{id}/capture",
        payments.capture,
        params.PaymentIntentCaptureParams,
    ),
    _list("charges.list", "/v1/charges", "charge", "customer", "payment_intent"),
    _get("charges.retrieve", "/v1/charges/{id}", _of("charge")),
    _get("balance_transactions.retrieve", "/v1/balance_transactions/{id}", _of("balance_transaction")),
    _post("refunds.create", "/v1/refunds", returns.create_refund, params.RefundCreateParams),
    _list("refunds.list", "/v1/refunds", "refund", "charge", "payment_intent"),
    _get("refunds.retrieve", "/v1/refunds/{id}", _of("refund")),
    _post("refunds.update", "/v1/refunds/{id}", returns.update_refund, params.RefundUpdateParams),
    _list("disputes.list", "/v1/disputes", "dispute", "charge", "payment_intent"),
    _get("disputes.retrieve", "/v1/disputes/{id}", _of("dispute")),
    _post("checkout.sessions.create", "/v1/checkout/sessions", sessions.create, params.checkout.SessionCreateParams),
    _list(
        "checkout.sessions.list", "/v1/checkout/sessions", "checkout.session", "customer", "payment_intent", "status"
    ),
    _get("checkout.sessions.retrieve", "/v1/checkout/sessions/{id}", sessions.retrieve),
    _post(
        "checkout.sessions.expire",
        "/v1/checkout/sessions/{id}/expire",
        sessions.expire,
        params.checkout.SessionExpireParams,
    ),
    Operation("checkout.sessions.line_items", "GET", "/v1/checkout/sessions/{id}/line_items", _LIST, _list_lines),
    Operation("events.list", "GET", "/v1/events", _LIST | {"type", "types", "delivery_success"}, _list_events),
    _get("events.retrieve", "/v1/events/{id}", _of("event")),
)
