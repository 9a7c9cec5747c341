"""Keeps a child process running: what dies is started again, at once at first, then ever more slowly."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from worker.errors import UserError
from worker.local.process import Child

FIRST_PAUSE_S, LAST_PAUSE_S = 0.2, 5.0
SHORT_LIFE_S = 3.0
"""A child that lived longer did not fail at its start, so the pauses begin anew."""
TOLD_AFTER = 3
"""Short lives in a row before the end of its log is shown; before the first `ready`, also the end of the attempt."""


async def keep_running(child: Child, say: Callable[[str], None], is_ready: Callable[[], bool]) -> None:
    """Start the child again whenever it ends. Before all is ready, a child that cannot stay up is an error."""
    short_lives = 0
    while True:
        await child.wait()
        lived_s = time.monotonic() - child.started_at
        short_lives = short_lives + 1 if lived_s < SHORT_LIFE_S else 0
        if short_lives == TOLD_AFTER:
            lines = "\n".join(f"  {line}" for line in child.last_lines())
            told = f"{child.name} has died {short_lives} times in a row; the end of {child.log}:\n{lines}"
            if not is_ready():
                raise UserError(f"Daybook does not start. {told}\n", remedy="Mend what they name, then start again.")
            say(told)
        if is_ready():
            say(f"{child.name} ended ({child.ending}), starting it again")
        await asyncio.sleep(min(LAST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(max(short_lives - 1, 0), 10)))
        try:
            child.start()
        except OSError as error:
            say(f"{child.name} cannot be started: {error.strerror or error}")
