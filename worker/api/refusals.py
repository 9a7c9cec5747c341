"""What a rule's refusal is over HTTP: one place that turns the exceptions of the inner rooms into problems."""

from __future__ import annotations

from aiohttp import web
from pydantic import ValidationError

from handlers.errors import Locked, Refused
from worker.errors import Transient, UserError, classify
from worker.problems import problem

RETRY_AFTER_S = 2
STATUSES = {
    "invalid": 422,
    "contact_unknown": 422,
    "template_unknown": 422,
    "currency_mismatch": 422,
    "offer_archived": 422,
    "partial_payment": 422,
    "not_found": 404,
    "version": 412,
    "permission_missing": 403,
    "not_owner": 403,
    "registry_off": 403,
    "stripe_silent": 503,
}
"""By code. One that ends in `_unknown` names what is not there (422); any other is a conflict with what is."""
_FIELD_LIMIT, _ERRORS_LIMIT = 200, 100


def refusal(error: Exception) -> web.Response | None:
    """The problem for an exception that is an answer, or None where it is a fault of ours."""
    if isinstance(error, Locked):
        return problem(
            409,
            f"Stripe manages this order: {', '.join(error.fields)} cannot be changed here. Change it at Stripe.",
            code="locked",
            errors=[{"field": field, "message": "managed by Stripe"} for field in error.fields],
            locked_fields=list(error.fields),
        )
    if isinstance(error, Refused):
        return _refused(error)
    if isinstance(error, UserError):  # a store's refusal; those of a field say which
        code = getattr(error, "code", "invalid")
        field = getattr(error, "field", None)
        errors = [{"field": field, "message": error.message}] if field else []
        return problem(STATUSES.get(code, 409), str(error), code=code, errors=errors)
    if isinstance(classify(error), Transient):
        return problem(
            503,
            f"The database could not answer at this moment. Send it again in {RETRY_AFTER_S} s.",
            headers={"Retry-After": str(RETRY_AFTER_S)},
        )
    return None


def _refused(error: Refused) -> web.Response:
    fields = getattr(error, "fields", ()) or ((error.field,) if error.field else ())
    more = {name: value for name in ("order_id", "contact_id", "permission") if (value := getattr(error, name, None))}
    return problem(
        STATUSES.get(error.code, 422 if error.code.endswith("_unknown") else 409),
        f"{error.message} {error.remedy}".strip(),
        code=error.code,
        errors=[{"field": field, "message": error.message} for field in fields],
        **more,
    )


def invalid(error: ValidationError, where: str) -> web.Response:
    """What pydantic found wrong with the `body` or the `query`. The values themselves are never repeated."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    if where == "body" and any(entry["type"] == "json_invalid" for entry in found):
        return problem(
            400, f"The body is not JSON: {found[0]['msg'].removeprefix('Invalid JSON: ')}. Send a JSON object."
        )
    errors = [
        {
            "field": ".".join(str(part) for part in entry["loc"])[:_FIELD_LIMIT] or where,
            "in": where,
            "message": entry["msg"].removeprefix("Value error, "),
        }
        for entry in found[:_ERRORS_LIMIT]
    ]
    named = ", ".join(dict.fromkeys(entry["field"] for entry in errors[:5]))
    return problem(422, f"The {where} is not as it should be: see {named}.", code="invalid", errors=errors)
