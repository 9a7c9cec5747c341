"""One event (D3, D4): what arrived, what became of it and why, what it changed, and the rest of the same sale."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import asyncpg
import msgspec

from schemas.account import Permission
from worker.screens import changes, payload, words
from worker.screens.changes import Change
from worker.screens.screen import Content, Look, NotThere, Screens
from worker.store import event_reads
from worker.store.inbox import REGISTRY_OFF
from worker.store.snapshot import snapshot

SCREENS = Screens("ops", permission=Permission.OPS_VIEW)
SECTIONS = ("state", "story", "effects", "details", "sale")
HIDDEN = frozenset({"authorization", "proxy-authorization", "cookie", "x-api-key"})
"""Headers whose values are secrets of the sender: they are kept, and not shown."""


class Step(msgspec.Struct, frozen=True):
    """One entry of the timeline: `at` None where the time was not kept, `offset` from when it was received."""

    title: str
    words: str = ""
    at: datetime | None = None
    offset: str = ""
    tone: str = ""


class Effect(msgspec.Struct, frozen=True):
    """What the event changed at one moment, alone or together with `others` events of the same batch."""

    at: datetime
    others: int
    changes: Sequence[Change]


@SCREENS.declare("/events/{id}", "Event", sections=SECTIONS)
async def event(look: Look) -> Content:
    """With `preview` in the address it is shown beside the list: without the way back, its title a step lower."""
    async with snapshot(look.ctx.pool) as connection:
        row = await event_reads.whole(connection, look.reach, look.id(), payload.SHOWN_BYTES)
        if row is None:
            raise NotThere("event")
        order, entries, payments, siblings = None, [], [], []
        if sale := row["dossier_id"]:
            order = await event_reads.sale_of(connection, look.reach, sale)
            payments = await event_reads.sale_payments(connection, look.reach, sale)
            siblings = await event_reads.same_sale(connection, look.reach, sale)
            entries = await event_reads.changed_by(connection, look.reach, sale, row["id"])
    currency = order["currency"] if order else ""
    effects = [
        Effect(entry["at"], len(entry["events"]) - 1, changes.told(entry["changes"], currency)) for entry in entries
    ]
    return {
        "event": row,
        "order": order,
        "payments": payments,
        "siblings": siblings,
        "effects": effects,
        "steps": steps(row, effects, order, look.now, look.ctx.settings.max_attempts),
        "advice": advice(row["state"], row["reason"] or "", row["provider"]),
        "headers": headers(row["headers"]),
        "payload": payload.show(bytes(row["body"]), row["size"]) if row["body"] is not None else None,
        "retention_days": (await look.account()).retention_days,
        "may_replay": look.actor.may(Permission.OPS_REPLAY),
        "preview": "preview" in look.request.query,
        "max_attempts": look.ctx.settings.max_attempts,
    }


def steps(
    row: asyncpg.Record, effects: Sequence[Effect], order: asyncpg.Record | None, now: datetime, max_attempts: int
) -> list[Step]:
    """What is known to have happened, in order: of earlier attempts only their number was kept."""
    received = row["received_at"]

    def offset(at: datetime) -> str:
        seconds = (at - received).total_seconds()
        return f"{'+' if seconds >= 0 else '−'}{words.duration(abs(seconds))}"

    found = []
    if row["occurred_at"]:
        found.append(Step("Happened", f"as {row['connection']} says", row["occurred_at"], offset(row["occurred_at"])))
    how = "found in the list of the platform, as it was never delivered" if row["fetched"] else "verified and kept"
    size = f"{row['size']:,} bytes, " if row["size"] is not None else ""
    found.append(Step("Received", f"{size}{how}, lane {row['lane']}", received, "0 ms", "info"))
    if row["released_at"]:
        how = "it was replayed, or kept until the order registry was enabled"
        found.append(Step("Queued again", how, row["released_at"], offset(row["released_at"]), "info"))
    for effect in effects:
        what = ", ".join(change.label for change in effect.changes[:4]) + (" …" if len(effect.changes) > 4 else "")
        found.append(
            Step(f"Changed order #{order['number'] if order else ''}", what, effect.at, offset(effect.at), "ok")
        )
    found.sort(key=lambda step: step.at or received)
    state, tries, settled = row["state"], row["attempts"], row["settled_at"]
    counted = "at the first attempt" if tries <= 1 else f"after {tries} attempts"
    if state == "retrying":
        found.append(Step(f"{tries} of {max_attempts} attempts failed", _sentence(row["reason"]), None, "", "warn"))
    if state in ("received", "retrying") and row["next_attempt_at"]:
        title = f"Attempt {tries + 1} of {max_attempts} planned" if state == "retrying" else "To be applied"
        due = row["next_attempt_at"]
        note = "by itself" if state == "retrying" else "as soon as a worker is free; signalled again if it takes longer"
        found.append(Step(title, note, due, words.until(due, now)))
    elif settled:
        title, tone = {
            "applied": ("Applied", "ok"),
            "ignored": ("Ignored", ""),
            "waiting": ("Waiting", "warn"),
            "dead": ("Set aside as dead", "dead"),
        }.get(state, (state, ""))
        said = counted if state == "applied" else _sentence(row["reason"])
        found.append(Step(title, said, settled, offset(settled), tone))
    return found


def advice(state: str, reason: str, provider: str) -> str:
    """What to do about an event in this state."""
    if state == "waiting":
        if reason == REGISTRY_OFF:
            return "An administrator enables the registry with: daybook account enable-registry"
        if "no API key" in reason:
            return f"Set the API key of {provider}, and it is applied by itself."
        return "Nothing has to be done: it is applied by itself once that arrives. If it never does, look for it there."
    if state == "retrying":
        return "Nothing has to be done: it is tried again by itself. Replay it to try now."
    if state == "dead":
        if "adapter" in reason:
            return "Bring the worker that this provider’s adapter is missing or failing on up to date, then replay it."
        return (
            "Mend the cause at the sender or in the connection’s settings, then replay it. Nothing else waits for it."
        )
    return ""


def headers(text: str | None) -> list[tuple[str, str]]:
    """What came before the body, by name; the values of secrets are left out."""
    try:
        found = msgspec.json.decode(text or "{}", type=dict[str, Any])
    except msgspec.DecodeError:
        return []
    return [(name, "not shown" if name.lower() in HIDDEN else str(value)) for name, value in sorted(found.items())]


def _sentence(reason: str | None) -> str:
    what, sentence = words.reason(reason)
    return f"{what}: {sentence}" if what else sentence
