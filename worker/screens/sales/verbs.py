"""What a person may do to a recurring order as it stands, and what the screen says before it is done (C4)."""

from __future__ import annotations

import msgspec

from handlers import access, recurring
from handlers.errors import Refused
from handlers.recurring import Happening
from schemas.account import Actor, Permission
from schemas.order import ManagedBy
from schemas.recurring import RecurringStatus
from worker.screens import words
from worker.store.recurring_orders import RecurringOrder


class Verb(msgspec.Struct, frozen=True, kw_only=True):
    """`name` is the operation's; `text` says what will happen; `final`: it cannot be undone;
    `urgent`: something waits for it."""

    name: str
    label: str
    icon: str
    text: str
    done: str
    final: bool = False
    urgent: bool = False


def may_change(actor: Actor, found: RecurringOrder) -> bool:
    """Whether this recurring order is this person's to change. Stripe's own is nobody's here."""
    if found.managed_by == ManagedBy.STRIPE or not actor.may(Permission.RECURRING_MANAGE):
        return False
    try:
        access.check_write(actor, found.owner_id, "recurring orders")
    except Refused:
        return False
    return True


def verbs(found: RecurringOrder, now: int, *, stopped: bool, sent: bool) -> list[Verb]:
    """What may be done now. `stopped`: all charging is; `sent`: Stripe was asked for the charge under way."""
    offered = (_release(found), _charge(found, now, stopped=stopped), _activate(found), *_ends(found, sent=sent))
    return [verb for verb in offered if verb is not None]


def _release(found: RecurringOrder) -> Verb | None:
    if not found.plan.held:
        return None
    return Verb(
        name="release", label="Release", icon="lock-keyhole-open", urgent=True,
        done="Released: what is due is charged now.",
        text="It fell due while the order registry was off, so it waits for you. Once released it is charged within "
        "seconds, as one charge, however many dates have passed.",
    )  # fmt: skip


def _charge(found: RecurringOrder, now: int, *, stopped: bool) -> Verb | None:
    try:
        recurring.check_try(found.plan, now)
    except Refused:
        return None
    if stopped:
        return None
    amount = words.money(found.amount, found.currency or "")
    return Verb(
        name="charge", label="Charge now", icon="credit-card", urgent=True, done="The charge is under way.",
        text=f"{amount} is charged to the customer's payment method at once. It uses up none of the retries.",
    )  # fmt: skip


def _activate(found: RecurringOrder) -> Verb | None:
    if found.plan.status is RecurringStatus.PAUSED:
        return Verb(
            name="activate", label="Activate", icon="play", urgent=True, done="Activated.",
            text="It is charged again on its dates. A charge that fell due while paused is made within 10 minutes, and "
            "once, however many dates have passed.",
        )  # fmt: skip
    if found.plan.after_outcome is None:
        return None
    return Verb(
        name="activate", label="Keep charging", icon="undo-2", done="It goes on.",
        text=f"It was to be {found.plan.after_outcome} once the charge under way has ended. That is taken back.",
    )  # fmt: skip


def _ends(found: RecurringOrder, *, sent: bool) -> tuple[Verb | None, Verb | None]:
    """To pause and to complete it."""
    after = (
        " The charge under way was sent to Stripe: it comes to its end first."
        if sent
        else " A charge that was not sent yet is taken back."
        if found.plan.attempt_id
        else ""
    )
    paused, completed = RecurringStatus.PAUSED, RecurringStatus.COMPLETED
    pause = Verb(
        name="pause", label="Pause", icon="pause",
        done="It is paused once the charge under way has ended." if sent else "Paused.",
        text=f"Nothing is charged until you activate it again.{after}",
    )  # fmt: skip
    complete = Verb(
        name="complete", label="Complete early", icon="circle-check-big", final=True,
        done="It is completed once the charge under way has ended." if sent else "Completed.",
        text=f"It is charged no more, for good: this cannot be undone. The orders made so far stay as they are.{after}",
    )  # fmt: skip
    return (
        pause if _may(found, Happening.PAUSED, paused) else None,
        complete if _may(found, Happening.COMPLETED, completed) else None,
    )


def _may(found: RecurringOrder, happening: Happening, status: RecurringStatus) -> bool:
    wanted = found.plan.status is status or found.plan.after_outcome is status
    return recurring.may(found.plan, happening) and not wanted
