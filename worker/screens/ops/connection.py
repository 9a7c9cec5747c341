"""One connection: what it sends and what of that is refused, and the forms that mend it (R4, R6)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from schemas.account import Permission
from schemas.refusal import Trace
from worker.actions import stripe_key
from worker.refusals import cause_words, remedy
from worker.screens import charts, words
from worker.screens.charts import Chart, Series
from worker.screens.ops.looks import LOOKS, RANGES, Range
from worker.screens.screen import Content, Look, NotThere, Screens
from worker.screens.session import here
from worker.store import connection_looks, reconciliations, refusals
from worker.store import connections as store
from worker.store.connection_looks import Arrivals, ConnectionLook
from worker.store.connections import SECRETS_LIMIT, ConnectionRow
from worker.store.db import Pooled
from worker.store.overview import Span
from worker.store.records import Row
from worker.store.refusals import Counted, Listed
from worker.store.snapshot import snapshot

SCREENS = Screens("ops", permission=Permission.OPS_VIEW)
SECTIONS = ("figures", "deliveries", "refused", "quarantine", "reconciled")
CHOICES = {
    choice.key: choice
    for choice in (
        RANGES["1h"],
        Range("24h", "24 h", "last 24 hours", timedelta(minutes=30), 48, 20),
        Range("7d", "7 d", "last 7 days", timedelta(hours=3), 56, 60),
    )
}
USUAL = CHOICES["24h"]
RUNS, DIFFERENCES = 5, 20
_HERE = {
    Trace.WRONG_SIGNATURE: (
        "Enter the secret that the provider shows for this address under Secrets, then verify again. If others are "
        "accepted, see that no proxy changes bodies."
    ),
    Trace.PREVIOUS_SECRET: (
        "The sender still signs with a secret that was replaced. Enter the new one there, or add the old one again "
        "under Secrets, then verify again."
    ),
}
"""What to do about a cause for who has this page open, where it differs from the command line's way."""


class Cause(msgspec.Struct, frozen=True):
    words: str
    remedy: str
    count: str
    last_at: datetime | None


class Kept(msgspec.Struct, frozen=True):
    """A delivery in quarantine: of what was not verified only its size and why is shown."""

    id: str
    received_at: datetime
    words: str
    size: str


class Figure(msgspec.Struct, frozen=True):
    label: str
    value: str
    note: str
    tone: str = ""


@SCREENS.declare("/connections/{id}", "Connection", sections=SECTIONS)
async def connection(look: Look) -> Content:
    """All of it is of the range that the address names; an unknown one is the last 24 hours."""
    choice = CHOICES.get(look.request.query.get("range", ""), USUAL)
    account_id, span = look.actor.account_id, choice.span(look.now)
    row = await store.get(look.ctx.pool, account_id, look.id())
    if row is None:
        raise NotThere("connection")
    async with snapshot(look.ctx.pool) as held:
        found = (await connection_looks.read(held, look.reach, [row.id], span.start))[row.id]
        refused = await connection_looks.refusals(held, account_id, row.id, span)
        counts = await refusals.counted(held, account_id, row.id, span.start)
        kept = await refusals.held(held, account_id, row.id)
        runs = await _runs(held, account_id, row.id)
        missing = await _differences(held, account_id, runs)
    arrived = (await look.request.app[LOOKS].arrivals(look.reach, [row.id], choice))[row.id]
    valid = len(look.ctx.vault.open(row.secrets))
    return {
        "row": row,
        "found": found,
        "chosen": choice,
        "ranges": CHOICES.values(),
        "target": f"{here(look.request)}/webhooks/{row.name}",
        "figures": figures(found, arrived, choice, len(kept)),
        "drawn": deliveries(span, arrived, refused),
        "causes": [_cause(one, row) for one in counts],
        "kept": [_kept(one) for one in kept],
        "valid": valid,
        "secrets_limit": SECRETS_LIMIT,
        "form": settings(row),
        "day": timedelta(days=1),
        "runs": runs,
        "differences": missing,
        "reconcilable": row.provider == "stripe"
        and row.name == stripe_key.NAME
        and look.ctx.settings.stripe_api_key is not None,
        "may_manage": look.actor.may(Permission.SETTINGS_MANAGE),
        "may_replay": look.actor.may(Permission.OPS_REPLAY),
    }


def figures(found: ConnectionLook, came: Arrivals, choice: Range, kept: int) -> list[Figure]:
    arrived = words.count(came.events, capped=came.capped)
    per_minute = words.rate(came.events / choice.minutes)
    return [
        Figure("Accepted", arrived, f"{per_minute} per minute in the {choice.words}"),
        Figure("Refused", words.count(found.refused), f"in the {choice.words}", "bad" if found.refused else ""),
        Figure("In quarantine", words.count(kept), "kept to be verified again", "warn" if kept else ""),
        Figure(
            "Id conflicts", words.count(came.conflicts), "one id with two bodies; both applied",
            "warn" if came.conflicts else "",
        ),
    ]  # fmt: skip


def deliveries(span: Span, came: Arrivals, refused: dict[datetime, int]) -> Chart:
    """Deliveries of each step: accepted, and refused on top where there were any."""
    steps = {step.at: step.events for step in came.steps}
    return charts.chart(
        "Deliveries", f"in each {words.duration(span.step.total_seconds())}", "", list(steps),
        [
            Series("Accepted", "ok", list(steps.values()), area=True),
            Series("Refused", "bad", [refused.get(at) for at in steps], area=True),
        ],
    )  # fmt: skip


def settings(row: ConnectionRow) -> dict[str, Any]:
    """The settings that this provider's form names, each as its field shows it, and under `others` what it does not:
    a form replaces all settings, so these are sent back as they are."""
    held = dict(row.settings)
    shown: dict[str, Any] = {}
    if row.provider == "stripe":
        named = held.pop("orders_from", ("checkout", "invoice"))
        shown["orders_from"] = ", ".join(map(str, named)) if isinstance(named, (list, tuple)) else str(named)
    elif row.provider == "standard":
        shown["header_prefix"] = str(held.pop("header_prefix", "webhook"))
        shown["secret_format"] = str(held.pop("secret_format", "base64"))
    return {**shown, "others": held}


def _cause(one: Counted, row: ConnectionRow) -> Cause:
    try:
        mended = _HERE.get(Trace(one.cause))
    except ValueError:  # a cause of an older version
        mended = None
    return Cause(
        cause_words(one.cause, one.skew_s, one.hint), mended or remedy(one.cause, row.name, one.hint),
        words.count(one.count), one.last_at,
    )  # fmt: skip


def _kept(one: Listed) -> Kept:
    size = f"{one.size:,} B" if one.size < 1024 else f"{one.size / 1024:,.1f} KiB"
    return Kept(one.id, one.received_at, cause_words(one.cause, one.skew_s, one.hint), size)


async def _runs(held: Pooled, account_id: str, connection_id: str) -> list[dict[str, Any]]:
    """The newest comparisons with the platform, each with its sums over all days."""
    ids = [id_ for _, id_ in await reconciliations.list_(held, account_id, connection_id, None, RUNS)]
    rows = await reconciliations.read(held, account_id, connection_id, ids)
    for row in rows:
        for name in ("platform", "received", "recovered", "applied", "pending"):
            row[name] = sum(day[name] for day in row["days"])
    return rows


async def _differences(held: Pooled, account_id: str, runs: Sequence[dict[str, Any]]) -> Sequence[Row]:
    """What the newest comparison found missing, or not applied."""
    return await reconciliations.differences(held, account_id, runs[0]["id"], None, DIFFERENCES) if runs else []
