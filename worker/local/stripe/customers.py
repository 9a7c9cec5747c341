"""Customers and their payment methods."""

from __future__ import annotations

import copy
from typing import Any

from worker.local.stripe import objects
from worker.local.stripe.books import Books
from worker.local.stripe.cards import Card, card_of
from worker.local.stripe.form import Params
from worker.local.stripe.objects import Object
from worker.local.stripe.problem import card_error, declined, invalid, missing

_TEXTS = ("description", "email", "name", "phone")


def create_customer(books: Books, params: Params) -> Object:
    made = books.add(objects.customer(books.new_id("customer"), books.clock.second))
    method = params.text("payment_method")
    try:
        _fill(made, params)
        if method:
            attached = attach(books, method, made["id"], "payment_method")
            made["invoice_settings"]["default_payment_method"] = attached["id"]
        _settings(books, made, params)
    except Exception:
        del books.tables["customer"][made["id"]]
        raise
    books.emit("customer.created", made)
    return made


def retrieve_customer(books: Books, id_: str) -> Object:
    return books.find("customer", id_)


def update_customer(books: Books, params: Params, id_: str) -> Object:
    found = living(books, id_)
    before = copy.deepcopy(found)
    _fill(found, params)
    _settings(books, found, params)
    changed = {name: value for name, value in before.items() if found[name] != value}
    if changed:
        books.emit("customer.updated", found, changed)
    return found


def delete_customer(books: Books, id_: str) -> Object:
    found = living(books, id_)
    books.emit("customer.deleted", found)
    for method in books.tables["payment_method"].values():
        if method["customer"] == id_:
            method["customer"] = None
    books.tables["customer"][id_] = {"id": id_, "object": "customer", "deleted": True}
    return books.tables["customer"][id_]


def living(books: Books, id_: str, param: str | None = None) -> Object:
    """One that is not deleted. Raises Problem."""
    found = books.find("customer", id_, param)
    if found.get("deleted"):
        raise missing("customer", id_, param)
    return found


def _fill(customer: Object, params: Params) -> None:
    for name in _TEXTS:
        if name in params:
            customer[name] = params.text(name)
    for name in ("address", "shipping"):
        part = params.part(name)
        if name in params:
            customer[name] = copy.deepcopy(part.values) if part else None
    customer["metadata"] = params.metadata(customer["metadata"])


def _settings(books: Books, customer: Object, params: Params) -> None:
    settings = params.part("invoice_settings")
    if settings and "default_payment_method" in settings:
        method = settings.text("default_payment_method")
        if (
            method
            and books.find("payment_method", method, "invoice_settings[default_payment_method]")["customer"]
            != (customer["id"])
        ):
            raise invalid(
                "The customer does not have a payment method with the ID " + method,
                "invoice_settings[default_payment_method]",
                "resource_missing",
            )
        customer["invoice_settings"]["default_payment_method"] = method


# Payment methods


def create_payment_method(books: Books, params: Params) -> Object:
    type_ = params.required("type")
    given = params.part("card")
    name = (given.text("number") or given.text("token") or "") if given else ""
    card = Card(type=type_) if type_ != "card" else card_of(name)
    if card is None:
        raise invalid(f"No such token: '{name}'", "card[token]", "resource_missing")
    details = params.part("billing_details")
    made = _new_method(books, card, details.values if details else None)
    made["metadata"] = params.metadata()
    return made


def _new_method(books: Books, card: Card, details: dict[str, Any] | None = None) -> Object:
    made = books.add(objects.payment_method(books.new_id("payment_method"), books.clock.second, card, details))
    books.cards[made["id"]] = card
    return made


def method_of(books: Books, name: str, param: str) -> Object:
    """A payment method by its id, or a new one where the name is one of Stripe's test cards. Raises Problem."""
    card = card_of(name)
    return _new_method(books, card) if card else books.find("payment_method", name, param)


def retrieve_payment_method(books: Books, id_: str) -> Object:
    return method_of(books, id_, "payment_method") if card_of(id_) else books.find("payment_method", id_)


def attach(books: Books, id_: str, customer: str, param: str | None = None) -> Object:
    """Save it to a customer. Cards that decline always do not let themselves be saved: a Problem, 402."""
    living(books, customer, "customer")
    method = method_of(books, id_, param or "payment_method")
    if method["customer"] not in (None, customer):
        raise invalid("The payment method you provided has already been attached to a customer.", "payment_method")
    card = books.cards[method["id"]]
    if not card.saves:
        answer = card.answer
        raise declined(
            card_error(
                answer.code,
                answer.message,
                decline_code=answer.decline_code,
                advice_code=answer.advice_code,
                network_decline_code=answer.network_decline_code,
                network_advice_code=answer.network_advice_code,
                charge=None,
                payment_method=copy.deepcopy(method),
            ),
            None,
        )
    if method["customer"] is None:
        method["customer"] = customer
        books.emit("payment_method.attached", method)
    return method


def attach_payment_method(books: Books, params: Params, id_: str) -> Object:
    return attach(books, id_, params.required("customer"))


def detach_payment_method(books: Books, params: Params, id_: str) -> Object:
    method = books.find("payment_method", id_)
    if method["customer"] is None:
        raise invalid("The payment method you provided is not attached to a customer so detachment is impossible.")
    owner = books.tables["customer"].get(method["customer"], {})
    settings = owner.get("invoice_settings")
    if settings and settings["default_payment_method"] == id_:
        settings["default_payment_method"] = None
    before = {"customer": method["customer"]}
    method["customer"] = None
    books.emit("payment_method.detached", method, before)
    return method


def saved(books: Books, customer: str, type_: str | None) -> list[Object]:
    """A customer's payment methods."""
    living(books, customer, "customer")
    return [
        method
        for method in books.tables["payment_method"].values()
        if method["customer"] == customer and type_ in (None, method["type"])
    ]
