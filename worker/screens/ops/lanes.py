"""The lanes screen: what waits in each, how fast it is worked off, and the switch that pauses it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import msgspec

from schemas.account import Permission
from schemas.provider import Lane
from worker.screens import charts, words
from worker.screens.ops.looks import LOOKS, RANGES
from worker.screens.ops.overview import LaneLine
from worker.screens.ops.overview import lanes as lines
from worker.screens.screen import Content, Look, Screens
from worker.store.lanes import Recent

SCREENS = Screens("ops", permission=Permission.OPS_VIEW)
HOUR = RANGES["1h"]


class LaneRow(msgspec.Struct, frozen=True):
    """A lane as the overview has it, and its last hour. `failed` is empty of the lane that holds no events."""

    now: LaneLine
    failed: str
    line: str
    area: str
    busiest: int


@SCREENS.declare("/lanes", "Lanes", sections=("summary", "table"))
async def lanes(look: Look) -> Content:
    """What waits is of this moment; rates, percentiles and failures are of the last hour."""
    looks = look.request.app[LOOKS]
    read, work = await looks.look(look.reach, HOUR), await looks.work(look.reach)
    recent = await looks.recent(look.reach)
    rows = [row(one, recent) for one in lines(read, work, HOUR)]
    return {
        "rows": rows,
        "paused": [one.now for one in rows if one.now.pause],
        "manned": any(one.now.slots for one in rows),
        "may_pause": look.actor.may(Permission.OPS_REPLAY),
        "since": since,
    }


def row(line: LaneLine, recent: Mapping[str, Recent]) -> LaneRow:
    if line.name == Lane.CHARGES:
        return LaneRow(line, words.NONE, "", "", 0)
    found = recent.get(line.name)
    steps = found.steps if found else ()
    drawn, area = charts.spark(steps) if found else ("", "")
    return LaneRow(line, words.count(found.failed if found else 0), drawn, area, max(steps, default=0))


def since(line: LaneLine, now: datetime) -> str:
    """Who paused a lane, and how long ago, in words."""
    if line.pause is None:
        return ""
    ago = words.ago(line.pause.at, now)
    return f"{'just now' if ago == 'now' else ago} by {line.pause.by.removeprefix('token:')}"
