"""A log line is a line (I3, I5): no traceback, nothing that a stranger sent, no flood."""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Iterator

import asyncpg
import pytest
import structlog

from worker import logs
from worker.errors import UserError
from worker.logs import configure


@pytest.fixture
def as_in_production() -> Iterator[None]:
    """The logging of a process, taken back afterwards."""
    root, server = logging.getLogger(), logging.getLogger("aiohttp.server")
    before = (list(root.handlers), root.level, list(server.filters))
    yield
    root.handlers, server.filters = before[0], before[2]
    root.setLevel(before[1])


@pytest.mark.usefixtures("as_in_production")
def test_I3_an_exception_is_logged_without_its_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    configure()
    try:
        raise ValueError("too many\nlines")
    except ValueError:
        logging.getLogger("somewhere").exception("it failed")
    [line] = capsys.readouterr().err.splitlines()
    told = json.loads(line)
    assert (told["event"], told["error"], told["message"]) == ("it failed", "ValueError", "")
    assert "Traceback" not in line
    assert told["at"].startswith("test_I3_an_exception")


@pytest.mark.usefixtures("as_in_production")
def test_I3_I5_unreadable_requests_are_one_line_a_second_without_what_was_sent(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure()
    for _ in range(1000):
        try:
            raise ValueError("Authorization: Bearer hush")
        except ValueError:
            logging.getLogger("aiohttp.server").exception("Error handling request from %s", "Bearer hush")
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert 1 <= len(lines) <= 5
    assert {(line["event"], line["error"], line["level"]) for line in lines} == {
        ("request_unreadable", "ValueError", "warning")
    }
    assert all("hush" not in json.dumps(line) for line in lines)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ConnectionRefusedError(111, "Connection refused"), "[Errno 111] Connection refused"),
        (asyncpg.CannotConnectNowError("the database system is shutting down"), "the database system is shutting down"),
        (UserError("A sentence.", remedy="Another."), "A sentence. Another."),
        (ValueError("could not convert string to float: 'MARKER'"), ""),
        (asyncpg.exceptions.DataError("invalid input for query argument $6: 'MARKER'"), "22000"),
        (asyncpg.exceptions.InvalidTextRepresentationError('invalid input syntax for type uuid: "MARKER"'), "22P02"),
    ],
)
def test_X4_an_error_is_quoted_only_where_it_cannot_quote_a_payload(error: Exception, said: str) -> None:
    assert logs.said(error) == said


@pytest.mark.usefixtures("as_in_production")
def test_X4_a_server_that_is_away_is_one_line_of_asyncpgs_pool(capsys: pytest.CaptureFixture[str]) -> None:
    configure()
    try:
        raise ConnectionRefusedError(111, "Connection refused")
    except ConnectionRefusedError:
        logging.getLogger("asyncpg.pool").warning(
            "Failed to restore the pool connection floor; retrying", exc_info=True
        )
    [line] = capsys.readouterr().err.splitlines()
    assert json.loads(line)["error"] == "ConnectionRefusedError"
    assert "Traceback" not in line


@pytest.mark.usefixtures("as_in_production")
def test_I1_a_line_that_finds_the_disk_full_is_lost_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    with open("/dev/full", "w", encoding="utf-8") as full:  # noqa: PTH123  (each write to it ends with ENOSPC)
        monkeypatch.setattr("sys.stderr", full)
        configure()
        lines = structlog.get_logger("receive")
        for level in ("info", "warning", "error"):
            getattr(lines, level)("deliveries_committed", events=["x" * 20_000])
        with contextlib.suppress(OSError):
            full.close()
