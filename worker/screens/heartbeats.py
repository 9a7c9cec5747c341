"""How the processes that apply events are, for whatever page shows them."""

from __future__ import annotations

from datetime import datetime

from handlers import lane
from worker.store.workers import WorkerRow


def heartbeat(worker: WorkerRow, now: datetime) -> str:
    """How a worker is: alive, late or silent."""
    return lane.heartbeat((now - worker.seen_at).total_seconds())
