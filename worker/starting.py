"""Starting beside a PostgreSQL that is still starting itself: wait for it, and say so, in place of ending."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import asyncpg
import structlog
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_after_delay, wait_exponential

from worker.errors import UserError

log = structlog.get_logger("start")

PATIENCE_S = 60.0
"""How long PostgreSQL may take: recovery after a crash, or a container that comes up later."""
AWAY = (
    OSError,
    TimeoutError,
    asyncpg.CannotConnectNowError,
    asyncpg.PostgresConnectionError,
    asyncpg.TooManyConnectionsError,
)
Answer = TypeVar("Answer")


async def patient(work: Callable[[], Awaitable[Answer]], *, within_s: float = PATIENCE_S) -> Answer:
    """What the work gives, tried again while PostgreSQL is away. What else it objects to (a password, an absent
    database) is said at once."""
    try:
        async for attempt in AsyncRetrying(
            retry=retry_if_exception_type(AWAY), wait=wait_exponential(multiplier=0.1, max=2),
            stop=stop_after_delay(within_s), before_sleep=_say, reraise=True,
        ):  # fmt: skip
            with attempt:
                return await work()
    except AWAY as error:
        raise UserError(
            f"PostgreSQL did not answer within {within_s:g} s: {str(error) or type(error).__name__}.",
            remedy="See that it runs and that DATABASE_URL is right.",
        ) from None
    except (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError) as error:
        raise UserError(
            f"PostgreSQL refuses the connection: {error}.", remedy="Mend DATABASE_URL, or make the database."
        ) from None
    raise AssertionError("a try either answers or raises")


def _say(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    log.warning("postgres_awaited", error=type(error).__name__, seconds=round(state.seconds_since_start or 0, 1))
