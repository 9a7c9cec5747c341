"""A whole answer of Stripe's, read: which outcome it is (docs.stripe.com/api/errors)."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

from worker.outside.outcome import Conflict, Declined, Limited, Outcome, Problem, Refused, Succeeded, Unknown
from worker.outside.stripe_wire import Heard

_BODY = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal)
_PROBLEMS: Mapping[int, Problem] = {400: "invalid", 401: "authentication", 403: "permission", 404: "missing"}


def outcome_of(heard: Heard) -> Outcome:
    """An answer that is not of Stripe's own form (a proxy's page, say) says nothing of what was done: Unknown."""
    about: dict[str, Any] = {
        "request_id": heard.headers.get("request-id"),
        "replayed": heard.headers.get("idempotent-replayed") == "true",
    }
    try:
        body = _BODY.decode(heard.body)
    except (msgspec.DecodeError, RecursionError):
        body = {}
    error = body.get("error")
    if 200 <= heard.status < 300 and error is None and (body.get("object") or body.get("deleted")):
        return Succeeded(body, **about)
    if not isinstance(error, dict) or not isinstance(error.get("type"), str):
        return Unknown(f"Stripe answered {heard.status} with nothing that can be read", heard.status, **about)
    return _failed(heard, error, about)


def _failed(heard: Heard, error: dict[str, Any], about: dict[str, Any]) -> Outcome:
    status, kind, code = heard.status, error["type"], _text(error.get("code"))
    message = _text(error.get("message")) or kind.replace("_", " ")
    intent = error.get("payment_intent")
    intent = intent if isinstance(intent, dict) else None
    if status == 429 or code in ("rate_limit", "lock_timeout"):
        return Limited(message, _seconds(heard.headers.get("retry-after", "")), **about)
    if status == 409:
        return Conflict("in_flight", message, **about)
    if kind == "idempotency_error" and status == 400:
        return Conflict("other_parameters", message, **about)
    if status == 402 or (kind == "card_error" and 400 <= status < 500):
        method = error.get("payment_method")
        return Declined(
            code=code,
            decline_code=_text(error.get("decline_code")),
            advice_code=_text(error.get("advice_code")),
            message=message,
            network_decline_code=_text(error.get("network_decline_code")),
            network_advice_code=_text(error.get("network_advice_code")),
            payment_intent_id=_text(intent.get("id")) if intent else None,
            charge_id=_text(error.get("charge")),
            payment_method_id=_text(method.get("id")) if isinstance(method, dict) else None,
            payment_intent=intent,
            **about,
        )
    if status in _PROBLEMS:
        return Refused(_PROBLEMS[status], message, code, _text(error.get("param")), intent, **about)
    return Unknown(f"Stripe answered {status}", status, **about)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _seconds(text: str) -> float | None:
    """Seconds of a Retry-After. Stripe sends no dates."""
    return float(text) if text.isascii() and text.isdigit() and len(text) < 7 else None
