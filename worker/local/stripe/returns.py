"""Money that goes back: refunds, which Daybook may ask for, and disputes, which customers open."""

from __future__ import annotations

import copy

from worker.local.stripe import objects
from worker.local.stripe.books import Books
from worker.local.stripe.form import Params
from worker.local.stripe.objects import Object
from worker.local.stripe.problem import invalid

_REASONS = ("duplicate", "fraudulent", "requested_by_customer")
DISPUTE_FEE = 1500


def create_refund(books: Books, params: Params) -> Object:
    charge = _charge(books, params)
    if not charge["captured"]:
        raise invalid(f"Charge {charge['id']} has not been captured.", kept=True)
    open_amount = charge["amount_captured"] - charge["amount_refunded"]
    if open_amount <= 0:
        raise invalid(f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded", kept=True)
    amount = params.integer("amount", open_amount, low=1) or 0
    if amount > open_amount:
        raise invalid(
            f"Refund amount ({amount}) is greater than unrefunded amount on charge ({open_amount})", "amount", kept=True
        )
    reason = params.text("reason", choices=_REASONS)
    refund = books.add(_refund(books.new_id("refund"), books.clock.second, charge, amount, reason, params.metadata()))
    if charge["payment_method_details"]["type"] != "card":
        refund |= {"status": "pending", "destination_details": {"type": charge["payment_method_details"]["type"]}}
    refund["balance_transaction"] = _moved(books, "refund", -amount, refund["id"], charge["currency"])
    before = {"amount_refunded": charge["amount_refunded"], "refunded": charge["refunded"]}
    _count(charge, amount)
    books.emit("refund.created", refund)
    books.emit("charge.refunded", charge, before)
    if refund["status"] == "succeeded":
        refund["destination_details"]["card"]["reference"] = refund["id"][-10:]
        refund["destination_details"]["card"]["reference_status"] = "available"
        books.emit("refund.updated", refund)
    return refund


def settle_refund(books: Books, id_: str, *, succeeds: bool) -> Object:
    """The late result of a refund. One that had succeeded may fail yet: the customer's bank sends the money back."""
    refund = books.find("refund", id_)
    if refund["status"] not in ("pending", "succeeded") or (succeeds and refund["status"] == "succeeded"):
        raise invalid(f"The refund is {refund['status']}.")
    before = {"status": refund["status"]}
    if succeeds:
        refund["status"] = "succeeded"
        books.emit("refund.updated", refund, before)
        return refund
    charge = books.find("charge", refund["charge"])
    _count(charge, -refund["amount"])
    refund |= {
        "status": "failed",
        "failure_reason": "unknown",
        "failure_balance_transaction": _moved(
            books, "refund_failure", refund["amount"], refund["id"], charge["currency"]
        ),
    }
    books.emit("refund.failed", refund, before)
    return refund


def update_refund(books: Books, params: Params, id_: str) -> Object:
    refund = books.find("refund", id_)
    refund["metadata"] = params.metadata(refund["metadata"])
    return refund


def open_dispute(books: Books, charge_id: str, *, amount: int | None = None, reason: str = "fraudulent") -> Object:
    charge = books.find("charge", charge_id)
    if charge["disputed"] or not charge["captured"]:
        raise invalid("The charge is disputed already, or no money was taken.")
    amount = charge["amount_captured"] if amount is None else amount
    dispute = books.add(_dispute(books.new_id("dispute"), books.clock.second, charge, amount, reason))
    charge["disputed"] = True
    books.emit("charge.dispute.created", dispute)
    _balance(books, dispute, -amount, DISPUTE_FEE)
    books.emit("charge.dispute.funds_withdrawn", dispute)
    return dispute


def close_dispute(books: Books, id_: str, *, won: bool) -> Object:
    dispute = books.find("dispute", id_)
    if dispute["status"] in ("won", "lost"):
        raise invalid(f"The dispute is {dispute['status']}.")
    before = {"status": dispute["status"]}
    dispute |= {"status": "won" if won else "lost"}
    books.emit("charge.dispute.closed", dispute, before)
    if won:
        _balance(books, dispute, dispute["amount"], -DISPUTE_FEE)
        books.emit("charge.dispute.funds_reinstated", dispute)
    return dispute


def _charge(books: Books, params: Params) -> Object:
    charge, intent = params.text("charge"), params.text("payment_intent")
    if (charge is None) == (intent is None):
        raise invalid("You must provide one of charge or payment_intent.", "charge", "parameter_missing")
    if charge:
        return books.find("charge", charge, "charge")
    found = books.find("payment_intent", str(intent), "payment_intent")
    latest = books.known(found["latest_charge"] or "")
    if latest is None or latest["status"] != "succeeded":
        raise invalid(
            f"This PaymentIntent ({intent}) does not have a successful charge to refund.", "payment_intent", kept=True
        )
    return latest


def _count(charge: Object, amount: int) -> None:
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] >= charge["amount"]


def _moved(books: Books, kind: str, amount: int, source: str, currency: str, fee: int = 0) -> str:
    made = objects.balance_transaction(
        books.new_id("balance_transaction"), books.clock.second, kind, amount, currency, source, fee
    )
    return str(books.add(made)["id"])


def _balance(books: Books, dispute: Object, amount: int, fee: int) -> None:
    id_ = _moved(books, "adjustment", amount, dispute["id"], dispute["currency"], fee)
    dispute["balance_transactions"].append(copy.deepcopy(books.find("balance_transaction", id_)))


# The objects


def _refund(id_: str, created: int, of: Object, amount: int, reason: str | None, metadata: dict[str, str]) -> Object:
    return {
        "id": id_,
        "object": "refund",
        "amount": amount,
        "balance_transaction": None,
        "charge": of["id"],
        "created": created,
        "currency": of["currency"],
        "destination_details": {
            "card": {
                "reference_status": "pending",
                "reference_type": "acquirer_reference_number",
                "type": "refund",
            },
            "type": "card",
        },
        "metadata": metadata,
        "payment_intent": of["payment_intent"],
        "reason": reason,
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": "succeeded",
        "transfer_reversal": None,
    }


def _dispute(id_: str, created: int, of: Object, amount: int, reason: str) -> Object:
    return {
        "id": id_,
        "object": "dispute",
        "amount": amount,
        "balance_transactions": [],
        "charge": of["id"],
        "created": created,
        "currency": of["currency"],
        "enhanced_eligibility_types": [],
        "evidence": dict.fromkeys(_EVIDENCE) | {"enhanced_evidence": {}},
        "evidence_details": {
            "due_by": created + 7 * 86_400,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
            "submission_method": "not_submitted",
        },
        "is_charge_refundable": False,
        "livemode": False,
        "metadata": {},
        "payment_intent": of["payment_intent"],
        "payment_method_details": {
            "card": {"brand": "visa", "case_type": "chargeback", "network": "visa", "network_reason_code": "10.4"},
            "type": "card",
        },
        "reason": reason,
        "status": "needs_response",
    }


_EVIDENCE = (
    "access_activity_log", "billing_address", "cancellation_policy", "cancellation_policy_disclosure",
    "cancellation_rebuttal", "customer_communication", "customer_email_address", "customer_name",
    "customer_purchase_ip", "customer_signature", "duplicate_charge_documentation", "duplicate_charge_explanation",
    "duplicate_charge_id", "product_description", "receipt", "refund_policy", "refund_policy_disclosure",
    "refund_refusal_explanation", "service_date", "service_documentation", "shipping_address", "shipping_carrier",
    "shipping_date", "shipping_documentation", "shipping_tracking_number", "uncategorized_file", "uncategorized_text",
)  # fmt: skip
