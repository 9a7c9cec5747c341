"""What the bank says to a card: the payment methods that Stripe has for tests, by name (docs.stripe.com/testing)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """`approve`; `decline` with codes; `authenticate`: the customer has to confirm it with the bank (off session that
    is a decline); `process`: the result comes later, as with Pix, boleto and bank debits (`settle`). `blocked`: by
    Stripe's own rules; `disputes`: it succeeds, and the customer disputes it at once."""

    kind: Literal["approve", "decline", "authenticate", "process"] = "approve"
    code: str = "card_declined"
    decline_code: str | None = None
    advice_code: str | None = None
    message: str = "Your card was declined."
    network_decline_code: str | None = None
    network_advice_code: str | None = None
    blocked: bool = False
    disputes: bool = False


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """`saves`: whether it can be attached to a customer; cards that decline always cannot."""

    type: str = "card"
    brand: str = "visa"
    last4: str = "4242"
    funding: str = "credit"
    country: str = "US"
    answer: Answer = Answer()
    saves: bool = True


_AGAIN, _NEVER, _CONFIRM = "try_again_later", "do_not_try_again", "confirm_card_data"
_DECLINES: Mapping[str, tuple[str, str, str | None, str | None]] = {
    # decline code: code, message, advice, the network's code
    "generic_decline": ("card_declined", "Your card was declined.", _AGAIN, "01"),
    "do_not_honor": ("card_declined", "Your card was declined.", _AGAIN, "05"),
    "insufficient_funds": ("card_declined", "Your card has insufficient funds.", _AGAIN, "51"),
    "lost_card": ("card_declined", "Your card was declined.", _NEVER, "41"),
    "stolen_card": ("card_declined", "Your card was declined.", _NEVER, "43"),
    "pickup_card": ("card_declined", "Your card was declined.", _NEVER, "04"),
    "fraudulent": ("card_declined", "Your card was declined.", _NEVER, "59"),
    "revocation_of_authorization": ("card_declined", "Your card was declined.", _NEVER, "R1"),
    "transaction_not_allowed": ("card_declined", "Your card does not support this type of purchase.", _NEVER, "57"),
    "card_velocity_exceeded": (
        "card_declined",
        "Your card was declined for making repeated attempts too frequently or exceeding its amount limit.",
        _AGAIN,
        "61",
    ),
    "issuer_not_available": ("card_declined", "Your card was declined.", _AGAIN, "91"),
    "expired_card": ("expired_card", "Your card has expired.", _CONFIRM, "54"),
    "incorrect_cvc": ("incorrect_cvc", "Your card's security code is incorrect.", _CONFIRM, "N7"),
    "incorrect_number": ("incorrect_number", "Your card number is incorrect.", _CONFIRM, "14"),
    "processing_error": (
        "processing_error",
        "An error occurred while processing your card. Try again in a little bit.",
        _AGAIN,
        "96",
    ),
}


def decline(decline_code: str = "generic_decline", advice_code: str | None = None) -> Answer:
    """A decline with its usual code, message and advice; `advice_code` in its place, `"none"` for none."""
    code, message, advice, network = _DECLINES.get(
        decline_code, ("card_declined", "Your card was declined.", None, None)
    )
    return Answer(
        kind="decline",
        code=code,
        decline_code=decline_code,
        message=message,
        advice_code=None if advice_code == "none" else advice_code or advice,
        network_decline_code=network,
        network_advice_code={_AGAIN: "02", _NEVER: "03", _CONFIRM: "01"}.get(advice_code or advice or ""),
    )


_AUTHENTICATE = Answer(
    kind="authenticate",
    code="authentication_required",
    decline_code="authentication_required",
    message="Your card was declined. This transaction requires authentication.",
)
_BLOCKED = Answer(
    kind="decline", decline_code="fraudulent", message="Your card was declined.", advice_code=_NEVER, blocked=True
)

CARDS: Mapping[str, Card] = {
    "pm_card_visa": Card(),
    "pm_card_visa_debit": Card(last4="5556", funding="debit"),
    "pm_card_mastercard": Card(brand="mastercard", last4="4444"),
    "pm_card_amex": Card(brand="amex", last4="8431"),
    "pm_card_br": Card(last4="0002", country="BR"),
    "pm_card_visa_chargeDeclined": Card(last4="0002", answer=decline(), saves=False),
    "pm_card_visa_chargeDeclinedInsufficientFunds": Card(
        last4="9995", answer=decline("insufficient_funds"), saves=False
    ),
    "pm_card_visa_chargeDeclinedLostCard": Card(last4="9987", answer=decline("lost_card"), saves=False),
    "pm_card_visa_chargeDeclinedStolenCard": Card(last4="9979", answer=decline("stolen_card"), saves=False),
    "pm_card_visa_chargeDeclinedVelocityLimitExceeded": Card(
        last4="6975", answer=decline("card_velocity_exceeded"), saves=False
    ),
    "pm_card_chargeDeclinedExpiredCard": Card(last4="0069", answer=decline("expired_card"), saves=False),
    "pm_card_chargeDeclinedIncorrectCvc": Card(last4="0127", answer=decline("incorrect_cvc"), saves=False),
    "pm_card_chargeDeclinedProcessingError": Card(last4="0119", answer=decline("processing_error"), saves=False),
    "pm_card_radarBlock": Card(last4="0019", answer=_BLOCKED, saves=False),
    "pm_card_chargeCustomerFail": Card(last4="0341", answer=decline()),
    "pm_card_authenticationRequired": Card(last4="3184", answer=_AUTHENTICATE),
    "pm_card_threeDSecure2Required": Card(last4="3220", answer=_AUTHENTICATE),
    "pm_card_createDispute": Card(last4="0259", answer=Answer(disputes=True)),
    # Stripe has no payment methods of this kind by name: these are the stand-in's.
    "pm_stand_in_pix": Card(type="pix", answer=Answer(kind="process")),
    "pm_stand_in_boleto": Card(type="boleto", answer=Answer(kind="process")),
    "pm_stand_in_sepa_debit": Card(type="sepa_debit", answer=Answer(kind="process")),
}
# Names that older pages and libraries use for the same cards.
ALIASES: Mapping[str, str] = {
    "pm_card_chargeDeclined": "pm_card_visa_chargeDeclined",
    "pm_card_chargeDeclinedInsufficientFunds": "pm_card_visa_chargeDeclinedInsufficientFunds",
    "pm_card_visa_chargeDeclinedExpiredCard": "pm_card_chargeDeclinedExpiredCard",
    "pm_card_visa_chargeDeclinedIncorrectCvc": "pm_card_chargeDeclinedIncorrectCvc",
    "pm_card_visa_chargeDeclinedProcessingError": "pm_card_chargeDeclinedProcessingError",
}
NUMBERS: Mapping[str, str] = {
    "4242424242424242": "pm_card_visa",
    "4000000000000002": "pm_card_visa_chargeDeclined",
    "4000000000009995": "pm_card_visa_chargeDeclinedInsufficientFunds",
    "4000000000009987": "pm_card_visa_chargeDeclinedLostCard",
    "4000000000009979": "pm_card_visa_chargeDeclinedStolenCard",
    "4000000000000069": "pm_card_chargeDeclinedExpiredCard",
    "4000000000000127": "pm_card_chargeDeclinedIncorrectCvc",
    "4000000000000119": "pm_card_chargeDeclinedProcessingError",
    "4000000000000341": "pm_card_chargeCustomerFail",
    "4000002760003184": "pm_card_authenticationRequired",
    "4000000000003220": "pm_card_threeDSecure2Required",
}


def card_of(name: str) -> Card | None:
    """By its name (`pm_card_visa`), its token (`tok_visa`) or its number."""
    name = NUMBERS.get(name.replace(" ", ""), name)
    if name.startswith("tok_"):
        name = f"pm_card_{name.removeprefix('tok_')}"
    return CARDS.get(ALIASES.get(name, name))
