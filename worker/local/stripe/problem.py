"""Stripe's errors, as it words and shapes them (docs.stripe.com/api/errors)."""

from __future__ import annotations

from typing import Any


class Problem(Exception):
    """An error answer. `kept`: whether an idempotency key remembers it, which it does once the work had begun."""

    def __init__(
        self, status: int, error: dict[str, Any], *, kept: bool = False, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(error.get("message"))
        self.status, self.error, self.kept, self.headers = status, error, kept, headers or {}


def invalid(message: str, param: str | None = None, code: str | None = None, *, kept: bool = False) -> Problem:
    """A parameter that is wrong: nothing was done."""
    error: dict[str, Any] = {"message": message, "type": "invalid_request_error"}
    if code:
        error |= {"code": code, "doc_url": _doc(code)}
    if param:
        error["param"] = param
    return Problem(400, error, kept=kept)


def missing(kind: str, id_: str, param: str | None = None) -> Problem:
    """No such object: 404 where the address names it, 400 where a parameter does."""
    error = {
        "code": "resource_missing",
        "doc_url": _doc("resource_missing"),
        "message": f"No such {kind}: '{id_}'",
        "param": param or "id",
        "type": "invalid_request_error",
    }
    return Problem(400 if param else 404, error)


def declined(error: dict[str, Any], intent: dict[str, Any] | None) -> Problem:
    """A payment that was refused; `intent` is the payment intent as it is now."""
    return Problem(402, {**error, **({"payment_intent": intent} if intent else {})}, kept=True)


def card_error(
    code: str,
    message: str,
    *,
    decline_code: str | None,
    advice_code: str | None,
    network_decline_code: str | None,
    network_advice_code: str | None,
    charge: str | None,
    payment_method: dict[str, Any] | None,
) -> dict[str, Any]:
    """The error of a decline, which is also a payment intent's `last_payment_error`."""
    found = {
        "advice_code": advice_code,
        "charge": charge,
        "code": code,
        "decline_code": decline_code,
        "doc_url": _doc(code),
        "message": message,
        "network_advice_code": network_advice_code,
        "network_decline_code": network_decline_code,
        "payment_method": payment_method,
        "type": "card_error",
    }
    return {name: value for name, value in found.items() if value is not None}


def key_in_use(key: str) -> Problem:
    return Problem(
        409,
        {
            "code": "idempotency_key_in_use",
            "doc_url": _doc("idempotency_key_in_use"),
            "message": "There is currently another in-progress request using this Idempotent Key (that probably means "
            f"you submitted twice, and the other request is still going through): {key}. Please try again later.",
            "type": "idempotency_error",
        },
    )


def other_parameters(key: str) -> Problem:
    return Problem(
        400,
        {
            "message": "Keys for idempotent requests can only be used with the same parameters they were first used "
            f"with. Try using a key other than '{key}' if you meant to execute a different request.",
            "type": "idempotency_error",
        },
    )


def limited(code: str, retry_after_s: int | None) -> Problem:
    message = (
        "This object cannot be accessed right now because another API request or Stripe process is currently "
        "accessing it."
        if code == "lock_timeout"
        else "Request rate limit exceeded."
    )
    return Problem(
        429,
        {"code": code, "doc_url": _doc(code), "message": message, "type": "invalid_request_error"},
        headers={} if retry_after_s is None else {"Retry-After": str(retry_after_s)},
    )


def broken() -> Problem:
    return Problem(500, {"message": "An unknown error occurred", "type": "api_error"}, kept=True)


def unauthorized(message: str) -> Problem:
    return Problem(401, {"message": message, "type": "invalid_request_error"}, headers={"WWW-Authenticate": "Basic"})


def _doc(code: str) -> str:
    return f"https://stripe.com/docs/error-codes/{code.replace('_', '-')}"
