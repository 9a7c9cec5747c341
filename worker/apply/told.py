"""What an event leaves behind when a commit settles it: one line in the log, and its place in the metrics.

**The line holds ids and the topic, never the reason**: a reason may quote the payload. It is on the event, for
those who may see it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import structlog
from asyncpg import Record

from worker import metrics
from worker.store.inbox import Outcome

log = structlog.get_logger("apply")
TOPIC_LIMIT = 80
LEVELS = {"dead": "error", "retrying": "warning"}


def settled(account_id: str, outcomes: Iterable[Outcome], rows: Mapping[str, Record], now: float) -> None:
    """Call it after the commit. `rows`: what was read of each event; those that are not there were not ours."""
    for outcome in outcomes:
        row = rows.get(outcome.event_id)
        if row is not None:
            tell(account_id, row, outcome.state, row["attempts"] + 1, now, outcome.dossier_id)


def tell(account_id: str, row: Record, state: str, attempt: int, now: float, order_id: str | None = None) -> None:
    """One event came into this state; `attempt` is the number of the try that brought it there."""
    age_s = now - row["since"].timestamp()
    metrics.settled(row["provider"], row["topic"], state, age_s, attempt)
    say = getattr(log, LEVELS.get(state, "info"))
    say(
        "event_retrying" if state == "retrying" else "event_settled",
        event_id=row["id"],
        account=account_id,
        connection=row["connection"],
        topic=row["topic"][:TOPIC_LIMIT],
        state=state,
        attempt=attempt,
        ms=round(age_s * 1000, 1),
        orders=[order_id] if order_id and state == "applied" else [],  # what waits has a dossier and no order
    )


def woken(account_id: str, rows: Iterable[Record], now: float) -> None:
    """Events that waited were applied by the commit that made their order."""
    for row in rows:
        tell(account_id, row, "applied", row["attempts"], now, row["dossier_id"])
