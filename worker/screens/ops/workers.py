"""The processes that apply events, and how they are."""

from __future__ import annotations

from datetime import datetime

from worker.store.overview import WorkerRow

LATE_S, SILENT_S = 15, 60
"""A worker that was not heard of for this long is late, then silent."""


def heartbeat(worker: WorkerRow, now: datetime) -> str:
    """How a worker is: alive, late or silent."""
    silence = (now - worker.seen_at).total_seconds()
    return "alive" if silence < LATE_S else "late" if silence < SILENT_S else "silent"
