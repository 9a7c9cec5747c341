"""The overview: what came in, how fast it was applied, what waits, what failed. Each part is a section of its own, so
that the stream sends only the parts that changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from handlers.lane import state as lane_state
from schemas.account import Permission
from schemas.provider import Lane
from worker.lanes import DOES, SLOTS
from worker.screens import charts, words
from worker.screens.charts import Chart, Series
from worker.screens.heartbeats import heartbeat
from worker.screens.ops.looks import FIRST, LOOKS, RANGES, Range
from worker.screens.screen import Content, Look, Screens
from worker.screens.session import here
from worker.store.lanes import Pause, Work
from worker.store.overview import ConnectionRow, Count, Overview, Step

SECTIONS = (
    "registry",
    "welcome",
    "figures",
    "states",
    "charts",
    "lanes",
    "connections",
    "failures",
    "waiting",
    "workers",
)
"""The parts of the page, each a template `overview/<name>.html`, in the order of the page."""

STATES = ("received", "applied", "ignored", "waiting", "retrying", "dead")
SHORTEST_PART = 0.25
"""The step that is not over yet is drawn once this part of it has passed."""


class Figure(msgspec.Struct, frozen=True):
    """One number of the strip on top."""

    key: str
    label: str
    value: str
    unit: str
    note: str
    tone: str = ""
    line: str = ""
    area: str = ""


class State(msgspec.Struct, frozen=True):
    name: str
    value: str
    note: str


class LaneLine(msgspec.Struct, frozen=True):
    name: str
    words: str
    state: str
    pause: Pause | None
    queued: str
    deferred: str
    oldest: str
    per_minute: str
    p95: str
    slots: int
    busy: int


SCREENS = Screens("ops", permission=Permission.OPS_VIEW)


@SCREENS.declare("/", "Overview", sections=SECTIONS)
async def overview(look: Look) -> Content:
    """All of it is of the range that the address names; an unknown one is the first."""
    choice = RANGES.get(look.request.query.get("range", ""), FIRST)
    looks = look.request.app[LOOKS]
    read, work = await looks.look(look.reach, choice), await looks.work(look.reach)
    return {
        **view(read, choice),
        "lanes": lanes(read, work, choice),
        "address": here(look.request),
        "max_attempts": look.ctx.settings.max_attempts,
        "may_replay": look.actor.may(Permission.OPS_REPLAY),
        "registry_enabled": look.actor.registry_enabled,
        "account_id": look.actor.account_id,
        "sections": SECTIONS,
        "per_minute": deliveries_per_minute,
    }


def view(look: Overview, choice: Range) -> dict[str, Any]:
    """What an overview of the account comes to, in figures, lines and words."""
    steps = _drawable(look)
    return {
        "look": look,
        "now": look.span.now,
        "choice": choice,
        "ranges": RANGES.values(),
        "figures": figures(look, choice, steps),
        "states": states(look, choice),
        "throughput": throughput(look, steps),
        "latency": latency(steps),
        "waiting": look.open.get("waiting", Count()),
    }


def figures(look: Overview, choice: Range, steps: Sequence[Step]) -> list[Figure]:
    arrived = sum(step.arrived for step in look.steps)
    waiting, dead, retrying = (look.open.get(state, Count()) for state in ("waiting", "dead", "retrying"))
    first = words.percent(look.speed.first, look.speed.tried)
    p95, unit = words.millis(look.speed.p95)
    now = look.span.now
    return [
        Figure(
            "rate", "Events in", words.rate(look.last_minute.events / 60), "per second",
            f"{words.count(arrived)} in {choice.label}", "c1", *charts.spark([step.arrived for step in steps]),
        ),
        Figure(
            "first", "Applied first time", first or words.NONE, "%" if first else "",
            "no retry needed" if first else f"nothing tried in {choice.label}", "ok", *charts.spark(_shares(steps)),
        ),
        Figure(
            "p95", "p95 until applied", p95, unit, "from received to applied", "c2",
            *charts.spark([step.speed.p95 for step in steps]),
        ),
        Figure(
            "waiting", "Waiting", _shown(waiting), "",
            f"oldest {words.age(waiting.oldest, now)}" if waiting.events else "nothing waits",
        ),
        Figure(
            "attention", "Need attention",
            words.count(dead.events + retrying.events, capped=dead.capped or retrying.capped), "",
            f"{_shown(dead)} dead, {_shown(retrying)} retrying",
            "dead" if dead.events else "warn" if retrying.events else "",
        ),
    ]  # fmt: skip


def states(look: Overview, choice: Range) -> list[State]:
    """Unsettled states as they are now; settled ones among what came in the span."""
    found = []
    for name in STATES:
        if name in ("applied", "ignored"):
            here, note = look.settled.get(name, Count()), f"in {choice.label}"
        else:
            here, note = look.open.get(name, Count()), "now"
        found.append(State(name, _shown(here), note))
    return found


def throughput(look: Overview, steps: Sequence[Step]) -> Chart:
    factors = [_per_minute(look, step) for step in steps]
    received = [step.arrived * factor for step, factor in zip(steps, factors, strict=True)]
    troubled = [step.troubled * factor for step, factor in zip(steps, factors, strict=True)]
    return charts.chart(
        "Throughput",
        "events per minute",
        "/min",
        [step.at for step in steps],
        [
            Series("Received", "ok", received, area=True),
            Series("Dead or retrying", "bad", troubled, area=True),
        ],
    )


def latency(steps: Sequence[Step]) -> Chart:
    return charts.chart(
        "Latency",
        "until applied, in ms",
        " ms",
        [step.at for step in steps],
        [
            Series("p50", "c1", [step.speed.p50 for step in steps]),
            Series("p95", "c2", [step.speed.p95 for step in steps]),
            Series("p99", "c3", [step.speed.p99 for step in steps]),
        ],
    )


def lanes(look: Overview, work: Mapping[str, Work], choice: Range) -> list[LaneLine]:
    """What each lane has to do, which is of this moment, beside how fast it was in the range."""
    now = look.span.now
    alive = [worker for worker in look.workers if heartbeat(worker, now) == "alive"]
    found = []
    for lane in Lane:
        row, todo = look.lanes[lane], work[lane]
        busy = sum(int(worker.running.get(lane, 0)) for worker in alive)
        oldest = todo.queued.oldest
        found.append(
            LaneLine(
                name=lane,
                words=DOES[lane],
                state=lane_state(
                    paused=todo.pause is not None,
                    oldest_s=(now - oldest).total_seconds() if oldest else None,
                    queued=todo.queued.events,
                    running=busy,
                    manned=bool(alive),
                ),
                pause=todo.pause,
                queued=_shown(todo.queued),
                deferred=_shown(todo.deferred),
                oldest=words.age(oldest, now),
                per_minute=words.rate(row.received / choice.minutes) if lane is not Lane.CHARGES else words.NONE,
                p95=" ".join(words.millis(row.speed.p95)).strip(),
                slots=SLOTS[lane] * len(alive),
                busy=busy,
            )
        )
    return found


def _shown(counted: Count) -> str:
    return words.count(counted.events, capped=counted.capped)


def _drawable(look: Overview) -> Sequence[Step]:
    """The steps, without the last one while it is too young to say anything."""
    passed = (look.span.now - look.span.last) / look.span.step
    return look.steps if passed >= SHORTEST_PART else look.steps[:-1]


def _per_minute(look: Overview, step: Step) -> float:
    """What turns a count of the step into a rate; the last step is shorter than the others."""
    seconds = min(look.span.step, look.span.now - step.at).total_seconds()
    return 60 / max(seconds, 1e-3)


def _shares(steps: Sequence[Step]) -> list[float | None]:
    return [step.speed.first / step.speed.tried if step.speed.tried else None for step in steps]


def deliveries_per_minute(row: ConnectionRow, now: datetime, choice: Range) -> str:
    """A connection's rate over the span; where counting stopped, over the time that was counted."""
    minutes = choice.minutes
    if row.capped and row.first_at:
        minutes = max((now - row.first_at).total_seconds() / 60, 1e-3)
    return words.rate(row.events / minutes)
