"""What a check of `daybook doctor` ends in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Finding:
    """One line of the report: what is so, and what to do if it should not be."""

    level: Literal["ok", "warning", "failure"]
    what: str
    remedy: str = ""


def ok(what: str) -> Finding:
    return Finding("ok", what)


def warning(what: str, remedy: str) -> Finding:
    return Finding("warning", what, remedy)


def failure(what: str, remedy: str) -> Finding:
    return Finding("failure", what, remedy)
