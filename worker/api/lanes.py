"""Lanes over the API: how each is, and the switch that pauses it (D2)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from aiohttp import web

from handlers.lane import heartbeat, state
from schemas.account import Permission
from schemas.api.lane import LaneBody, LanePage
from schemas.provider import Lane
from worker.actions import lanes as actions
from worker.api.operation import Ask, Operations, answer
from worker.lanes import DOES, SLOTS
from worker.store import lanes, workers
from worker.store.lanes import Work
from worker.store.snapshot import snapshot
from worker.store.workers import WorkerRow

OPERATIONS = Operations("lanes")
_HEARD = timedelta(minutes=2)


@OPERATIONS.declare("GET", "/lanes", "List lanes", permission=Permission.OPS_VIEW, answer=LanePage)
async def list_lanes(ask: Ask) -> web.Response:
    """All of them, on one page: payments go before orders, orders before bulk imports; `charges` asks Stripe."""
    return answer(LanePage(items=await _bodies(ask), next_cursor=None))


@OPERATIONS.declare(
    "POST",
    "/lanes/{lane}/pause",
    "Pause a lane",
    permission=Permission.OPS_REPLAY,
    answer=LaneBody,
)
async def pause_lane(ask: Ask, lane: str) -> web.Response:
    """From now on no batch applies its events, and other lanes go on: deliveries are taken as ever, stay `received`
    with the reason `lane_paused`, and raise no alarm. A batch that is under way ends. `charges` is the account's
    `charging_stopped`. Harmless to repeat.
    """
    await actions.pause(ask.ctx, ask.actor, Lane(lane))
    return await _shown(ask, lane)


@OPERATIONS.declare(
    "POST",
    "/lanes/{lane}/resume",
    "Resume a lane",
    permission=Permission.OPS_REPLAY,
    answer=LaneBody,
)
async def resume_lane(ask: Ask, lane: str) -> web.Response:
    """What it held is applied from now on, the oldest first; what fell due in `charges` is charged, each recurring
    order once. Harmless where the lane is not paused.
    """
    await actions.resume(ask.ctx, ask.actor, Lane(lane))
    return await _shown(ask, lane)


async def _shown(ask: Ask, lane: str) -> web.Response:
    [body] = [body for body in await _bodies(ask) if body.lane == lane]
    return answer(body)


async def _bodies(ask: Ask) -> list[LaneBody]:
    now = datetime.fromtimestamp(ask.ctx.clock(), UTC)
    async with snapshot(ask.ctx.pool) as connection:
        found = await lanes.work(connection, ask.reach, now)
        heard = await workers.heard_since(connection, now - _HEARD)
    alive = [one for one in heard if heartbeat((now - one.seen_at).total_seconds()) == "alive"]
    return [_body(lane, found[lane], alive, now) for lane in Lane]


def _body(lane: Lane, work: Work, alive: list[WorkerRow], now: datetime) -> LaneBody:
    oldest = work.queued.oldest
    age_s = max((now - oldest).total_seconds(), 0.0) if oldest else None
    running = sum(int(worker.running.get(lane, 0)) for worker in alive)
    pause = work.pause
    return LaneBody(
        lane=lane,
        does=DOES[lane],
        state=state(
            paused=pause is not None, oldest_s=age_s, queued=work.queued.events, running=running, manned=bool(alive)
        ),
        queued=work.queued.events,
        running=running,
        slots=SLOTS[lane] * len(alive),
        deferred=work.deferred.events,
        oldest_at=oldest,
        oldest_age_s=age_s,
        paused_at=pause.at if pause else None,
        paused_by=pause.by if pause else None,
    )
