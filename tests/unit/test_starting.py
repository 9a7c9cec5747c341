"""A process that starts while PostgreSQL is starting waits for it; what waiting cannot mend is said at once."""

from __future__ import annotations

import asyncpg
import pytest
import structlog

from worker.errors import UserError
from worker.starting import patient


class Server:
    """Fails with each of the errors in turn, then answers."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)

    async def ask(self) -> str:
        if self.errors:
            raise self.errors.pop(0)
        return "answer"


async def test_I1_a_process_that_starts_during_recovery_waits_and_says_so() -> None:
    server = Server(ConnectionRefusedError(), asyncpg.CannotConnectNowError("not yet accepting connections"))
    with structlog.testing.capture_logs() as lines:
        assert await patient(server.ask) == "answer"
    assert [(line["event"], line["error"]) for line in lines] == [
        ("postgres_awaited", "ConnectionRefusedError"),
        ("postgres_awaited", "CannotConnectNowError"),
    ]


async def test_it_does_not_wait_for_ever() -> None:
    server = Server(*[ConnectionRefusedError("refused")] * 9)
    with pytest.raises(UserError, match=r"did not answer within 0\.2 s: refused"):
        await patient(server.ask, within_s=0.2)


@pytest.mark.parametrize(
    "error", [asyncpg.InvalidPasswordError("wrong password"), asyncpg.InvalidCatalogNameError("no database")]
)
async def test_what_waiting_cannot_mend_is_said_at_once(error: Exception) -> None:
    with pytest.raises(UserError, match="DATABASE_URL"):
        await patient(Server(error).ask)
