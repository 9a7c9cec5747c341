"""Failure codes in plain words, as sales people read them.

Codes are Stripe's decline codes and error codes (docs.stripe.com/declines/codes); shops' gateways use a few of them.
"""

from __future__ import annotations

REASONS = {
    "authentication_required": "customer needed: the bank asks for authentication",
    "approve_with_id": "the bank could not authorise it",
    "blocked": "blocked as fraud",
    "call_issuer": "declined by the bank, which gives no reason",
    "card_declined": "declined by the bank",
    "card_not_supported": "the card does not support this purchase",
    "card_velocity_exceeded": "over the card's limit",
    "currency_not_supported": "the card does not support this currency",
    "do_not_honor": "declined by the bank, which gives no reason",
    "expired_card": "the card has expired",
    "fraudulent": "blocked as fraud",
    "generic_decline": "declined by the bank, which gives no reason",
    "highest_risk_level": "blocked as fraud",
    "incorrect_cvc": "wrong security code",
    "incorrect_number": "wrong card number",
    "incorrect_zip": "wrong postal code",
    "insufficient_funds": "insufficient funds",
    "invalid_account": "the account is invalid",
    "invalid_expiry_month": "wrong expiry month",
    "invalid_expiry_year": "wrong expiry year",
    "issuer_not_available": "the bank could not be reached",
    "lost_card": "the card is reported lost",
    "merchant_blacklist": "blocked as fraud",
    "pickup_card": "the card may not be used",
    "processing_error": "an error while processing",
    "restricted_card": "the card may not be used",
    "stolen_card": "the card is reported stolen",
    "stop_payment_order": "stopped by the customer's bank",
    "transaction_not_allowed": "the bank does not allow it",
    "withdrawal_count_limit_exceeded": "over the card's limit",
}


def reason(code: str | None, message: str | None) -> str | None:
    """The plain reason for a failure: by its code, else in the provider's own words."""
    if code is None:
        return message
    return REASONS.get(code) or message or code.replace("_", " ")


def sentence(reason: str | None) -> str:
    """Why a payment failed, for a person to read."""
    told = (reason or "the payment system gave no reason").strip().rstrip(".")
    return f"The payment failed: {told}."
