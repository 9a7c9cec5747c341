"""What becomes of a recurring order and of its attempts (C1-C6)."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers import attempts, declines, recurring
from handlers.errors import Refused
from schemas.order import PaymentRow
from schemas.recurring import AttemptKind, AttemptState, Interval, IntervalUnit, Outcome, Recurring, RecurringStatus
from tests.unit.test_schedule import local

SECOND, DAY = 1_000_000, 86_400_000_000
INTERVALS_S = (86_400, 259_200)
START = local("2026-01-31 09:00", "UTC")
PAID = Outcome(state=AttemptState.SUCCEEDED)
SOFT = Outcome(state=AttemptState.DECLINED, code="insufficient_funds")
HARD = Outcome(state=AttemptState.DECLINED, code="stolen_card", final=True)
REFUSED = Outcome(state=AttemptState.ABANDONED, refused=True, reason="no such customer")
PENDING, ACTIVE, PROCESSING, PAUSED, COMPLETED, FAILED = RecurringStatus


def plan(**fields: object) -> Recurring:
    given_ = {
        "status": PENDING, "anchor_at": START, "interval": Interval(IntervalUnit.MONTH, 1), "timezone": "UTC",
        "next_payment_at": START, **fields,
    }  # fmt: skip
    return Recurring(**given_)  # type: ignore[arg-type]


def armed(found: Recurring, now: int) -> Recurring:
    return recurring.armed(found, "attempt", found.order_id or "order", recurring.to_arm(found, now), now)


def after(found: Recurring, outcome: Outcome, now: int, kind: AttemptKind = AttemptKind.SCHEDULED) -> Recurring:
    return recurring.settled(
        found, outcome, kind=kind, cycle=found.cycle, current=True, now=now, intervals_s=INTERVALS_S
    )


def charged(found: Recurring, outcome: Outcome, now: int, kind: AttemptKind = AttemptKind.SCHEDULED) -> Recurring:
    return after(armed(found, now), outcome, now, kind)


def test_C1_it_is_pending_until_its_first_payment_has_succeeded() -> None:
    assert armed(plan(), START).status is PENDING
    assert charged(plan(), SOFT, START).status is PENDING
    assert charged(plan(), PAID, START).status is ACTIVE


def test_C2_after_a_payment_the_next_due_date_is_next() -> None:
    found = charged(plan(), PAID, START + 5 * SECOND)
    assert found.next_payment_at == local("2026-02-28 09:00", "UTC") == found.due_at
    found = charged(found, PAID, local("2026-02-28 09:01", "UTC"))
    assert (found.next_payment_at, found.payments_made) == (local("2026-03-31 09:00", "UTC"), 2)


def test_C3_two_more_attempts_follow_at_the_intervals_then_it_has_failed() -> None:
    now = START
    found = charged(plan(status=ACTIVE), SOFT, now)
    assert (found.status, found.due_at) == (ACTIVE, now + 86_400 * SECOND)
    now = found.due_at or 0
    found = charged(found, SOFT, now)
    assert (found.status, found.due_at) == (ACTIVE, now + 259_200 * SECOND)
    found = charged(found, SOFT, found.due_at or 0)
    assert (found.status, found.due_at, found.failure_code) == (FAILED, None, "insufficient_funds")
    assert found.next_payment_at is None


def test_C3_a_hard_decline_fails_at_once() -> None:
    assert charged(plan(status=ACTIVE), HARD, START).status is FAILED


def test_C3_a_try_by_hand_uses_up_none_of_the_retries() -> None:
    found = charged(plan(status=ACTIVE), SOFT, START)
    for _ in range(5):
        found = charged(found, SOFT, START + SECOND, AttemptKind.MANUAL)
    assert (found.status, found.tries) == (ACTIVE, 1)
    assert charged(found, HARD, START + SECOND, AttemptKind.METHOD).status is FAILED


def test_C3_what_stripe_refuses_to_try_is_no_failed_try_and_is_asked_less_and_less_often() -> None:
    found, pauses = plan(status=ACTIVE), []
    for _ in range(5):
        found = charged(found, REFUSED, START)
        pauses.append(((found.due_at or 0) - START) // (3600 * SECOND))
    assert (found.status, found.tries, pauses) == (ACTIVE, 0, [1, 4, 16, 24, 24])


def test_C4_several_dates_missed_in_a_pause_are_one_charge_and_the_schedule_keeps_its_anchor() -> None:
    found = recurring.paused(charged(plan(), PAID, START), START + DAY, sent=False)
    assert found.due_at is None
    now = local("2026-05-20 12:00", "UTC")
    found = recurring.activated(found)
    assert found.due_at is not None
    assert found.due_at <= now
    assert recurring.to_arm(found, now) == 3, "30 April is the last that was missed"
    found = charged(found, PAID, now)
    assert (found.due_at, found.payments_made) == (local("2026-05-31 09:00", "UTC"), 2)


def test_C4_a_pause_before_the_first_payment_leads_back_to_pending() -> None:
    found = recurring.paused(plan(), START, sent=False)
    assert found.status is PAUSED
    assert recurring.activated(found) == plan()


@pytest.mark.parametrize(("outcome", "expected"), [(PAID, PAUSED), (SOFT, PAUSED), (HARD, FAILED), (REFUSED, PAUSED)])
def test_C4_a_pause_while_processing_takes_effect_after_the_outcome(
    outcome: Outcome, expected: RecurringStatus
) -> None:
    found = recurring.paused(armed(plan(status=ACTIVE), START), START, sent=True)
    assert (found.status, found.after_outcome) == (PROCESSING, PAUSED)
    found = after(found, outcome, START)
    assert (found.status, found.due_at, found.after_outcome) == (expected, None, None)


def test_C4_what_was_armed_and_not_sent_is_taken_back_by_a_pause_and_due_again_on_activation() -> None:
    found = recurring.paused(armed(plan(status=ACTIVE), START), START + SECOND, sent=False)
    assert (found.status, found.attempt_id, found.order_id) == (PAUSED, None, "order")
    assert recurring.activated(msgspec.structs.replace(found, payments_made=1)).due_at == START + SECOND


@pytest.mark.parametrize("outcome", [PAID, SOFT, HARD, REFUSED])
def test_C4_complete_while_processing_takes_effect_after_the_outcome_whatever_it_is(outcome: Outcome) -> None:
    found = recurring.completed(armed(plan(status=ACTIVE), START), START, sent=True)
    assert found.status is PROCESSING
    found = after(found, outcome, START)
    assert (found.status, found.due_at, found.next_payment_at) == (COMPLETED, None, None)


def test_C4_completed_and_failed_are_final() -> None:
    for found in (recurring.completed(plan(), START, sent=False), charged(plan(), HARD, START)):
        for verb in (lambda it: recurring.paused(it, START, sent=False), recurring.activated):
            with pytest.raises(Refused, match="cannot be"):
                verb(found)
        with pytest.raises(Refused):
            recurring.check_try(found, START)


def test_C5_after_the_last_payment_it_is_completed_by_itself() -> None:
    found = plan(total_payments=2)
    found = charged(found, PAID, START)
    assert (found.status, found.payments_remaining) == (ACTIVE, 1)
    found = armed(found, local("2026-02-28 09:00", "UTC"))
    assert found.next_payment_at is None, "no more comes"
    found = after(found, PAID, local("2026-02-28 09:00", "UTC"))
    assert (found.status, found.payments_remaining, found.due_at) == (COMPLETED, 0, None)


def test_C6_money_that_comes_after_a_decline_counts_and_no_further_try_is_made() -> None:
    found = charged(plan(status=ACTIVE, total_payments=3), SOFT, START)
    late = recurring.settled(
        found, PAID, kind=AttemptKind.SCHEDULED, cycle=0, current=False, now=START + DAY, intervals_s=INTERVALS_S
    )
    assert (late.status, late.order_id, late.payments_made) == (ACTIVE, None, 1)
    assert late.due_at == local("2026-02-28 09:00", "UTC")


def test_C6_only_what_is_due_is_tried_by_hand() -> None:
    with pytest.raises(Refused, match="Nothing is due"):
        recurring.check_try(charged(plan(), PAID, START), START + DAY)
    recurring.check_try(charged(plan(), SOFT, START), START + DAY)
    with pytest.raises(Refused, match="under way"):
        recurring.check_try(armed(plan(), START), START)


@pytest.mark.parametrize(
    ("code", "advice", "final"),
    [
        ("insufficient_funds", None, False),
        ("insufficient_funds", "do_not_try_again", True),
        ("stolen_card", "try_again_later", False),
        ("expired_card", "confirm_card_data", True),
        ("authentication_required", None, True),
        ("do_not_honor", None, False),
        (None, None, False),
    ],
)
def test_C3_stripes_advice_goes_before_the_code_of_a_decline(code: str | None, advice: str | None, final: bool) -> None:
    assert declines.is_final(code, advice) is final
    row = PaymentRow(key="stripe:pi_1", status="failed", amount=1, currency="BRL", failure_code=code, advice=advice)
    outcome = attempts.outcome_of(row)
    assert outcome is not None
    assert (outcome.state, outcome.final) == (AttemptState.DECLINED, final)


@pytest.mark.parametrize("status", ["pending", "processing"])
def test_C6_what_is_not_final_settles_nothing(status: str) -> None:
    assert attempts.outcome_of(PaymentRow(key="stripe:pi_1", status=status, amount=1, currency="BRL")) is None


def test_C6_no_key_is_sent_again_after_twenty_hours() -> None:
    assert attempts.is_young(1000.0, 1000.0 + 20 * 3600 - 1)
    assert not attempts.is_young(1000.0, 1000.0 + 20 * 3600)
    assert attempts.key("a", "make", 1) != attempts.key("a", "make", 2)
    assert attempts.key("a", "make", 1) != attempts.key("a", "confirm", 1)


def test_C6_an_attempt_that_has_succeeded_stays_so_and_none_is_ever_opened_again() -> None:
    assert attempts.MOVES[AttemptState.SUCCEEDED] == ()
    for state, moves in attempts.MOVES.items():
        assert not (state not in attempts.OPEN and set(moves) & set(attempts.OPEN)), state


@dataclass
class Stripe:
    """Payment intents as Stripe keeps them: a confirm acts once, whatever is sent again."""

    paid: dict[str, int] = field(default_factory=dict)
    outcome: dict[str, Outcome] = field(default_factory=dict)

    def confirm(self, intent: str, cycle: int, outcome: Outcome) -> Outcome:
        first = self.outcome.setdefault(intent, outcome)
        if first is outcome and first.state is AttemptState.SUCCEEDED:
            self.paid.setdefault(intent, cycle)
        return self.outcome[intent]


steps = st.lists(
    st.tuples(
        st.sampled_from(["work", "crash", "webhook", "pause", "activate", "method", "complete"]),
        st.sampled_from([PAID, SOFT, SOFT, HARD]),
        st.integers(0, 45),
    ),
    max_size=40,
)


@given(steps, st.integers(1, 4))
def test_C6_whatever_happens_in_whatever_order_a_cycle_is_paid_once_at_most(
    story: list[tuple[str, Outcome, int]], total: int
) -> None:
    stripe, found, now, serial = Stripe(), plan(total_payments=total), START, 0
    open_: tuple[str, int, AttemptKind, bool] | None = None  # intent, cycle, kind, sent
    heard: list[tuple[str, int, AttemptKind]] = []

    def settle(intent: str, cycle: int, kind: AttemptKind) -> None:
        nonlocal found, open_
        current = open_ is not None and open_[0] == intent
        if not current:
            return  # settled before: attempts.MOVES lets nothing happen
        found = recurring.settled(
            found, stripe.outcome[intent], kind=kind, cycle=cycle, current=True, now=now, intervals_s=INTERVALS_S
        )
        open_ = None

    for what, outcome, days in story:
        now += days * DAY
        sent = open_ is not None and open_[3]
        if what in ("work", "crash") and open_ is None and found.due_at is not None and found.due_at <= now:
            serial += 1
            found = armed(found, now)
            open_ = (f"pi_{serial}", found.cycle, AttemptKind.SCHEDULED, False)
        if what in ("work", "crash") and open_ is not None:
            intent, cycle, kind, _ = open_
            open_ = (intent, cycle, kind, True)
            stripe.confirm(intent, cycle, outcome)
            heard.append((intent, cycle, kind))
            if what == "work":
                settle(intent, cycle, kind)
        elif what == "webhook":
            for intent, cycle, kind in reversed(heard):
                settle(intent, cycle, kind)
        elif what in ("pause", "complete") and found.status not in recurring.FINAL:
            verb = recurring.paused if what == "pause" else recurring.completed
            found = verb(found, now, sent=sent)
            open_ = open_ if sent else None
        elif what == "activate" and found.status not in recurring.FINAL:
            found = recurring.activated(found)
        elif what == "method" and open_ is None and found.order_id and found.status in (PENDING, ACTIVE):
            serial += 1
            found = armed(found, now)
            open_ = (f"pi_{serial}", found.cycle, AttemptKind.METHOD, False)
        cycles = list(stripe.paid.values())
        assert len(cycles) == len(set(cycles)), "a cycle was paid twice"
        assert len(cycles) - (open_ is not None) <= found.payments_made <= len(cycles) <= total
        assert (found.attempt_id is not None) == (open_ is not None)
        assert found.status is not PROCESSING or open_ is not None
        assert found.due_at is None or found.status in (PENDING, ACTIVE)


def test_C2_the_calendar_is_that_of_the_recurring_order() -> None:
    anchor = local("2026-10-31 23:30", "America/Sao_Paulo")
    found = charged(plan(anchor_at=anchor, next_payment_at=anchor, timezone="America/Sao_Paulo"), PAID, anchor)
    assert found.next_payment_at == local("2026-11-30 23:30", "America/Sao_Paulo")
