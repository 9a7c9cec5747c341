"""Charts as geometry: where the lines of an SVG go. What they mean is the caller's to say.

The plot is 100 wide and 100 high whatever its size on the screen (strokes keep their width), and the labels are text
beside it, so that a page needs no script to show a chart, and no inline style.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime

import msgspec

GRID = 4
"""Steps between the lowest and the highest label."""
_NICE = (1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 10.0)
"""Tops whose quarters are short numbers."""


class Series(msgspec.Struct, frozen=True):
    """`tone` names a colour of the style sheet. A value of None is a gap."""

    name: str
    tone: str
    values: Sequence[float | None]
    area: bool = False


class Drawn(msgspec.Struct, frozen=True):
    name: str
    tone: str
    line: str
    area: str
    last: float | None


class Chart(msgspec.Struct, frozen=True):
    """`points` is what the tooltip reads: for each step its time and the value of each series, as text."""

    title: str
    subtitle: str
    unit: str
    series: tuple[Drawn, ...]
    y_labels: tuple[str, ...]  # from the top down
    x_labels: tuple[str, ...]  # from the left
    points: tuple[tuple[str, ...], ...]
    empty: bool

    @property
    def summary(self) -> str:
        """What the picture says, in words."""
        if self.empty:
            return f"{self.title}: nothing in this time."
        last = ", ".join(f"{one.name} {number(one.last)}{self.unit}" for one in self.series)
        return f"{self.title}, {len(self.points)} points, latest: {last}. Arrow keys read single values."


def chart(
    title: str, subtitle: str, unit: str, times: Sequence[datetime], series: Sequence[Series], *, days: bool = False
) -> Chart:
    """`days`: each of `times` is a day."""
    top = ceiling(max((value for one in series for value in one.values if value is not None), default=0.0))
    pattern, label = ("%d %b %Y", "%d %b") if days else (_clock(times), "%H:%M")
    drawn = tuple(
        Drawn(
            name=one.name,
            tone=one.tone,
            line=line(one.values, top),
            area=area(one.values, top) if one.area else "",
            last=one.values[-1] if one.values else None,
        )
        for one in series
    )
    marks = [round(step * (len(times) - 1) / GRID) for step in range(GRID + 1)] if times else []
    return Chart(
        title=title,
        subtitle=subtitle,
        unit=unit,
        series=drawn,
        y_labels=tuple(number(top * step / GRID) for step in range(GRID, -1, -1)),
        x_labels=tuple(f"{times[mark]:{label}}" for mark in marks),
        points=tuple(
            (f"{at:{pattern}}", *(number(one.values[place]) for one in series)) for place, at in enumerate(times)
        ),
        empty=all(not value for one in series for value in one.values),
    )


def _clock(times: Sequence[datetime]) -> str:
    """How a single time reads, by how far apart they are."""
    seconds = len(times) > 1 and (times[1] - times[0]).total_seconds() < 60
    return f"%H:%M{':%S' if seconds else ''} UTC"


def spark(values: Sequence[float | None]) -> tuple[str, str]:
    """A line and its area without axes, over the values' own range."""
    known = [value for value in values if value is not None]
    low, high = min(known, default=0.0), max(known, default=0.0)
    scale = 84 / (high - low) if high > low else 0.0
    flat = [None if value is None else 8 + scale * (value - low) for value in values]
    return line(flat, 100), area(flat, 100)


def line(values: Sequence[float | None], top: float) -> str:
    """An SVG path through the values. A gap lifts the pen; a value between two gaps is a dot (`h0`)."""
    return "".join(f"M{'L'.join(run)}" if len(run) > 1 else f"M{run[0]}h0" for run in _runs(values, top))


def area(values: Sequence[float | None], top: float) -> str:
    """What lies below the line, each run of values closed down to the ground."""
    return "".join(f"M{_foot(run[0])}L{'L'.join(run)}L{_foot(run[-1])}Z" for run in _runs(values, top))


def _runs(values: Sequence[float | None], top: float) -> list[list[str]]:
    """The points of each unbroken run of values."""
    runs: list[list[str]] = [[]]
    for place, value in enumerate(values):
        if value is None:
            runs.append([])
        else:
            runs[-1].append(f"{_x(place, len(values))} {_y(value, top)}")
    return [run for run in runs if run]


def _foot(point: str) -> str:
    return f"{point.split(' ', maxsplit=1)[0]} 100"


def ceiling(value: float) -> float:
    """The highest label: a round number above the value that divides by the grid."""
    if value <= 0:
        return float(GRID)
    power = 10.0 ** math.floor(math.log10(value))
    return next((step * power for step in _NICE if step * power >= value), 20 * power)


def number(value: float | None) -> str:
    if value is None:
        return "—"
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if value >= limit:
            return f"{value / (1e3 if unit == 'k' else limit):.4g}{unit}"
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.2g}" if value < 1 else f"{value:.3g}"


def _x(place: int, count: int) -> str:
    return _short(100 * place / (count - 1) if count > 1 else 100)


def _y(value: float, top: float) -> str:
    return _short(100 - 100 * value / top)


def _short(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
