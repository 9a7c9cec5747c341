"""How a lane is, and how the workers are that work it off, in one word each."""

from __future__ import annotations

from schemas.lane import LaneState

BEHIND_S = 30
"""A lane whose oldest event is older than this is behind."""
LATE_S, SILENT_S = 15, 60
"""A worker that was not heard of for this long is late, then silent."""


def state(*, paused: bool, oldest_s: float | None, queued: int, running: int, manned: bool) -> LaneState:
    """`oldest_s`: the age of the oldest that waits in the lane; `manned`: whether any worker is alive. A paused lane is
    never late."""
    if paused:
        return LaneState.PAUSED
    if oldest_s is not None and oldest_s > BEHIND_S:
        return LaneState.BEHIND
    if not manned:
        return LaneState.NO_WORKER
    return LaneState.WORKING if running or queued else LaneState.IDLE


def heartbeat(silence_s: float) -> str:
    """How a worker is that was last heard of so many seconds ago: alive, late or silent."""
    return "alive" if silence_s < LATE_S else "late" if silence_s < SILENT_S else "silent"
