"""Errors by what can be done about them: a person mends it (UserError), time mends it (Transient), or neither."""

from __future__ import annotations

import asyncpg


class UserError(Exception):
    """Something that a person can mend: what happened, and what to do now.

    The command line prints it as one sentence (or two) and exits; it never shows a traceback for it.
    """

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        gap = "" if self.message.endswith("\n") else " "
        return f"{self.message}{gap}{self.remedy}".strip()


class Transient(Exception):
    """It failed because of a moment (a lost connection, a deadlock, a race): the same work may succeed if repeated."""


DATABASE_ERRORS = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
"""What a statement may raise. The last one is what asyncpg says where PostgreSQL has just ended the session and the
connection's end is still on its way."""
_TRANSIENT = (
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.LockNotAvailableError,
    asyncpg.QueryCanceledError,
    asyncpg.InvalidCachedStatementError,
    asyncpg.UniqueViolationError,  # another worker made the same row a moment before
    asyncpg.ForeignKeyViolationError,  # another worker merged the row that was meant
    asyncpg.InternalClientError,  # see DATABASE_ERRORS
    TimeoutError,
    OSError,
)


def classify(error: Exception) -> Exception:
    """The error itself, or Transient in its place where repeating the work may help."""
    if isinstance(error, Transient):
        return error
    closed = isinstance(error, asyncpg.InterfaceError) and "clos" in str(error)
    if closed or isinstance(error, _TRANSIENT):
        return Transient(f"{type(error).__name__}: {error}")
    return error
