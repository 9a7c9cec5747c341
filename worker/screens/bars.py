"""Bars as geometry: upright ones over time, lying ones for a ranking. Amounts are in minor units of one currency, and
every bar has its amount as text beside it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from handlers.money import EXPONENTS
from worker.screens.charts import GRID, ceiling, number
from worker.screens.words import money

WIDEST_GAP = 0.28
"""The part of a step that is left free between two bars."""


class Bar(msgspec.Struct, frozen=True):
    """A bar in a plot that is 100 wide and 100 high; `left` and `step` are the whole place it stands in."""

    label: str
    text: str
    x: str
    y: str
    width: str
    height: str
    left: str
    step: str


class Bars(msgspec.Struct, frozen=True):
    currency: str
    bars: tuple[Bar, ...]
    y_labels: tuple[str, ...]  # from the top down
    x_labels: tuple[str, ...]  # from the left
    zero: str
    empty: bool
    summary: str


class Rank(msgspec.Struct, frozen=True):
    """A line of a ranking; `width` is of 100."""

    label: str
    text: str
    width: str
    key: str | None


def upright(currency: str, points: Sequence[tuple[str, str, int]]) -> Bars:
    """Bars for amounts, from the left; below zero they hang. `points` are (what it is, the same in short for the axis,
    amount)."""
    scale = 10 ** EXPONENTS.get(currency, 2)
    values = [amount / scale for _, _, amount in points]
    top = ceiling(max(values)) if max(values, default=0) > 0 else 0.0
    low = -ceiling(-min(values)) if min(values, default=0) < 0 else 0.0
    if not top and not low:
        top = float(GRID)
    span = top - low
    step = 100 / max(len(points), 1)
    drawn = []
    for place, ((label, _, amount), value) in enumerate(zip(points, values, strict=True)):
        height = 100 * abs(value) / span
        base = 100 * top / span
        drawn.append(
            Bar(
                label=label,
                text=money(amount, currency),
                x=_short(place * step + step * WIDEST_GAP / 2),
                y=_short(base - height if value > 0 else base),
                width=_short(step * (1 - WIDEST_GAP)),
                height=_short(height),
                left=_short(place * step),
                step=_short(step),
            )
        )
    marks = [round(mark * (len(points) - 1) / GRID) for mark in range(GRID + 1)] if len(points) > GRID else []
    best = max(points, key=lambda point: point[2], default=None)
    return Bars(
        currency=currency,
        bars=tuple(drawn),
        y_labels=tuple(number(top - span * line / GRID) for line in range(GRID + 1)),
        x_labels=tuple(points[mark][1] for mark in marks) or tuple(short for _, short, _ in points),
        zero=_short(100 * top / span),
        empty=not any(values),
        summary=f"{currency}: {len(points)} bars; the highest is {best[0]} with {money(best[2], currency)}."
        if best
        else f"{currency}: nothing in this time.",
    )


def ranking(currency: str, points: Sequence[tuple[str, int, str | None]]) -> tuple[Rank, ...]:
    """(label, amount, key) as lines, in the order given; the longest bar is the largest amount's."""
    most = max((abs(amount) for _, amount, _ in points), default=0) or 1
    return tuple(
        Rank(label, money(amount, currency), _short(100 * max(amount, 0) / most), key) for label, amount, key in points
    )


def _short(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
