"""Dead letters (D3): events that were given up, put together by their cause, so that one mended cause is one replay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

import asyncpg
import msgspec

from schemas.account import Permission
from worker.screens import words
from worker.screens.ops.event import advice
from worker.screens.ops.event_filter import as_json
from worker.screens.screen import Content, Look, Screens
from worker.store import event_reads
from worker.store.event_reads import STUCK_LIMIT
from worker.store.snapshot import snapshot

SCREENS = Screens("ops", permission=Permission.OPS_VIEW)


class Group(msgspec.Struct, frozen=True):
    """Events of one connection and topic with one cause. `matching` is what a replay of them is asked with."""

    row: asyncpg.Record
    what: str
    sentence: str
    advice: str
    href: str
    matching: str

    @property
    def key(self) -> str:
        return self.href


@SCREENS.declare("/dead-letters", "Dead letters", sections=("dead", "retrying"))
async def dead_letters(look: Look) -> Content:
    """The largest group first. Those that are still retried are shown below."""
    async with snapshot(look.ctx.pool) as connection:
        dead = await event_reads.stuck(connection, look.reach, "dead")
        retrying = await event_reads.stuck(connection, look.reach, "retrying")
    return {
        "dead": [group(row, "dead") for row in dead],
        "retrying": [group(row, "retrying") for row in retrying],
        "dead_count": _count(dead),
        "retrying_count": _count(retrying),
        "all_dead": as_json({"state": "dead"}),
        "limit": STUCK_LIMIT,
        "may_replay": look.actor.may(Permission.OPS_REPLAY),
    }


def group(row: asyncpg.Record, state: str) -> Group:
    """A reason that all of the group share is shown word for word, else what they have in common."""
    reason = row["reason"] if row["reasons"] == 1 else row["cause"]
    what, sentence = words.reason(reason)
    given: Mapping[str, Any] = {
        name: value
        for name, value in (
            ("state", state),
            ("connection", row["connection"]),
            ("topic", row["topic"]),
            ("reason", row["cause"]),
        )
        if value
    }
    return Group(
        row, what, sentence, advice(state, reason, row["provider"]), f"/events?{urlencode(given)}", as_json(given)
    )


def _count(rows: Sequence[asyncpg.Record]) -> str:
    events = sum(row["events"] for row in rows)
    return words.count(events, capped=events >= STUCK_LIMIT)
