"""Numbers, times and reasons as people read them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from worker.screens import words

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_counts_stay_short_however_large() -> None:
    found = [words.count(value) for value in (0, 999, 9_999_999, 12_345_678, 9_876_543_210, 10**15)]
    assert found == ["0", "999", "9,999,999", "12.3 M", "9.9 G", "1,000.0 T"]
    assert words.count(100_000, capped=True) == "100,000+"


def test_rates_show_what_matters() -> None:
    assert [words.rate(value) for value in (None, 0, 0.01, 0.25, 12.34, 128.4, 1234.5)] == [
        "—", "0", "< 0.1", "0.2", "12.3", "128", "1,234",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [(0, 0, None), (0, 5, "0"), (5, 5, "100"), (1, 3, "33.3"), (99_999, 100_000, "99.99"), (1, 1_000_000, "0.01")],
)
def test_a_share_is_never_rounded_to_all_or_nothing(part: int, whole: int, text: str | None) -> None:
    assert words.percent(part, whole) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.35, "350 ms"),
        (2.44, "2.4 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (3599, "59 min"),
        (7200, "2 h"),
        (200_000, "2 d"),
    ],
)
def test_durations_have_one_unit(seconds: float, text: str) -> None:
    assert words.duration(seconds) == text


def test_ages_are_whole_and_the_future_is_said_as_such() -> None:
    assert words.ago(NOW - timedelta(seconds=3.7), NOW) == "3 s ago"
    assert words.ago(NOW, NOW) == "now"
    assert words.ago(None, NOW) == "—"
    assert words.until(NOW + timedelta(minutes=5), NOW) == "in 5 min"
    assert words.until(NOW - timedelta(minutes=5), NOW) == "now"
    assert words.until(None, NOW) == "—"


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        (None, ("", "No reason was noted.")),
        (
            "registry_off",
            ("", "The order registry is off. Events are kept, and applied once an administrator enables it."),
        ),
        ("data.object.amount: is not a number", ("data.object.amount", "Is not a number.")),
        ("Transient: DeadlockDetectedError: deadlock detected", ("", "PostgreSQL saw a deadlock with another batch.")),
        ("the body holds only ids: fetch it", ("", "The body holds only ids: fetch it.")),
        ("nothing   to\ndo!", ("", "Nothing to do!")),
    ],
)
def test_a_reason_is_a_sentence(reason: str | None, said: tuple[str, str]) -> None:
    assert words.reason(reason) == said
