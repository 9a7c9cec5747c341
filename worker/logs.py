"""Logs: one JSON line per thing that happened, on standard error. No payload and no secret is ever logged."""

from __future__ import annotations

import contextlib
import logging
import sys
import time
import traceback
from typing import Any

import asyncpg
import msgspec
import structlog
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError
from structlog.typing import EventDict

from worker.errors import UserError

_OF_SERVERS = (
    OSError,
    TimeoutError,
    RedisConnectionError,
    RedisTimeoutError,
    asyncpg.CannotConnectNowError,
    asyncpg.OperatorInterventionError,
    asyncpg.PostgresConnectionError,
    asyncpg.InsufficientResourcesError,
    UserError,
)
"""Errors of servers that are away or full, and our own."""


class Sparing(logging.Filter):
    """At most one line a second, with how many more there were: what strangers send must not fill the disk. The message
    goes, since it may repeat what was sent."""

    def __init__(self) -> None:
        super().__init__()
        self._last, self._more = -1.0, 0

    def filter(self, record: logging.LogRecord) -> bool:
        now = time.monotonic()
        if self._last >= 0 and now - self._last < 1:
            self._more += 1
            return False
        error = record.exc_info[1] if record.exc_info else None
        record.msg, record.args = "request_unreadable", ()
        record.error, record.more = type(error).__name__ if error else None, self._more
        record.exc_info, record.exc_text = None, None
        record.levelno, record.levelname = logging.WARNING, "WARNING"
        self._last, self._more = now, 0
        return True


def said(error: BaseException) -> str:
    """What an error says, where that cannot repeat what somebody sent: of connections and of ourselves. PostgreSQL and
    Python quote the value that they refuse, so of those only the kind is told."""
    if isinstance(error, asyncpg.PostgresError) and not isinstance(error, _OF_SERVERS):
        return " ".join(filter(None, (error.sqlstate, getattr(error, "constraint_name", None))))
    return str(error)[:200] if isinstance(error, _OF_SERVERS) else ""


class _Lines(structlog.WriteLogger):
    """Writes finished lines, under the name of the part of Daybook that says them."""

    def __init__(self, name: str = "") -> None:
        super().__init__(sys.stderr)
        self.name = name

    def msg(self, message: str) -> None:
        """A line that cannot be written is lost, and nothing else: a full disk must not undo what the line tells of. A
        receiver that stopped here had committed, and never answered."""
        with contextlib.suppress(OSError):
            super().msg(message)

    log = debug = info = warn = warning = msg
    fatal = failure = err = error = critical = exception = msg


def _json(event: EventDict, **_options: Any) -> str:
    return msgspec.json.encode(event, enc_hook=repr).decode()


def _one_line(_logger: Any, _name: str, event: EventDict) -> EventDict:
    """An exception as its name, what it may say and its last frames: a log line is a line."""
    given = event.pop("exc_info", None)
    if given is True:
        given = sys.exc_info()
    error = given[1] if isinstance(given, tuple) else given
    if isinstance(error, BaseException):
        frames = traceback.extract_tb(error.__traceback__)[-4:]
        event["error"], event["message"] = type(error).__name__, said(error)
        event["at"] = " < ".join(f"{frame.name}:{frame.lineno}" for frame in reversed(frames))
    return event


def configure(level: str = "info") -> None:
    """Set up structlog, and let libraries speak only from warnings upwards, in the same JSON."""
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    # Our own lines do not go through `logging`: a worker writes one for every event, and it costs four times as much.
    structlog.configure(
        processors=[*shared, _one_line, structlog.processors.JSONRenderer(_json)],
        logger_factory=_Lines,
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper(), logging.INFO)),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder(("error", "more"))],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _one_line,
                structlog.processors.JSONRenderer(_json),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(getattr(logging, level.upper(), logging.INFO))
    logging.getLogger("aiohttp.server").filters = [Sparing()]
    for noisy in ("arq", "aiohttp", "asyncio"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
