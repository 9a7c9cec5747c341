"""Charts as geometry."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from worker.screens import charts
from worker.screens.charts import Series


def test_a_line_goes_from_edge_to_edge_and_from_ground_to_top() -> None:
    assert charts.line([0, 50, 100], 100) == "M0 100L50 50L100 0"
    assert charts.area([0, 50, 100], 100) == "M0 100L0 100L50 50L100 0L100 100Z"


def test_a_gap_lifts_the_pen_and_a_lone_value_is_a_dot() -> None:
    assert charts.line([None, 10, None, 20, 30], 100) == "M25 90h0M75 80L100 70"
    assert charts.line([None, None], 100) == ""
    assert charts.area([], 1) == ""


@pytest.mark.parametrize(
    ("value", "top"), [(0, 4), (1, 1), (7, 8), (9, 10), (11, 20), (750, 800), (0.03, 0.03), (10**9, 10**9)]
)
def test_the_top_label_is_a_round_number_not_below_the_values(value: float, top: float) -> None:
    assert charts.ceiling(value) == pytest.approx(top)
    assert charts.ceiling(value) >= value * (1 - 1e-9)


def test_numbers_on_an_axis_are_short() -> None:
    assert [charts.number(value) for value in (None, 0, 0.25, 7.5, 250, 1500, 20_000, 2_500_000, 3e9)] == [
        "—", "0", "0.25", "7.5", "250", "1,500", "20k", "2.5M", "3G",
    ]  # fmt: skip


def test_a_chart_says_in_words_what_it_shows() -> None:
    times = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minute) for minute in range(3)]
    drawn = charts.chart("Latency", "", " ms", times, [Series("p95", "c1", [1, None, 250])])
    assert drawn.summary == "Latency, 3 points, latest: p95 250 ms. Arrow keys read single values."
    assert drawn.points == (("00:00 UTC", "1"), ("00:01 UTC", "—"), ("00:02 UTC", "250"))
    assert drawn.y_labels == ("300", "225", "150", "75", "0")
    empty = charts.chart("Latency", "", " ms", times, [Series("p95", "c1", [None, None, 0])])
    assert empty.summary == "Latency: nothing in this time."


def test_a_chart_of_days_names_days() -> None:
    times = [datetime(2026, 2, 27, tzinfo=UTC) + timedelta(days=day) for day in range(5)]
    drawn = charts.chart("Checkouts", "", "", times, [Series("Opened", "c1", [0, 1, 2, 3, 4])], days=True)
    assert drawn.x_labels == ("27 Feb", "28 Feb", "01 Mar", "02 Mar", "03 Mar")
    assert drawn.points[2] == ("01 Mar 2026", "2")
