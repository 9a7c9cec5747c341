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

NEVER_AGAIN = frozenset(
    {
        "authentication_required", "blocked", "card_not_supported", "currency_not_supported", "expired_card",
        "fraudulent", "highest_risk_level", "incorrect_number", "invalid_account", "invalid_cvc",
        "invalid_expiry_month", "invalid_expiry_year", "invalid_number", "live_mode_test_card",
        "lost_card", "merchant_blacklist",
        "new_account_information_available", "no_action_taken", "not_permitted", "pickup_card", "pin_try_exceeded",
        "restricted_card", "revocation_of_all_authorizations", "revocation_of_authorization", "security_violation",
        "service_not_allowed", "stolen_card", "stop_payment_order", "testmode_decline", "transaction_not_allowed",
    }
)  # fmt: skip
"""Declines after which the same payment method is never tried again (docs.stripe.com/declines/codes)."""


def is_final(code: str | None, advice: str | None) -> bool:
    """Whether a decline is one that is never to be retried (C3). `advice`: Stripe's advice code, which goes first."""
    if advice in ("do_not_try_again", "try_again_later"):
        return advice == "do_not_try_again"
    return code in NEVER_AGAIN


def reason(code: str | None, message: str | None) -> str | None:
    """The plain reason for a failure: by its code, else in the provider's own words."""
    if code is None:
        return message
    return REASONS.get(code) or message or code.replace("_", " ")


def sentence(reason: str | None) -> str:
    """Why a payment failed, for a person to read."""
    told = (reason or "the payment system gave no reason").strip().rstrip(".")
    return f"The payment failed: {told}."
