"""A log line is a line (I3, I5): no traceback, nothing that a stranger sent, no flood."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest

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
    assert (told["event"], told["error"], told["message"]) == ("it failed", "ValueError", "too many\nlines")
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
