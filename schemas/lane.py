"""How a lane is, in one word."""

from __future__ import annotations

from enum import StrEnum


class LaneState(StrEnum):
    PAUSED = "paused"  # by a person: nothing of it is applied until somebody resumes it
    BEHIND = "behind"
    NO_WORKER = "no_worker"
    WORKING = "working"
    IDLE = "idle"
