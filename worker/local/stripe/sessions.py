"""Checkout sessions: opened over the API, then paid, declined or left by a customer, who is played by the page behind
the session's `url` or by a script."""

from __future__ import annotations

import copy
from typing import Any

from worker.local.stripe import customers, objects, payments
from worker.local.stripe.books import Books
from worker.local.stripe.form import Params
from worker.local.stripe.objects import Object
from worker.local.stripe.problem import Problem, invalid, missing

_EXPIRES_S = (30 * 60, 24 * 3600)


def create(books: Books, params: Params) -> Object:
    mode = params.text("mode", "payment", choices=("payment", "setup", "subscription"))
    if mode != "payment":
        raise invalid(f"The stand-in does not play the mode {mode}.", "mode")
    embedded = params.text("ui_mode", "hosted") not in ("hosted", "hosted_page")
    if not embedded:
        params.need("success_url")
    id_ = books.new_id("checkout.session")
    made = objects.checkout_session(id_, books.clock.second, mode, None if embedded else f"{books.address}/c/pay/{id_}")
    customer, email = params.text("customer"), params.text("customer_email")
    if customer and email:
        raise invalid("You may only specify one of these parameters: customer, customer_email.", "customer")
    if customer:
        made["customer_details"] = _details(customers.living(books, customer, "customer"))
    made |= {
        "cancel_url": params.text("cancel_url"),
        "success_url": params.text("success_url"),
        "client_reference_id": params.text("client_reference_id"),
        "customer": customer,
        "customer_email": email,
        "customer_creation": None
        if customer
        else params.text("customer_creation", "if_required", choices=("always", "if_required")),
        "expires_at": _expires(books, params),
        "locale": params.text("locale"),
        "metadata": params.metadata(),
        "submit_type": params.text("submit_type"),
    }
    if "payment_method_types" in params:
        made["payment_method_types"] = params.texts("payment_method_types")
    if email:
        made["customer_details"] = _details({"email": email})
    lines = [_line(params_of) for params_of in params.parts("line_items")]
    if not lines:
        raise invalid("You must pass `line_items` in `payment` mode.", "line_items", "parameter_missing")
    if len({line["currency"] for line in lines}) > 1:
        raise invalid("All line items must have the same currency.", "line_items")
    shipping = _shipping(params)
    subtotal = sum(line["amount_subtotal"] for line in lines)
    made |= {
        "currency": lines[0]["currency"],
        "amount_subtotal": subtotal,
        "amount_total": subtotal + (shipping or 0),
        "total_details": {"amount_discount": 0, "amount_shipping": shipping or 0, "amount_tax": 0},
    }
    if shipping is not None:
        made["shipping_cost"] = {
            "amount_subtotal": shipping,
            "amount_tax": 0,
            "amount_total": shipping,
            "shipping_rate": None,
        }
    plan = params.part("payment_intent_data")
    if plan:
        plan.only(("capture_method", "description", "metadata", "receipt_email", "setup_future_usage", "shipping",
                   "statement_descriptor", "statement_descriptor_suffix", "transfer_group"))  # fmt: skip
        plan.metadata()
    books.plans[id_] = {"lines": lines, "intent": copy.deepcopy(plan.values) if plan else {}}
    return books.add(made)


def _expires(books: Books, params: Params) -> int:
    now = books.clock.second
    at = params.integer("expires_at", now + _EXPIRES_S[1], high=10**11) or 0
    if not now + _EXPIRES_S[0] <= at <= now + _EXPIRES_S[1]:
        raise invalid(
            "The `expires_at` timestamp must be between 30 minutes and 24 hours from Checkout Session creation.",
            "expires_at",
        )
    return at


def _line(params: Params) -> Object:
    params.only(("price", "price_data", "quantity", "adjustable_quantity", "tax_rates", "metadata"))
    if params.text("price"):
        raise missing("price", params.text("price") or "", params.name("price"))
    price = params.part("price_data")
    if price is None:
        params.need("price_data")
        raise AssertionError
    price.only(
        ("currency", "product", "product_data", "recurring", "tax_behavior", "unit_amount", "unit_amount_decimal")
    )
    product = price.part("product_data")
    name = product.required("name") if product else price.required("product")
    price.need("unit_amount")
    unit = price.integer("unit_amount") or 0
    quantity = params.integer("quantity", low=1, high=999_999)
    if quantity is None:
        params.need("quantity")
        raise AssertionError
    return {
        "name": name,
        "description": product.text("description") if product else None,
        "currency": payments.currency_of(price),
        "unit_amount": unit,
        "quantity": quantity,
        "amount_subtotal": unit * quantity,
    }


def _shipping(params: Params) -> int | None:
    options = params.parts("shipping_options")
    if not options:
        return None
    rate = options[0].part("shipping_rate_data")
    fixed = rate.part("fixed_amount") if rate else None
    if rate is None or fixed is None:
        raise invalid(
            "The stand-in takes shipping_rate_data with a fixed_amount only.", options[0].name("shipping_rate")
        )
    return fixed.integer("amount") or 0


def line_items(books: Books, id_: str) -> list[Object]:
    books.find("checkout.session", id_)
    created = books.find("checkout.session", id_)["created"]
    return [
        {
            "id": f"li_{id_[-16:]}{place}",
            "object": "item",
            "adjustable_quantity": None,
            "amount_discount": 0,
            "amount_subtotal": line["amount_subtotal"],
            "amount_tax": 0,
            "amount_total": line["amount_subtotal"],
            "currency": line["currency"],
            "description": line["name"],
            "metadata": {},
            "price": {
                "id": f"price_{id_[-16:]}{place}",
                "object": "price",
                "active": False,
                "billing_scheme": "per_unit",
                "created": created,
                "currency": line["currency"],
                "custom_unit_amount": None,
                "livemode": False,
                "lookup_key": None,
                "metadata": {},
                "nickname": None,
                "product": f"prod_{id_[-14:]}{place}",
                "recurring": None,
                "tax_behavior": "unspecified",
                "tiers_mode": None,
                "transform_quantity": None,
                "type": "one_time",
                "unit_amount": line["unit_amount"],
                "unit_amount_decimal": str(line["unit_amount"]),
            },
            "quantity": line["quantity"],
        }
        for place, line in enumerate(books.plans[id_]["lines"])
    ]


def retrieve(books: Books, id_: str) -> Object:
    expire_due(books)
    return books.find("checkout.session", id_)


def expire_due(books: Books) -> None:
    """Sessions whose time has passed by the clock."""
    for session in books.tables["checkout.session"].values():
        if session["status"] == "open" and session["expires_at"] <= books.clock.second:
            _expired(books, session)


def expire(books: Books, params: Params, id_: str) -> Object:
    session = retrieve(books, id_)
    _open(session, "expired")
    return _expired(books, session)


def _expired(books: Books, session: Object) -> Object:
    session |= {"status": "expired", "url": None}
    intent = books.known(session["payment_intent"] or "")
    if intent and intent["status"] not in ("succeeded", "canceled", "processing"):
        payments.canceled(books, intent, "void_invoice" if session["invoice"] else "abandoned")
    books.emit("checkout.session.expired", session)
    return session


def _open(session: Object, verb: str) -> None:
    if session["status"] != "open":
        raise invalid(
            f'Only Checkout Sessions with a status in ["open"] can be {verb}. This Checkout Session has a status of '
            f"`{session['status']}`.",
            kept=True,
        )


# The customer


def pay(
    books: Books, id_: str, card: str = "pm_card_visa", *, email: str | None = None, name: str | None = None
) -> Object:
    """The customer pays with a card by its name; the session as it is then. A decline leaves it open, and is to be seen
    in the payment intent. One that needs authentication leaves it open too, until `authenticate`."""
    session = retrieve(books, id_)
    _open(session, "paid")
    known = session["customer_details"] or {}
    session["customer_details"] = _details(
        {**known, "email": email or known.get("email") or "jenny@example.com", "name": name or known.get("name")}
    )
    plan: dict[str, Any] = books.plans[id_]["intent"]
    if session["customer"] is None and (session["customer_creation"] == "always" or plan.get("setup_future_usage")):
        details = session["customer_details"]
        values = {key: details[key] for key in ("email", "name") if details[key]}
        session["customer"] = customers.create_customer(books, Params(values))["id"]
    if session["amount_total"] == 0:
        return _complete(books, session, "no_payment_required")
    intent = books.known(session["payment_intent"] or "")
    if intent is None:
        values = {**plan, "amount": str(session["amount_total"]), "currency": session["currency"]}
        if session["customer"]:
            values["customer"] = session["customer"]
        intent = payments.create(books, Params(values))
        session["payment_intent"] = intent["id"]
        books.plans[intent["id"]] = {"session": id_}
    method = customers.method_of(books, card, "payment_method")
    method["billing_details"] |= {"email": session["customer_details"]["email"], "name": name}
    intent |= {"payment_method": method["id"], "status": "requires_confirmation"}
    try:
        payments.attempt(books, intent, off_session=False)
    except Problem as problem:
        if problem.status != 402:
            raise
        return session
    return _after(books, session, intent)


def _after(books: Books, session: Object, intent: Object) -> Object:
    """The session follows its payment intent."""
    status = intent["status"]
    boleto = payments.waits(intent) and "boleto_display_details" in intent["next_action"]
    if session["status"] == "open" and (boleto or status in ("succeeded", "processing", "requires_capture")):
        return _complete(books, session, "paid" if status == "succeeded" else "unpaid")
    return session


def _complete(books: Books, session: Object, payment_status: str) -> Object:
    session |= {"status": "complete", "payment_status": payment_status, "url": None}
    books.emit("checkout.session.completed", session)
    return session


def followed(books: Books, intent: Object) -> None:
    """After `authenticate` or `settle`: what it means for the session that the intent belongs to, if one."""
    plan = books.plans.get(intent["id"])
    if plan is None:
        return
    session = books.find("checkout.session", plan["session"])
    if session["status"] == "open":
        _after(books, session, intent)
    elif session["payment_status"] == "unpaid" and intent["status"] == "succeeded":
        session["payment_status"] = "paid"
        books.emit("checkout.session.async_payment_succeeded", session)
    elif session["payment_status"] == "unpaid" and intent["status"] == "requires_payment_method":
        books.emit("checkout.session.async_payment_failed", session)


def _details(person: Object) -> Object:
    return {
        "address": objects.address(person.get("address")),
        "business_name": None,
        "email": person.get("email"),
        "individual_name": None,
        "name": person.get("name"),
        "phone": person.get("phone"),
        "tax_exempt": "none",
        "tax_ids": [],
    }
