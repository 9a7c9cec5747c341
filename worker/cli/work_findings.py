"""What `daybook doctor` says of the work: events, lanes, the feed, charges."""

from __future__ import annotations

from datetime import datetime

from worker.cli.finding import Finding, failure, ok, warning
from worker.screens import words
from worker.store import deliveries, health, lanes, recurring_orders
from worker.store.health import Health

FEED_LATE_S = 300.0
UNKNOWN_LATE_S = 900.0


def work_findings(found: Health) -> list[Finding]:
    """Whether anyone works, and what is left undone."""
    findings = []
    if found.alive:
        findings.append(ok(f"{found.alive} {'worker is' if found.alive == 1 else 'workers are'} alive"))
    else:
        last = f"; the last was heard of {words.ago(found.last_beat, found.now)}" if found.last_beat else ""
        findings.append(
            failure(
                f"No worker is alive{last}",
                "Start one with `daybook work`. `daybook up` keeps one itself: logs/work.log in the data directory "
                "says why it does not. Events are kept meanwhile.",
            )
        )
    if found.overdue:
        age = words.age(found.overdue_since, found.now)
        findings.append(
            failure(
                f"{_many(found.overdue)} overdue, the oldest for {age} ({found.overdue_event})",
                "Workers are alive but do not get to them. If Valkey is well below, a worker hangs (its log is "
                "logs/work.log; start it again, nothing is lost) or there are too few (start more `daybook work`)."
                if found.alive
                else "They are applied by themselves once a worker runs.",
            )
        )
    else:
        findings.append(ok("No event is overdue"))
    if found.dead:
        findings.append(
            warning(f"{_many(found.dead)} dead", "See their reasons on the overview, mend the cause, then replay them.")
        )
    else:
        findings.append(ok("No event is dead"))
    return findings


def paused_lane(found: lanes.Paused, now: datetime) -> Finding:
    """A lane that waits because somebody wants it to: no fault, and not to be forgotten."""
    held = f"{found.held:,}{'+' if found.held >= lanes.HELD_LIMIT else ''} {'event' if found.held == 1 else 'events'}"
    return warning(
        f"The lane {found.lane} of the account {found.account} has been paused for {words.age(found.at, now)} by "
        f"{found.by}, and holds {held}",
        f"Once it may go on: Resume on the screen Lanes, or POST /api/v1/lanes/{found.lane}/resume.",
    )


def feed_findings(found: deliveries.Backlog) -> list[Finding]:
    """What subscribers of the feed are not told, where there is anything to say."""
    findings = []
    if found.overdue_s > FEED_LATE_S:
        findings.append(
            warning(
                f"A subscriber of the feed has waited {words.duration(found.overdue_s)} for an attempt that is due",
                "See that workers run; else it is too slow: its deliveries say why. Nothing is lost meanwhile.",
            )
        )
    if found.dead:
        findings.append(
            warning(
                f"{found.dead:,} of the feed's messages {'was' if found.dead == 1 else 'were'} given up",
                "GET /api/v1/subscribers and their deliveries with state=dead say why; mend the receiver, then POST "
                "retry-dead.",
            )
        )
    if found.disabled:
        findings.append(
            warning(
                f"{found.disabled:,} of the feed's subscribers {'is' if found.disabled == 1 else 'are'} disabled",
                "It answered 410: remove it, or mend it and POST activate.",
            )
        )
    return findings


def charging_findings(found: recurring_orders.Charging) -> list[Finding]:
    """What is not charged that should be, and what was sent without its outcome being known; where there is any."""
    findings = []
    if found.overdue:
        findings.append(
            failure(
                f"{found.overdue:,} {'charge is' if found.overdue == 1 else 'charges are'} overdue, the oldest for "
                f"{words.duration(found.overdue_s)}",
                "See that workers run, that Valkey answers and that STRIPE_API_KEY is set for them; their logs say "
                "why. What is due is charged once, however late.",
            )
        )
    if found.unknown_s > UNKNOWN_LATE_S:
        findings.append(
            warning(
                f"Nobody knows what came of {found.unknown:,} {'charge' if found.unknown == 1 else 'charges'}, the "
                f"oldest sent {words.duration(found.unknown_s)} ago",
                "See that Stripe answers. They are asked about again and again, and never charged anew meanwhile; "
                "docs/recurring.md says what to do.",
            )
        )
    if found.refused:
        findings.append(
            warning(
                f"Stripe refuses to try {found.refused:,} {'charge' if found.refused == 1 else 'charges'}",
                "Their failure_reason says why (GET /api/v1/recurring-orders): a key, a customer or a payment method "
                "to be mended. They are tried again by themselves.",
            )
        )
    if found.held:
        findings.append(
            warning(
                f"{found.held:,} recurring {'order waits' if found.held == 1 else 'orders wait'} for a person",
                "They fell due while the registry was off: GET /api/v1/recurring-orders?held=true, then POST release.",
            )
        )
    if found.stopped:
        findings.append(
            warning(
                f"All charging is stopped in {found.stopped:,} {'account' if found.stopped == 1 else 'accounts'}",
                "Once it may go on: `daybook charging resume`.",
            )
        )
    return findings


def _many(count: int) -> str:
    capped = "+" if count >= health.LIMIT else ""
    return f"{count:,}{capped} {'event is' if count == 1 else 'events are'}"
