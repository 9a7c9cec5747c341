"""Payment intents: made, confirmed, canceled, captured; and what the bank's answer makes of them."""

from __future__ import annotations

import copy

from worker.local.stripe import customers, objects, returns
from worker.local.stripe.books import Books, Made
from worker.local.stripe.cards import Answer, decline
from worker.local.stripe.form import Params
from worker.local.stripe.objects import Object
from worker.local.stripe.problem import card_error, declined, invalid

_OPEN = ("requires_payment_method", "requires_confirmation", "requires_action")
_TEXTS = ("description", "receipt_email", "statement_descriptor", "statement_descriptor_suffix", "transfer_group")
_ABOUT = ("shipping", "payment_method_options")
CURRENCIES = 3


def create(books: Books, params: Params) -> Object:
    amount, currency = amount_of(params), currency_of(params)
    manual = params.text("capture_method", choices=("automatic", "automatic_async", "manual")) == "manual"
    confirms = params.flag("confirm")
    if params.flag("off_session") and not confirms:
        raise invalid("off_session can only be used when confirm=true", "off_session")
    customer = params.text("customer")
    if customer:
        customers.living(books, customer, "customer")
    made = objects.payment_intent(books.new_id("payment_intent"), books.clock.second, amount, currency)
    made["customer"] = customer
    if manual:
        made["capture_method"] = "manual"
    automatic = params.part("automatic_payment_methods")
    if automatic and automatic.flag("enabled"):
        made["automatic_payment_methods"] = {"allow_redirects": "always", "enabled": True}
    _fill(books, made, params)
    books.add(made)
    books.emit("payment_intent.created", made)
    if confirms:
        return _confirm(books, made, params)
    return made


def amount_of(params: Params) -> int:
    params.need("amount")
    return params.integer("amount", low=1) or 0


def currency_of(params: Params, name: str = "currency") -> str:
    currency = params.required(name).lower()
    if len(currency) != CURRENCIES or not currency.isalpha():
        raise invalid(f"Invalid currency: {currency}.", params.name(name))
    return currency


def _fill(books: Books, intent: Object, params: Params) -> None:
    for name in _TEXTS:
        if name in params:
            intent[name] = params.text(name)
    for name in _ABOUT:
        part = params.part(name)
        if part:
            intent[name] = copy.deepcopy(part.values)
    if "payment_method_types" in params:
        intent["payment_method_types"] = params.texts("payment_method_types")
    if "setup_future_usage" in params:
        intent["setup_future_usage"] = params.text("setup_future_usage", choices=("off_session", "on_session"))
    intent["metadata"] = params.metadata(intent["metadata"])
    given = params.text("payment_method")
    if given:
        method = _usable(books, intent, customers.method_of(books, given, "payment_method"))
        intent["payment_method"] = method["id"]
        if intent["status"] == "requires_payment_method":
            intent["status"] = "requires_confirmation"


def _usable(books: Books, intent: Object, method: Object) -> Object:
    if method["customer"] not in (None, intent["customer"]):
        raise invalid(
            "The provided PaymentMethod cannot be attached. To reuse a PaymentMethod, you must attach it to a Customer "
            "first." if intent["customer"] else
            f"The payment method `{method['id']}` belongs to the Customer `{method['customer']}`. Please include the "
            "Customer in the `customer` parameter on the PaymentIntent.",
            "payment_method",
        )  # fmt: skip
    return method


def retrieve(books: Books, id_: str) -> Object:
    return books.find("payment_intent", id_)


def update(books: Books, params: Params, id_: str) -> Object:
    intent = books.find("payment_intent", id_)
    if intent["status"] not in _OPEN and params.values.keys() - {"metadata", "description", "expand"}:
        raise _unexpected(intent, "update")
    if "amount" in params:
        intent["amount"] = amount_of(params)
    customer = params.text("customer")
    if customer:
        intent["customer"] = customers.living(books, customer, "customer")["id"]
    _fill(books, intent, params)
    return intent


def confirm(books: Books, params: Params, id_: str) -> Object:
    return _confirm(books, books.find("payment_intent", id_), params)


def _confirm(books: Books, intent: Object, params: Params) -> Object:
    if intent["status"] not in _OPEN:
        raise _unexpected(intent, "confirm")
    _fill(books, intent, params)
    if not intent["payment_method"]:
        raise _unexpected(
            intent,
            "confirm",
            "it's missing a payment method. You can either update the PaymentIntent with a payment method and then "
            "confirm it again, or confirm it again directly with a payment method or ConfirmationToken",
        )
    off_session = params.text("off_session") not in (None, "false")
    on_action = params.flag("error_on_requires_action")
    return attempt(books, intent, off_session=off_session, no_action=on_action, return_url=params.text("return_url"))


def attempt(
    books: Books, intent: Object, *, off_session: bool, no_action: bool = False, return_url: str | None = None
) -> Object:
    """Ask the bank. Raises Problem (402) where it declines."""
    method = books.find("payment_method", intent["payment_method"])
    answer = books.bank_says(books.cards[method["id"]], intent["customer"], method["id"])
    if answer.kind == "authenticate" and not off_session and not no_action:
        intent["status"] = "requires_action"
        link = f"{books.address}/authenticate/{intent['id']}"
        if return_url:
            intent["next_action"] = {
                "redirect_to_url": {"return_url": return_url, "url": link},
                "type": "redirect_to_url",
            }
        else:
            intent["next_action"] = {"type": "use_stripe_sdk", "use_stripe_sdk": {"type": "three_d_secure_redirect",
                                                                                  "stripe_js": link}}  # fmt: skip
        books.emit("payment_intent.requires_action", intent)
        return intent
    if answer.kind == "process" and method["type"] in _SHOWN:
        intent |= {"status": "requires_action", "next_action": _to_show(books, intent, method["type"])}
        books.emit("payment_intent.requires_action", intent)
        return intent
    charge = _charge(books, intent, method, answer)
    if answer.kind in ("decline", "authenticate"):
        raise _declined(books, intent, charge, method, answer)
    if answer.kind == "process":
        card = {"type": "card", "card": {"customer_notification": None}} if method["type"] == "card" else None
        intent |= {"status": "processing", "last_payment_error": None, "next_action": None, "processing": card}
        books.emit("charge.pending", charge)
        books.emit("payment_intent.processing", intent)
        return intent
    return _approved(books, intent, charge, method, answer)


def _charge(books: Books, intent: Object, method: Object, answer: Answer) -> Object:
    charge = books.add(objects.charge(books.new_id("charge"), books.clock.second, intent, method, answer))
    intent["latest_charge"] = charge["id"]
    return charge


_SHOWN = {"boleto": "boleto_display_details", "pix": "pix_display_qr_code"}
"""Methods that are shown to the customer, who pays elsewhere: what the next action is called."""


def waits(intent: Object) -> bool:
    """Whether the customer pays elsewhere, later."""
    return intent["status"] == "requires_action" and intent["next_action"]["type"] in _SHOWN.values()


def _to_show(books: Books, intent: Object, type_: str) -> Object:
    link, until = f"{books.address}/authenticate/{intent['id']}", books.clock.second + 3 * 86_400
    shown = {
        "boleto": {"expires_at": until, "hosted_voucher_url": link, "number": "0" * 47, "pdf": link},
        "pix": {"data": "000201", "expires_at": until, "hosted_instructions_url": link,
                "image_url_png": link, "image_url_svg": link},
    }  # fmt: skip
    return {"type": _SHOWN[type_], _SHOWN[type_]: shown[type_]}


def _declined(books: Books, intent: Object, charge: Object, method: Object, answer: Answer) -> Exception:
    error = card_error(
        answer.code,
        answer.message,
        decline_code=answer.decline_code,
        advice_code=answer.advice_code,
        network_decline_code=answer.network_decline_code,
        network_advice_code=answer.network_advice_code,
        charge=charge["id"],
        payment_method=copy.deepcopy(method),
    )
    charge |= {
        "status": "failed",
        "failure_code": answer.code,
        "failure_message": answer.message,
        "outcome": objects.outcome(answer, declined=True),
    }
    intent |= {"status": "requires_payment_method", "payment_method": None, "last_payment_error": error,
               "next_action": None, "processing": None}  # fmt: skip
    books.emit("charge.failed", charge)
    books.emit("payment_intent.payment_failed", intent)
    return declined(error, copy.deepcopy(intent))


def _approved(books: Books, intent: Object, charge: Object, method: Object, answer: Answer) -> Object:
    intent |= {"last_payment_error": None, "next_action": None, "processing": None}
    charge |= {"status": "succeeded", "paid": True}
    if intent["setup_future_usage"] and intent["customer"] and method["customer"] is None:
        method["customer"] = intent["customer"]
        books.emit("payment_method.attached", method)
    if intent["capture_method"] == "manual":
        intent |= {"status": "requires_capture", "amount_capturable": intent["amount"]}
        books.emit("charge.succeeded", charge)
        books.emit("payment_intent.amount_capturable_updated", intent)
        return intent
    charge |= {"captured": True, "amount_captured": charge["amount"]}
    _received(books, intent, charge, "charge.succeeded")
    if answer.disputes:
        returns.open_dispute(books, charge["id"])
    return intent


def _received(books: Books, intent: Object, charge: Object, told: str) -> None:
    """The money was taken. What it cost is known a moment later, as at Stripe: `charge.updated` tells."""
    intent |= {"status": "succeeded", "amount_received": charge["amount_captured"], "amount_capturable": 0}
    books.made.append(
        Made(
            charge["id"], intent["id"], charge["amount_captured"], charge["currency"], charge["customer"],
            charge["payment_method"], books.request["idempotency_key"], dict(intent["metadata"]), books.clock.second,
        )
    )  # fmt: skip
    books.emit(told, charge)
    books.emit("payment_intent.succeeded", intent)
    taken = charge["amount_captured"]
    fee = min(taken, taken * 29 // 1000 + 30)
    balance = books.add(
        objects.balance_transaction(
            books.new_id("balance_transaction"),
            books.clock.second,
            "charge",
            taken,
            charge["currency"],
            charge["id"],
            fee,
        )
    )
    charge["balance_transaction"] = balance["id"]
    books.emit("charge.updated", charge, {"balance_transaction": None})


def settle(books: Books, id_: str, *, succeeds: bool, decline_code: str = "generic_decline") -> Object:
    """The late result of a payment that was `processing`, or whose voucher or code the customer had."""
    intent = books.find("payment_intent", id_)
    if intent["status"] != "processing" and not waits(intent):
        raise invalid(f"The payment intent is {intent['status']}: nothing is to come.")
    method = books.find("payment_method", intent["payment_method"])
    if waits(intent) and not succeeds:
        code = "payment_intent_payment_attempt_expired"
        return _failed(books, intent, method, code, "The payment was not made in time.")
    charge = (
        _charge(books, intent, method, Answer()) if waits(intent) else books.find("charge", intent["latest_charge"])
    )
    if not succeeds:
        _declined(books, intent, charge, method, decline(decline_code))
        return intent
    return _approved(books, intent, charge, method, Answer())


def authenticate(books: Books, id_: str, *, succeeds: bool) -> Object:
    """What the customer did with a payment that `requires_action`."""
    intent = books.find("payment_intent", id_)
    if intent["status"] != "requires_action" or waits(intent):
        raise invalid(f"The payment intent is {intent['status']}, and asks for no authentication.")
    method = books.find("payment_method", intent["payment_method"])
    if succeeds:
        return _approved(books, intent, _charge(books, intent, method, Answer()), method, Answer())
    return _failed(
        books,
        intent,
        method,
        "payment_intent_authentication_failure",
        "The provided PaymentMethod has failed authentication. You can provide payment_method_data or a new "
        "PaymentMethod to attempt to fulfill this PaymentIntent again.",
    )


def _failed(books: Books, intent: Object, method: Object, code: str, message: str) -> Object:
    """It failed before a charge was tried."""
    error = {
        "code": code,
        "doc_url": f"https://stripe.com/docs/error-codes/{code.replace('_', '-')}",
        "message": message,
        "payment_method": copy.deepcopy(method),
        "type": "invalid_request_error",
    }
    intent |= {"status": "requires_payment_method", "payment_method": None, "next_action": None,
               "last_payment_error": error}  # fmt: skip
    books.emit("payment_intent.payment_failed", intent)
    return intent


def cancel(books: Books, params: Params, id_: str) -> Object:
    intent = books.find("payment_intent", id_)
    if intent["status"] not in (*_OPEN, "requires_capture"):
        raise _unexpected(intent, "cancel")
    reason = params.text(
        "cancellation_reason", choices=("abandoned", "duplicate", "fraudulent", "requested_by_customer")
    )
    return canceled(books, intent, reason)


def canceled(books: Books, intent: Object, reason: str | None) -> Object:
    if intent["status"] == "requires_capture":
        charge = books.find("charge", intent["latest_charge"])
        charge |= {"refunded": True, "amount_refunded": charge["amount"]}
        books.emit("charge.refunded", charge)
    intent |= {"status": "canceled", "canceled_at": books.clock.second, "cancellation_reason": reason,
               "amount_capturable": 0, "next_action": None}  # fmt: skip
    books.emit("payment_intent.canceled", intent)
    return intent


def capture(books: Books, params: Params, id_: str) -> Object:
    intent = books.find("payment_intent", id_)
    if intent["status"] != "requires_capture":
        raise _unexpected(intent, "capture")
    charge = books.find("charge", intent["latest_charge"])
    taken = params.integer("amount_to_capture", charge["amount"], low=1, high=charge["amount"]) or 0
    charge |= {"captured": True, "amount_captured": taken, "amount_refunded": charge["amount"] - taken}
    _received(books, intent, charge, "charge.captured")
    return intent


def _unexpected(intent: Object, verb: str, why: str = "") -> Exception:
    reason = why or f"it has a status of {intent['status']}"
    if not why and intent["status"] == "succeeded":
        reason = "it has already succeeded after being previously confirmed"
    problem = invalid(
        f"You cannot {verb} this PaymentIntent because {reason}.", None, "payment_intent_unexpected_state", kept=True
    )
    problem.error["payment_intent"] = copy.deepcopy(intent)
    return problem
