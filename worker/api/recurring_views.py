"""Recurring orders from rows to what the API says of them."""

from __future__ import annotations

from datetime import datetime

import msgspec

from handlers.reading import moment
from schemas.api.recurring_order import ChargeAttemptBody, RecurringOrderBody
from schemas.recurring import RecurringStatus
from worker.store.charge_attempts import Attempt
from worker.store.recurring_orders import RecurringOrder

_SHOWN = frozenset(RecurringOrderBody.model_fields)


def body(found: RecurringOrder) -> RecurringOrderBody:
    plan = found.plan
    given = {**msgspec.structs.asdict(plan), **msgspec.structs.asdict(found)}
    return RecurringOrderBody.model_validate(
        {
            **{name: value for name, value in given.items() if name in _SHOWN},
            "items": list(found.items),
            "interval": msgspec.to_builtins(plan.interval),
            "first_payment_at": moment(plan.anchor_at),
            "payments_remaining": plan.payments_remaining,
            "next_payment_at": _moment(plan.next_payment_at),
            "next_attempt_at": _moment(plan.retry_at),
            "pausing": plan.after_outcome is RecurringStatus.PAUSED,
            "completing": plan.after_outcome is RecurringStatus.COMPLETED,
            "completed_at": _moment(plan.completed_at),
            "failed_at": _moment(plan.failed_at),
        }
    )


def attempt(found: Attempt) -> ChargeAttemptBody:
    given = msgspec.structs.asdict(found)
    shown = {name: given[name] for name in ChargeAttemptBody.model_fields if name in given}
    return ChargeAttemptBody.model_validate(
        {**shown, "cycle": found.cycle + 1, "failure_code": found.code, "failure_reason": found.reason}
    )


def _moment(at: int | None) -> datetime | None:
    return None if at is None else moment(at)
